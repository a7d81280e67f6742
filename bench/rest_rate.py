#!/usr/bin/env python3
"""Requests/s of GET of a live session over REST, under wrk: the emulator beside
Google's REST gateway (gateway_main with its emulator_main).

Both run all the time and take turns under the same load; ratios are taken pair
by pair. wrk has one thread, and shares the machine with the server.
"""

import argparse
import json
import re
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

PATIENCE = 20  # Seconds for a server to start or to stop.
PARENT = "/v1/projects/p/instances/instance/databases/db"


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def post(port, path, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(),
        {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        return json.load(response)


class Server:
    """A running server, whose session `path` names."""

    def __init__(self, name, command, needs_database, directory):
        self.name = name
        grpc_port, self.port = free_ports(2)
        self._log = Path(directory, f"{name}.log")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--hostname=127.0.0.1", f"--grpc_port={grpc_port}",
                 f"--http_port={self.port}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        try:
            self._wait()
            if needs_database:
                post(self.port, "/v1/projects/p/instances",
                     {"instanceId": "instance", "instance": {
                         "config": "projects/p/instanceConfigs/emulator-config",
                         "displayName": "instance", "nodeCount": 1}})
                post(self.port, "/v1/projects/p/instances/instance/databases",
                     {"createStatement": "CREATE DATABASE `db`"})
            self.path = "/v1/" + post(
                self.port, f"{PARENT}/sessions", {})["name"]
        except BaseException:
            self.stop()
            raise

    def _wait(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not start:\n"
                           + self._log.read_text(errors="replace"))

    def stop(self):
        # The gateway leaves its child behind, unless the group is told.
        subprocess.run(["kill", "--", f"-{self._process.pid}"], check=False)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Round:
    """What one wrk run says about one server."""

    def __init__(self, server, connections, seconds):
        report = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency",
             f"http://127.0.0.1:{server.port}{server.path}"],
            check=True, capture_output=True, text=True,
            timeout=seconds + PATIENCE).stdout
        if "Non-2xx" in report or "Socket errors" in report:
            raise RuntimeError(f"not every call to {server.name} succeeded:\n"
                               + report)
        self.rate = float(re.search(r"Requests/sec: *([\d.]+)", report)[1])
        value, unit = re.search(r"99% *([\d.]+)(us|ms|s)\b", report).groups()
        self.p99_ms = float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def spread(values):
    return (f"**{statistics.median(values):.2f}** "
            f"({min(values):.2f}..{max(values):.2f})")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--server", default="bazel-bin/server/spanner_session_emulator",
        help="the emulator, with more flags if need be")
    parser.add_argument(
        "--gateway", help="the folder of gateway_main and emulator_main; "
                          "without it there is no comparison")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=3)
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as directory:
        servers = []
        try:
            servers.append(Server("emulator", shlex.split(args.server), False,
                                  directory))
            if args.gateway:
                servers.append(Server(
                    "gateway",
                    [f"{args.gateway}/gateway_main",
                     f"--grpc_binary={args.gateway}/emulator_main"],
                    True, directory))
            else:
                print("gateway: not compared")
            print("| connections | server | requests/s | p99 ms |")
            print("|---|---|---|---|")
            ratios = []
            for connections in (16, 64):
                for server in servers:  # Warm up.
                    Round(server, connections, 1)
                results = {server: [] for server in servers}
                for number in range(args.rounds):
                    for server in servers[::-1 if number % 2 else 1]:
                        results[server].append(
                            Round(server, connections, args.seconds))
                    print(f"{connections} connections, round {number + 1} of "
                          f"{args.rounds}", file=sys.stderr)
                for server, rounds in results.items():
                    print(f"| {connections} | {server.name} "
                          f"| {statistics.median(r.rate for r in rounds):.0f} "
                          f"| {statistics.median(r.p99_ms for r in rounds):.2f} |")
                if args.gateway:
                    ours, theirs = results.values()
                    ratios.append(
                        f"{connections} connections, emulator / gateway, "
                        f"{args.rounds} pairs: requests/s "
                        + spread([a.rate / b.rate
                                  for a, b in zip(ours, theirs)])
                        + ", p99 "
                        + spread([a.p99_ms / b.p99_ms
                                  for a, b in zip(ours, theirs)]))
            print("\n" + "\n".join(ratios))
        finally:
            for server in servers:
                server.stop()


if __name__ == "__main__":
    main()
