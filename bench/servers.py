"""The servers that are measured: started, filled, asked for their CPU time."""

import contextlib
import ctypes
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

PATIENCE = 20  # Seconds for a server to start or to stop.
INSTANCE = "projects/p/instances/instance"
DATABASE = f"{INSTANCE}/databases/db"


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Server:
    """A server under its name in the report."""

    def __init__(self, name, grpc, rest=None, pid=None, database=DATABASE):
        self.name = name
        self.grpc = grpc  # host:port
        self.rest = rest  # host:port, or None.
        self.pid = pid  # Of what answers gRPC, if it is on this machine.
        self.database = database

    def cpu_us(self):
        """CPU time of all its threads, those that have ended too, or None.

        The kernel's clock counts nanoseconds, where /proc/PID/stat has ticks
        of 10 ms and /proc/PID/task forgets threads that have ended.
        """
        if self.pid is None:
            return None
        clock = ctypes.c_int()
        if ctypes.CDLL(None).clock_getcpuclockid(self.pid,
                                                 ctypes.byref(clock)):
            raise RuntimeError(f"{self.name} has no CPU clock")
        return time.clock_gettime_ns(clock.value) / 1000

    def resident_bytes(self):
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * 4096


def wait_until(is_so, process, log):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if is_so():
            return
        time.sleep(0.01)
    raise RuntimeError(f"{process.args[0]} does not start:\n"
                       + log.read_text(errors="replace"))


@contextlib.contextmanager
def process(command, log):
    """Runs a command in a process group of its own, and ends all of that."""
    with log.open("wb") as out:
        running = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=out,
                                   start_new_session=True)
    try:
        yield running
    finally:
        # Google's gateway leaves its child behind, unless the group is told.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(PATIENCE)
            os.killpg(running.pid, signal.SIGKILL)  # Whoever is left.
        running.wait()


@contextlib.contextmanager
def with_port_file(name, command, folder):
    ports = Path(folder, f"{name}.ports")
    log = Path(folder, f"{name}.log")
    ports.unlink(missing_ok=True)
    with process([*command, f"--port_file={ports}"], log) as running:
        wait_until(ports.exists, running, log)
        port = json.loads(ports.read_text())
        rest = port.get("http_port")
        yield Server(name, f"127.0.0.1:{port['grpc_port']}",
                     rest and f"127.0.0.1:{rest}", running.pid)


def emulator(command, folder, flags=(), name="emulator"):
    """This project's server: its path, with more flags if need be."""
    program, *more = shlex.split(command)
    return with_port_file(
        name, [program, "--hostname=127.0.0.1", "--grpc_port=0",
               "--http_port=0", "--max_sessions=1000000000", *flags, *more],
        folder)


def noop(tools, folder, name="noop"):
    """The reference: gRPC, and answers that are always the same."""
    return with_port_file(name, [f"{tools}/noop_server", "--port=0"], folder)


def post(address, path, body):
    request = urllib.request.Request(
        f"http://{address}{path}", json.dumps(body).encode(),
        {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        return json.load(response)


def get(address, path):
    with urllib.request.urlopen(f"http://{address}{path}",
                                timeout=PATIENCE) as response:
        return json.load(response)


def find_google():
    """The folder of Google's emulator, where gcloud has put it, or None."""
    if shutil.which("gcloud") is None:
        return None
    root = subprocess.run(
        ["gcloud", "info", "--format=value(installation.sdk_root)"],
        capture_output=True, text=True, timeout=60).stdout.strip()
    folder = Path(root, "bin", "cloud_spanner_emulator")
    return str(folder) if Path(folder, "gateway_main").exists() else None


@contextlib.contextmanager
def google(binaries, folder, name="Google's"):
    """Google's emulator, behind its gateway for REST, with a database."""
    grpc, rest = free_ports(2)
    log = Path(folder, "google.log")
    address = f"127.0.0.1:{rest}"

    def answers():
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", rest), 1).close()
            return True
        return False

    with process([f"{binaries}/gateway_main", "--hostname=127.0.0.1",
                  f"--grpc_port={grpc}", f"--http_port={rest}",
                  f"--grpc_binary={binaries}/emulator_main"], log) as running:
        wait_until(answers, running, log)
        post(address, "/v1/projects/p/instances",
             {"instanceId": "instance", "instance": {
                 "config": "projects/p/instanceConfigs/emulator-config",
                 "displayName": "instance", "nodeCount": 1}})
        post(address, f"/v1/{INSTANCE}/databases",
             {"createStatement": "CREATE DATABASE `db`"})
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
        yield Server(name, f"127.0.0.1:{grpc}", address,
                     int(children.read_text().split()[0]))
