"""One measurement of one server, and measurements in turns."""

import json
import re
import struct
import subprocess
import tempfile
from pathlib import Path

SPANNER = "/google.spanner.v1.Spanner"


def in_turns(rounds, sides, measure):
    """Measures each side once in a round, in an order that changes.

    So what else the machine does meets all alike, and the results of a round
    are a pair. Returns {side: [result of each round]}.
    """
    results = {side: [] for side in sides}
    for number in range(rounds):
        for side in list(sides)[::-1 if number % 2 else 1]:
            results[side].append(measure(side))
    return results


def in_turns_for(rounds, sides, seconds, measure, least):
    """in_turns, with as many requests as take each side so long.

    `measure` is given a side and a number of requests, `least` or more.
    """
    counts = {}
    for side in sides:
        measure(side, least)  # Warms up.
        rate = measure(side, least)["per_s"]
        counts[side] = max(least, int(rate * seconds))
    return in_turns(rounds, sides, lambda side: measure(side, counts[side]))


def load_command(tools, server, rpc="GetSession", **flags):
    command = [f"{tools}/load", f"--target={server.grpc}",
               f"--database={server.database}", f"--rpc={rpc}",
               *(f"--{name}={value}" for name, value in flags.items())]
    if server.pid is not None:
        command.append(f"--server_pid={server.pid}")
    return command


def load(tools, server, rpc="GetSession", **flags):
    """What bench/load reports."""
    run = subprocess.run(load_command(tools, server, rpc, **flags),
                         capture_output=True, text=True, timeout=600)
    if run.returncode:
        raise RuntimeError(f"load on {server.name}: {run.stderr}")
    return json.loads(run.stdout)


def create_sessions(tools, server, count, **flags):
    """The name of one of them."""
    return load(tools, server, sessions=count, seconds=0, **flags)["session"]


def h2load(server, arguments, requests, least_bytes, url):
    """What h2load and the server's CPU clock say of so many requests.

    h2load costs a tenth of a gRPC client, and so shows what the server can do.
    It sends the same request again and again.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "requests.log")
        before = server.cpu_us()
        text = subprocess.run(
            ["h2load", "-n", str(requests), f"--log-file={log}", *arguments,
             url], check=True, capture_output=True, text=True,
            timeout=600).stdout
        after = server.cpu_us()
        # One line per request: start, HTTP status, duration, times in us.
        durations = sorted(int(line.split()[2])
                           for line in log.read_text().splitlines())
    # h2load does not look at trailers. But an error has no message, and a
    # session holds the name that was asked for, so the bytes of DATA tell.
    data = int(re.search(r"\((\d+)\) data", text)[1])
    if (f"{requests} done, {requests} succeeded, 0 failed" not in text
            or f"status codes: {requests} 2xx" not in text
            or data < least_bytes * requests):
        raise RuntimeError(f"not every call to {server.name} succeeded:\n"
                           + text)
    return {
        "per_s": float(re.search(r"([\d.]+) req/s", text)[1]),
        "p50_us": durations[len(durations) // 2],
        "p99_us": durations[len(durations) * 99 // 100],
        "server_cpu_us": None if before is None else
                         (after - before) / requests,
    }


def message(*values):
    """A protobuf message whose first fields these texts and numbers are."""
    encoded = b""
    for number, value in enumerate(values, 1):
        if not value:
            continue
        is_text = isinstance(value, str)
        size = len(value) if is_text else value
        assert size < 128  # One byte.
        encoded += bytes([number << 3 | 2 * is_text, size])
        encoded += value.encode() if is_text else b""
    return encoded


def h2load_grpc(server, rpc, request, clients, streams, requests,
                least_bytes=0, token=""):
    """`request` is a message, and a reply has at least so many bytes."""
    with tempfile.NamedTemporaryFile() as body:
        # Not compressed, four bytes of length.
        body.write(struct.pack(">BI", 0, len(request)) + request)
        body.flush()
        return h2load(
            server,
            ["-c", str(min(clients, requests)), "-m", str(streams), "-d",
             body.name, "-H", "content-type: application/grpc", "-H",
             "te: trailers",
             *(["-H", f"authorization: Bearer {token}"] if token else [])],
            requests, least_bytes, f"http://{server.grpc}{SPANNER}/{rpc}")


def h2load_rest(server, name, clients, requests):
    """GET of a session, by HTTP/1.1."""
    return h2load(server, ["--h1", "-c", str(clients)], requests, len(name),
                  f"http://{server.rest}/v1/{name}")


def first_answer(tools, protocol, port, command):
    """Microseconds from exec to the first answer, and memory in use then."""
    run = subprocess.run(
        [f"{tools}/first_answer", protocol, str(port), *command],
        capture_output=True, text=True, timeout=60)
    if run.returncode:
        raise RuntimeError(run.stderr)
    return json.loads(run.stdout)
