#!/usr/bin/env python3
"""The image without a container engine: its file system, as the Dockerfile has
it made, with what the Dockerfile says is run in it, and by whom.

image_test.py BINARY
"""

import ctypes
import fcntl
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

BINARY = pathlib.Path(sys.argv.pop(1)).resolve()
DATABASE = "projects/p/instances/i/databases/d"
MAX_BYTES = 25_000_000
PATIENCE = 60  # Seconds, for what should happen at once.


def enter_network_of_its_own():
    """So that ports 9010 and 9020 are free, whatever runs on this machine."""
    new_user, new_network = 0x10000000, 0x40000000
    libc = ctypes.CDLL(None, use_errno=True)
    user = os.getuid()
    # Only in a user namespace of its own may another user than root do this.
    flags = new_network if user == 0 else new_network | new_user
    if libc.unshare(flags) != 0:
        if user == 0:
            return  # As in a container, whose network is its own already.
        sys.exit("image_test: run it as root, or where users may make user "
                 "namespaces: " + os.strerror(ctypes.get_errno()))
    if user != 0:
        pathlib.Path("/proc/self/uid_map").write_text(f"65532 {user} 1")
    get_up, up = 0x8914, 0x1
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, get_up, struct.pack("16sh", b"lo", up))


def read_dockerfile():
    """The last stage's instructions: name -> all that stands behind it."""
    text = pathlib.Path("Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    stage = text.split("\nFROM ")[-1]
    return dict(line.split(" ", 1) for line in stage.splitlines()[1:]
                if line)


def get(url, data=None):
    request = urllib.request.Request(
        url, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
        return json.load(reply)


class Image(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.dockerfile = read_dockerfile()
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.folder.name, "root_fs")
        subprocess.run(["tools/image/root_fs.sh", BINARY, cls.root], check=True)
        enter_network_of_its_own()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def start(self, command):
        """Runs a command as the image's user, with its file system."""
        user, group = map(int, self.dockerfile["USER"].split(":"))

        def enter():
            os.chroot(self.root)
            os.chdir("/")
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(group)
                os.setuid(user)

        return subprocess.Popen(command, env={}, preexec_fn=enter,
                                stdin=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)

    def start_server(self, *arguments):
        """As `docker run IMAGE ARGUMENTS`; returns when it says that it runs."""
        server = self.start(
            json.loads(self.dockerfile["ENTRYPOINT"]) + list(arguments))
        self.addCleanup(server.stderr.close)
        self.addCleanup(server.wait, PATIENCE)
        self.addCleanup(server.kill)
        log = []
        # The line that Testcontainers' modules wait for.
        while "Cloud Spanner emulator running." not in (log or [""])[-1]:
            log.append(server.stderr.readline())
            self.assertTrue(log[-1], "the server has ended: " + "".join(log))
        return server

    def healthcheck(self):
        """The exit code of the image's health check."""
        command = self.dockerfile["HEALTHCHECK"].partition("CMD ")[2]
        process = self.start(json.loads(command))
        process.communicate(timeout=PATIENCE)
        return process.returncode

    def test_has_only_what_is_needed(self):
        libraries = {
            "." + line for line in subprocess.run(
                ["sh", "-c", f"ldd {BINARY} | grep -o '/[^ ]*'"], check=True,
                stdout=subprocess.PIPE, text=True).stdout.split()}
        files = {str(path.relative_to(self.root))
                 for path in self.root.rglob("*") if not path.is_dir()}
        others = files - {str(pathlib.Path(lib)) for lib in libraries}
        self.assertEqual(
            {file for file in others if not file.startswith("usr/share/doc/")},
            {"etc/group", "etc/hosts", "etc/passwd", "spanner_session_emulator"})
        self.assertEqual(
            {pathlib.Path(lib).name.split(".")[0] for lib in libraries},
            {"libc", "libm", *(f for f in (pathlib.Path(lib).name.split(".")[0]
                                           for lib in libraries)
                               if f.startswith("ld-linux"))})
        for file in others:
            if file.startswith("usr/share/doc/"):
                self.assertIn(pathlib.Path(file).name, ["LICENSE", "copyright"])
        self.assertIn("usr/share/doc/LICENSE", files)

    def test_is_small(self):
        size = sum(path.stat().st_size
                   for path in self.root.rglob("*") if path.is_file())
        print(f"the image's files have {size} bytes")
        self.assertLessEqual(size, MAX_BYTES)

    def test_says_what_container_engines_are_to_know(self):
        self.assertEqual(self.dockerfile["EXPOSE"], "9010 9020")
        self.assertEqual(self.dockerfile["USER"], "65532:65532")
        self.assertEqual(self.dockerfile["STOPSIGNAL"], "SIGTERM")
        self.assertIn("--from=build /root_fs /", self.dockerfile["COPY"])
        self.assertIn("org.opencontainers.image.title", self.dockerfile["LABEL"])
        # The shell form of these needs a shell.
        self.assertIsInstance(json.loads(self.dockerfile["ENTRYPOINT"]), list)
        self.assertNotIn("CMD", self.dockerfile)

    def test_answers_on_both_ports_without_arguments(self):
        self.assertNotEqual(self.healthcheck(), 0)
        server = self.start_server()
        self.assertEqual(self.healthcheck(), 0)  # Over gRPC, on port 9010.
        # Another address than localhost's, as from outside of the container.
        api = f"http://127.0.0.2:9020/v1/{DATABASE}/sessions"
        name = get(api, b"{}")["name"]
        self.assertEqual([s["name"] for s in get(api)["sessions"]], [name])
        with socket.create_connection(("127.0.0.2", 9010), PATIENCE):
            pass
        self.assertIn("\nUid:\t65532\t65532\t65532\t65532\n",
                      pathlib.Path(f"/proc/{server.pid}/status").read_text())
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(PATIENCE), 0)
        self.assertNotEqual(self.healthcheck(), 0)

    def test_takes_flags_as_arguments(self):
        self.start_server("--max_sessions=2")
        api = f"http://localhost:9020/v1/{DATABASE}/sessions"
        get(api, b"{}")
        get(api, b"{}")
        with self.assertRaises(urllib.error.HTTPError) as caught:
            get(api, b"{}")
        self.assertEqual(caught.exception.code, 429)
        caught.exception.close()

    def test_listens_where_the_last_hostname_says(self):
        self.start_server("--hostname=localhost")
        self.assertEqual(get("http://localhost:9020/readyz"),
                         {"status": "ready"})
        self.assertEqual(self.healthcheck(), 0)
        with self.assertRaises(urllib.error.URLError):
            get("http://127.0.0.2:9020/readyz")

    def test_makes_certificates_where_everybody_may_write(self):
        self.start_server("--tls_self_signed=/tmp/tls")
        self.assertTrue((self.root / "tmp/tls/ca.pem").exists())


if __name__ == "__main__":
    unittest.main()
