import urllib.request

from testcontainers.core.container import DockerContainer
from testcontainers.core.waiting_utils import wait_for_logs


def test_creates_a_session():
    emulator = (DockerContainer("spanner-session-emulator:latest")
                .with_exposed_ports(9010, 9020))
    with emulator:
        wait_for_logs(emulator, "Cloud Spanner emulator running.")
        host = emulator.get_container_host_ip()
        # For Google's client: SPANNER_EMULATOR_HOST is this host with
        # emulator.get_exposed_port(9010).
        url = (f"http://{host}:{emulator.get_exposed_port(9020)}"
               "/v1/projects/p/instances/i/databases/d/sessions")
        with urllib.request.urlopen(url, data=b"{}") as reply:
            assert reply.status == 200
