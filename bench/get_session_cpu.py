#!/usr/bin/env python3
"""Server CPU per GetSession, of the emulator and of noop_server, under h2load.

With --baseline it is another emulator that the first is compared with, and with
--principals the same one without an auth policy. Both servers run all the time
and take turns under the same load, so that what else the machine does meets
both alike; the ratio is taken pair by pair. h2load cannot rotate bodies: every
call asks for the same one of the sessions created.
"""

import argparse
import ctypes
import json
import re
import shlex
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATIENCE = 10  # Seconds for a server to start or to stop.


def token_of(number):
    """As long as Google's tokens are."""
    return f"ya29.{number:0220}"


class Server:
    """A running server: its port and the CPU that it has used."""

    def __init__(self, name, command, directory):
        self.name = name
        port_file = Path(directory, f"{name}.port")
        self._log = Path(directory, f"{name}.log")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, f"--port_file={port_file}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._clock = ctypes.c_int()
        try:
            self.port = self._wait_for_port(port_file)
            if ctypes.CDLL(None).clock_getcpuclockid(
                    self._process.pid, ctypes.byref(self._clock)):
                raise RuntimeError("no CPU clock")
        except BaseException:
            self.stop()
            raise

    def _wait_for_port(self, port_file):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            if port_file.exists():
                return json.loads(port_file.read_text())["grpc_port"]
            time.sleep(0.01)
        raise RuntimeError(f"{self.name} does not start:\n"
                           + self._log.read_text(errors="replace"))

    def cpu_ns(self):
        """User and system time of all threads, those that have ended too.

        The kernel's clock counts nanoseconds, where /proc/PID/stat has ticks
        of 10 ms and /proc/PID/task forgets threads that have ended.
        """
        return time.clock_gettime_ns(self._clock.value)

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Round:
    """What one h2load run says about one server."""

    def __init__(self, server, requests, body, token, directory):
        log = Path(directory, "requests.log")
        log.unlink(missing_ok=True)  # h2load appends.
        before = server.cpu_ns()
        report = subprocess.run(
            ["h2load", "-c", "4", "-m", "16", "-n", str(requests),
             "-H", "content-type: application/grpc", "-H", "te: trailers",
             *(["-H", f"authorization: Bearer {token}"] if token else []),
             "-d", str(body), f"--log-file={log}",
             f"http://127.0.0.1:{server.port}"
             "/google.spanner.v1.Spanner/GetSession"],
            check=True, capture_output=True, text=True, timeout=300).stdout
        self.cpu_us = (server.cpu_ns() - before) / 1000 / requests
        self._check(server.name, requests, body.stat().st_size, report)
        self.rate = float(re.search(r"([\d.]+) req/s", report)[1])
        # One line per request: start, HTTP status, duration, times in us.
        durations = sorted(int(line.split()[2])
                           for line in log.read_text().splitlines())
        self.p50_us = durations[len(durations) // 2]
        self.p99_us = durations[len(durations) * 99 // 100]

    @staticmethod
    def _check(name, requests, least_bytes, report):
        # h2load does not look at trailers. But an error has no message, and a
        # Session holds the name that was asked for, so the bytes of DATA tell.
        data = int(re.search(r"\((\d+)\) data", report)[1])
        if (f"{requests} done, {requests} succeeded, 0 failed" not in report
                or f"status codes: {requests} 2xx" not in report
                or data < least_bytes * requests):
            raise RuntimeError(f"not every call to {name} succeeded:\n{report}")


def make_sessions(tool, port, count, token):
    """Creates sessions, which also proves that GetSession answers OK."""
    return subprocess.run(
        [tool, f"--target=127.0.0.1:{port}", f"--count={count}",
         f"--token={token}"], check=True,
        stdout=subprocess.PIPE, text=True, timeout=120).stdout.split()


def write_policy(path, principals):
    """So many principals, each with a role on a database."""
    path.write_text(json.dumps({"principals": [
        {"name": f"app-{i}@p.iam.gserviceaccount.com", "token": token_of(i),
         "expireTime": "2100-01-01T00:00:00Z",
         "grants": [{"roles": ["roles/spanner.databaseUser"],
                     "resources": ["projects/p/instances/i/databases/d"]}]}
        for i in range(principals)]}))


def grpc_frame(name):
    """The body of a GetSession call: a GetSessionRequest in a gRPC frame."""
    text = name.encode()
    assert len(text) < 128  # A length of one byte.
    message = b"\x0a" + bytes([len(text)]) + text
    return struct.pack(">BI", 0, len(message)) + message


def median(rounds, what):
    return statistics.median(getattr(one, what) for one in rounds)


def print_table(names, first, second):
    print("| server | CPU µs/call | requests/s | p50 µs | p99 µs |")
    print("|---|---|---|---|---|")
    for name, rounds in zip(names, (first, second)):
        print(f"| {name} | {median(rounds, 'cpu_us'):.2f} "
              f"| {median(rounds, 'rate'):.0f} "
              f"| {median(rounds, 'p50_us'):.0f} "
              f"| {median(rounds, 'p99_us'):.0f} |")
    ratios = [a.cpu_us / b.cpu_us for a, b in zip(first, second)]
    print(f"\nCPU per call, {names[0]} / {names[1]}: "
          f"**{statistics.median(ratios):.3f}** "
          f"({min(ratios):.3f}..{max(ratios):.3f}, {len(ratios)} pairs)")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--server",
        help="the emulator, with more flags if need be; without it\n"
             "noop_server is measured against itself, to show how far to\n"
             "trust a ratio")
    parser.add_argument(
        "--baseline", help="an emulator to compare with, not noop_server")
    parser.add_argument(
        "--principals", type=int, default=0,
        help="with an auth policy of so many, compared with none; a token is\n"
             "sent to both")
    parser.add_argument("--tools", default="bazel-bin/bench",
                        help="where noop_server and make_sessions are")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=40000,
                        help="calls to each server in a round")
    parser.add_argument("--sessions", type=int, default=1000)
    args = parser.parse_args()

    noop = [f"{args.tools}/noop_server", "--port=0"]

    def emulator(path):
        return shlex.split(path) + ["--hostname=127.0.0.1", "--grpc_port=0",
                                    "--http_port=0"]

    names = ("emulator" if args.server else "noop again", "noop")
    commands = [emulator(args.server) if args.server else noop, noop]
    token = ""
    if args.baseline:
        names = ("emulator", "baseline")
        commands[1] = emulator(args.baseline)
    with tempfile.TemporaryDirectory() as directory:
        if args.principals:
            names = ("with a policy", "without")
            policy = Path(directory, "policy.json")
            write_policy(policy, args.principals)
            token = token_of(args.principals // 2)
            commands[1] = commands[0]
            commands[0] = [*commands[0], f"--auth_policy={policy}"]
        servers = []
        try:
            for name, command in zip(names, commands):
                servers.append(Server(name, command, directory))
            bodies = {}
            session = "projects/p/instances/i/databases/d/sessions/none"
            for server, command in zip(servers, commands):
                if command is not noop:
                    session = make_sessions(f"{args.tools}/make_sessions",
                                            server.port, args.sessions,
                                            token)[0]
                bodies[server] = Path(directory, f"{server.name}.body")
                bodies[server].write_bytes(grpc_frame(session))

            for server in servers:  # Warm up.
                Round(server, min(args.requests, 10000), bodies[server], token,
                      directory)
            results = {server: [] for server in servers}
            for number in range(args.rounds):
                for server in servers[::-1 if number % 2 else 1]:
                    results[server].append(
                        Round(server, args.requests, bodies[server], token,
                              directory))
                print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
        finally:
            for server in servers:
                server.stop()
    print_table(names, *results.values())


if __name__ == "__main__":
    main()
