#!/usr/bin/env python3
"""The image without a container engine: its file system, as the Dockerfile has
it made, with what the Dockerfile says is run in it, and by whom.

image_test.py BINARY
"""

import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

from image import PATIENCE, Image, enter_network_of_its_own

BINARY = pathlib.Path(sys.argv.pop(1)).resolve()
DATABASE = "projects/p/instances/i/databases/d"
MAX_BYTES = 25_000_000


def get(url, data=None):
    request = urllib.request.Request(
        url, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
        return json.load(reply)


class ImageTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.image = Image(BINARY, cls.folder.name)
        cls.root = cls.image.root
        cls.dockerfile = cls.image.dockerfile
        enter_network_of_its_own()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def start_server(self, *arguments):
        server = self.image.start_server(arguments)
        self.addCleanup(server.stderr.close)
        self.addCleanup(server.wait, PATIENCE)
        self.addCleanup(server.kill)
        return server

    def test_has_only_what_is_needed(self):
        ldd = subprocess.run(["ldd", BINARY], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
        libraries = set(re.findall(r"/(\S+)", ldd))
        # The loader, and two parts of the C library.
        self.assertEqual({re.split("[-.]", pathlib.Path(library).name)[0]
                          for library in libraries}, {"ld", "libc", "libm"})
        files = {str(path.relative_to(self.root))
                 for path in self.root.rglob("*") if not path.is_dir()}
        docs = {file for file in files if file.startswith("usr/share/doc/")}
        self.assertEqual(files - docs, libraries | {
            "etc/group", "etc/hosts", "etc/passwd", "spanner_session_emulator"})
        self.assertEqual({pathlib.Path(file).name for file in docs},
                         {"LICENSE", "copyright"})

    def test_is_small(self):
        size = sum(path.stat().st_size
                   for path in self.root.rglob("*") if path.is_file())
        print(f"the image's files have {size} bytes")
        self.assertLessEqual(size, MAX_BYTES)

    def test_says_what_container_engines_are_to_know(self):
        self.assertEqual(self.dockerfile["EXPOSE"], "9010 9020")
        self.assertEqual(self.dockerfile["USER"], "65532:65532")
        self.assertEqual(self.dockerfile["STOPSIGNAL"], "SIGTERM")
        self.assertEqual(self.dockerfile["ENV"],
                         "SPANNER_SESSION_EMULATOR_HOSTNAME=0.0.0.0")
        self.assertIn("--from=build /root_fs /", self.dockerfile["COPY"])
        self.assertIn("org.opencontainers.image.title", self.dockerfile["LABEL"])
        # The shell form of these needs a shell.
        self.assertIsInstance(json.loads(self.dockerfile["ENTRYPOINT"]), list)
        self.assertNotIn("CMD", self.dockerfile)

    def test_answers_on_both_ports_without_arguments(self):
        self.assertNotEqual(self.image.check_health(), 0)
        server = self.start_server()
        self.assertEqual(self.image.check_health(), 0)  # Over gRPC, on port 9010.
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
        self.assertNotEqual(self.image.check_health(), 0)

    def test_takes_flags_as_arguments(self):
        self.start_server("--max_sessions=2")
        api = f"http://localhost:9020/v1/{DATABASE}/sessions"
        get(api, b"{}")
        get(api, b"{}")
        with self.assertRaises(urllib.error.HTTPError) as caught:
            get(api, b"{}")
        self.assertEqual(caught.exception.code, 429)
        caught.exception.close()

    def test_listens_where_an_argument_says(self):
        self.start_server("--hostname=localhost")
        self.assertEqual(get("http://localhost:9020/readyz"),
                         {"status": "ready"})
        self.assertEqual(self.image.check_health(), 0)
        with self.assertRaises(urllib.error.URLError):
            get("http://127.0.0.2:9020/readyz")

    def test_makes_certificates_where_everybody_may_write(self):
        self.start_server("--tls_self_signed=/tmp/tls")
        self.assertTrue((self.root / "tmp/tls/ca.pem").exists())


if __name__ == "__main__":
    unittest.main()
