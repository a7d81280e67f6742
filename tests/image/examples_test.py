#!/usr/bin/python3
"""The examples around the image. Scripts with `docker` run against a stand-in
that has the image's file system and no engine; of the files for others' systems
(compose, CI), what concerns the image is held against the Dockerfile and the
server. Debian's Python, for its yaml.

examples_test.py BINARY
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import socketserver
import unittest

import yaml

from image import PATIENCE, Image, enter_network_of_its_own

BINARY = pathlib.Path(sys.argv.pop(1)).resolve()
EXAMPLES = pathlib.Path("examples").resolve()
NAME = "spanner-session-emulator"
VARIABLE = "SPANNER_SESSION_EMULATOR_"


class Docker:
    """What `docker` does, as far as the examples need it, with one image."""

    def __init__(self, image):
        self.image = image
        self.containers = {}  # Name -> (server, environment)
        self.commands = []

    def call(self, arguments, folder):
        """Returns the exit code and the output."""
        self.commands.append(arguments[0])
        return getattr(self, arguments[0])(arguments[1:], folder)

    def run(self, arguments, folder):
        name, environment, ports = None, {}, []
        while arguments[0].startswith("-"):
            option = arguments.pop(0)
            if option in ("--rm", "--detach"):
                continue
            value = arguments.pop(0)
            if option == "--name":
                name = value
            elif option == "-p":
                ports.append(value)
            elif option == "-e":
                environment.update([value.split("=", 1)])
            elif option == "-v":
                source, target, *mode = value.split(":")
                assert source.startswith("/") and mode in ([], ["ro"]), value
                shutil.copytree(source, f"{self.image.root}{target}")
            else:
                return 125, f"unknown option {option}"
        assert arguments[0] in (NAME, f"{NAME}:latest"), arguments[0]
        # Both networks are one here, so no port can become another one.
        exposed = self.image.dockerfile["EXPOSE"].split()
        assert ports == [f"{port}:{port}" for port in exposed], ports
        self.containers[name] = (
            self.image.start_server(arguments[1:], environment), environment)
        return 0, name

    def inspect(self, arguments, _):
        assert arguments[:2] == ["--format", "{{.State.Health.Status}}"]
        _, environment = self.containers[arguments[2]]
        code = self.image.check_health(environment)
        return 0, "starting" if code else "healthy"

    def cp(self, arguments, folder):
        name, path = arguments[0].split(":")
        assert name in self.containers
        shutil.copy(f"{self.image.root}{path}", pathlib.Path(folder, arguments[1]))
        return 0, ""

    def stop(self, arguments, _):
        server, _ = self.containers.pop(arguments[0])
        server.terminate()
        server.communicate(timeout=PATIENCE)
        return server.returncode, arguments[0]


class DockerOfNoUse(Docker):
    """One whose containers end at once."""

    def run(self, arguments, folder):
        return 0, "spanner"

    def inspect(self, arguments, folder):
        return 1, "no such container"


class Handler(socketserver.StreamRequestHandler):
    """One call of the stand-in's program, as JSON in one line each way."""

    def handle(self):
        call = json.loads(self.rfile.readline())
        try:
            code, out = self.server.docker.call(call["arguments"], call["folder"])
        except Exception as error:  # Shows up in the script's output.
            code, out = 125, f"docker: {error!r}"
        self.wfile.write(json.dumps([code, out]).encode())


# What is called `docker` on the scripts' PATH.
CLIENT = """#!/usr/bin/python3
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect(%r)
    s.sendall(json.dumps({"arguments": sys.argv[1:], "folder": os.getcwd()})
              .encode() + b"\\n")
    code, out = json.loads(s.makefile().read())
print(out, file=sys.stderr if code else sys.stdout)
sys.exit(code)
"""


class ExamplesTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        # A socket's path must be short.
        cls.folder = tempfile.TemporaryDirectory(dir="/tmp")
        cls.image = Image(BINARY, cls.folder.name)
        enter_network_of_its_own()
        address = f"{cls.folder.name}/docker.sock"
        cls.server = socketserver.UnixStreamServer(address, Handler)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.bin = pathlib.Path(cls.folder.name, "bin")
        cls.bin.mkdir()
        client = cls.bin / "docker"
        client.write_text(CLIENT % address)
        client.chmod(0o755)

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()
        cls.folder.cleanup()

    def start_script(self, name, docker):
        """Runs it to its end."""
        self.server.docker = docker
        with tempfile.TemporaryDirectory(dir=self.folder.name) as folder:
            run = subprocess.run(
                [EXAMPLES / "container" / name], cwd=folder, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE,
                env={"PATH": f"{self.bin}:{os.environ['PATH']}"})
        for server, _ in docker.containers.values():
            server.kill()
            server.communicate()
        return run

    def run_script(self, name):
        docker = Docker(self.image)
        run = self.start_script(name, docker)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertEqual(docker.commands[0], "run")
        self.assertEqual(docker.commands[-1], "stop")
        return run.stdout

    def test_run(self):
        self.assertIn("/databases/d/sessions/", self.run_script("run.sh"))

    def test_tls(self):
        self.assertIn('"status": "ready"', self.run_script("tls.sh"))

    def test_script(self):
        self.assertIn('"sql": "SELECT 1"', self.run_script("script.sh"))

    def test_scripts_end_when_the_server_does_not_start(self):
        for script in (EXAMPLES / "container").iterdir():
            with self.subTest(script.name):
                run = self.start_script(script.name, DockerOfNoUse(self.image))
                self.assertNotEqual(run.returncode, 0)
                self.assertIn("no such container", run.stderr)

    def check_flags(self, flags):
        """That the server takes them: it starts, and ends with its input."""
        run = subprocess.run(
            [BINARY, *flags, "--grpc_port=0", "--http_port=0",
             "--exit_on_stdin_close"], stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        self.assertEqual(run.returncode, 0, run.stderr)

    def check_variables(self, variables):
        """That what is named like one of the server's variables is one."""
        flags = {}
        for name, value in variables.items():
            if name.startswith(VARIABLE):
                flag = name[len(VARIABLE):].lower()
                flags[name] = f"--{flag}={value}"
        self.check_flags(flags.values())
        return flags

    def check_ports(self, ports):
        exposed = self.image.dockerfile["EXPOSE"].split()
        self.assertEqual(ports, [f"{port}:{port}" for port in exposed])

    def test_compose(self):
        services = yaml.safe_load(
            (EXAMPLES / "compose/compose.yaml").read_text())["services"]
        server, client = services["spanner"], services["client"]
        self.assertEqual(server["image"], f"{NAME}:latest")
        self.check_ports(server["ports"])
        self.check_flags(server["command"])
        self.assertEqual(server["healthcheck"]["test"],
                         ["CMD", *self.image.healthcheck])
        self.assertEqual(client["depends_on"],
                         {"spanner": {"condition": "service_healthy"}})
        self.assertEqual(client["environment"],
                         {"SPANNER_EMULATOR_HOST": "spanner:9010"})
        # The client's command, which finds the server by the service's name.
        running = self.image.start_server(server["command"])
        self.addCleanup(running.communicate)
        self.addCleanup(running.kill)
        self.assertEqual(client["command"][0], "curl")
        out = subprocess.run(
            [*client["command"], "--connect-to", "spanner::127.0.0.1:"],
            stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True)
        self.assertIn("/databases/d/sessions/", out.stdout)

    def test_github_actions(self):
        workflow = yaml.safe_load(
            (EXAMPLES / "ci/github_actions.yml").read_text())
        job = workflow["jobs"]["tests"]
        service = job["services"]["spanner"]
        self.assertIn(f"/{NAME}:", service["image"])
        self.check_ports(service["ports"])
        self.assertEqual(len(self.check_variables(service["env"])), 1)
        self.assertEqual(job["env"], {"SPANNER_EMULATOR_HOST": "localhost:9010"})
        self.assertTrue(all("uses" in step or "run" in step
                            for step in job["steps"]))

    def test_gitlab(self):
        job = yaml.safe_load((EXAMPLES / "ci/gitlab.yml").read_text())["tests"]
        [service] = job["services"]
        self.assertIn(f"/{NAME}:", service["name"])
        self.check_flags(service["command"])
        self.assertEqual(
            job["variables"],
            {"SPANNER_EMULATOR_HOST": f"{service['alias']}:9010"})

    def test_testcontainers(self):
        """That they want the image, the ports and the line that there are."""
        folder = EXAMPLES / "testcontainers"
        files = [folder / "go/sessions_test.go",
                 folder / "node/sessions.test.js",
                 folder / "python/test_sessions.py"]
        for file in files:
            text = file.read_text()
            self.assertIn(f'{NAME}:latest', text)
            self.assertIn("Cloud Spanner emulator running.", text)
            for port in self.image.dockerfile["EXPOSE"].split():
                self.assertIn(port, text)
        java = (folder / "java/src/test/java/SessionsTest.java").read_text()
        self.assertIn(f'parse("{NAME}:latest")', java)
        self.assertIn('asCompatibleSubstituteFor('
                      '"gcr.io/cloud-spanner-emulator/emulator")', java)


if __name__ == "__main__":
    unittest.main()
