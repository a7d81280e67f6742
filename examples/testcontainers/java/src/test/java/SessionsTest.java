import static org.junit.jupiter.api.Assertions.assertEquals;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.Test;
import org.testcontainers.containers.SpannerEmulatorContainer;
import org.testcontainers.utility.DockerImageName;

class SessionsTest {
  private static final DockerImageName IMAGE =
      DockerImageName.parse("spanner-session-emulator:latest")
          .asCompatibleSubstituteFor("gcr.io/cloud-spanner-emulator/emulator");

  @Test
  void createsASession() throws Exception {
    try (var emulator = new SpannerEmulatorContainer(IMAGE)) {
      emulator.start();
      // For Google's client: SpannerOptions.newBuilder()
      //     .setEmulatorHost(emulator.getEmulatorGrpcEndpoint())
      var request =
          HttpRequest.newBuilder(
                  URI.create(
                      "http://" + emulator.getEmulatorHttpEndpoint()
                          + "/v1/projects/p/instances/i/databases/d/sessions"))
              .POST(HttpRequest.BodyPublishers.ofString("{}"))
              .build();
      var reply =
          HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
      assertEquals(200, reply.statusCode());
    }
  }
}
