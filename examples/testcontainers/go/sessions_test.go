package sessions

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
)

func TestCreatesASession(t *testing.T) {
	ctx := context.Background()
	emulator, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{
		ContainerRequest: testcontainers.ContainerRequest{
			Image:        "spanner-session-emulator:latest",
			ExposedPorts: []string{"9010/tcp", "9020/tcp"},
			WaitingFor:   wait.ForLog("Cloud Spanner emulator running."),
		},
		Started: true,
	})
	testcontainers.CleanupContainer(t, emulator)
	if err != nil {
		t.Fatal(err)
	}
	// For Google's client: SPANNER_EMULATOR_HOST is
	// emulator.PortEndpoint(ctx, "9010/tcp", "").
	url, err := emulator.PortEndpoint(ctx, "9020/tcp", "http")
	if err != nil {
		t.Fatal(err)
	}
	reply, err := http.Post(url+"/v1/projects/p/instances/i/databases/d/sessions",
		"application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		t.Error(reply.Status)
	}
}
