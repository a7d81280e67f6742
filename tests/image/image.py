"""What tests of the image share: its file system, as the Dockerfile has it made,
and what the Dockerfile's last stage says of it, without a container engine.
"""

import ctypes
import fcntl
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys

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
        sys.exit("run it as root, or where users may make user "
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


class Image:

    def __init__(self, binary, folder):
        self.dockerfile = read_dockerfile()
        self.root = pathlib.Path(folder, "root_fs")
        subprocess.run(["tools/image/root_fs.sh", binary, self.root], check=True)
        self.environment = dict([self.dockerfile["ENV"].split("=")])
        self.entrypoint = json.loads(self.dockerfile["ENTRYPOINT"])
        self.healthcheck = json.loads(
            self.dockerfile["HEALTHCHECK"].partition("CMD ")[2])

    def start(self, command, environment=None):
        """Runs a command as the image's user, with its files and variables."""
        user, group = map(int, self.dockerfile["USER"].split(":"))

        def enter():
            os.chroot(self.root)
            os.chdir("/")
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(group)
                os.setuid(user)

        return subprocess.Popen(command, preexec_fn=enter, text=True,
                                env={**self.environment, **(environment or {})},
                                stdin=subprocess.DEVNULL,
                                stderr=subprocess.PIPE)

    def start_server(self, arguments=(), environment=None):
        """As `docker run IMAGE ARGUMENTS`; returns when it says that it runs."""
        server = self.start(self.entrypoint + list(arguments), environment)
        log = []
        # The line that Testcontainers' modules wait for.
        while "Cloud Spanner emulator running." not in (log or [""])[-1]:
            log.append(server.stderr.readline())
            if not log[-1]:
                raise AssertionError("the server has ended: " + "".join(log))
        return server

    def check_health(self, environment=None):
        """The exit code of the image's health check."""
        process = self.start(self.healthcheck, environment)
        process.communicate(timeout=PATIENCE)
        return process.returncode
