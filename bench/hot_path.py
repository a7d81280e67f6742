"""Where the CPU time of a call goes: a profile of servers, by perf."""

import re
import shutil
import subprocess
import threading
from pathlib import Path

import measure
import servers
from bench import step
from report import CPU, Row

SECONDS = 3  # Of profile.

# The first that fits takes a function. What fits none is gRPC's: its functions
# have all kinds of names, and the servers hold little else.
GROUPS = (
    ("kernel", r"^\[k\]"),
    ("locks", r"pthread_|futex|__lll_|Mutex|GraphCycles|Deadlock"),
    ("store", r"::(SessionTable|SessionIdCodec|SessionName|DatabaseName|"
              r"Clock|Labels|CreatorPool|TimerWheel)\b"),
    ("pipeline, services and transport", r"\bspanner_session_emulator::"),
    ("protobuf", r"\bgoogle::"),
    ("memory", r"malloc|\bfree\b|cfree|_int_|unlink_chunk|operator "
               r"(new|delete)|__mem(cpy|move|set|cmp)"),
    ("gRPC and the rest", r""),
)


def group_of(function):
    return next(name for name, pattern in GROUPS
                if re.search(pattern, function))


def shares(perf_report):
    """{group: share} and [(share, function)] of what perf report prints."""
    groups = {name: 0.0 for name, _ in GROUPS}
    functions = []
    for line in perf_report.splitlines():
        match = re.match(r"\s*([\d.]+)%\s+(\[[.k]\] .*\S)", line)
        if match:
            share = float(match[1]) / 100
            groups[group_of(match[2])] += share
            functions.append((share, match[2]))
    return groups, functions


def profile(tools, server, folder):
    """The profile of a server under GetSession, and its CPU time per call."""
    request = measure.message(
        measure.create_sessions(tools, server, 1000))
    data = Path(folder, "perf.data")

    def one(requests):
        return measure.h2load_grpc(server, "GetSession", request, 4, 16,
                                   requests)

    # As many as fill the time, and half as many again.
    requests = int(one(5000)["per_s"] * SECONDS * 1.5)
    results = []
    load = threading.Thread(target=lambda: results.append(one(requests)))
    load.start()
    subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", "999",
                    "-p", str(server.pid), "-o", str(data), "--", "sleep",
                    str(SECONDS)], check=True, capture_output=True)
    load.join()
    report = subprocess.run(
        ["perf", "report", "-i", str(data), "--no-children", "--stdio", "-q",
         "--sort", "sym", "--percent-limit", "0"],
        check=True, capture_output=True, text=True).stdout
    return shares(report), results[0]["server_cpu_us"]


def hot_path(bench):
    """GetSession's CPU time by where it is spent, beside the no-op server's."""
    if shutil.which("perf") is None:
        step("no profile: there is no perf")
        return
    table = bench.table(
        "Where the time of GetSession goes",
        "CPU time per call under h2load, 4 × 16, by the function at work, as "
        "perf has sampled it.", ["emulator", "noop"], CPU)
    functions = bench.table(
        "The functions that take the most", "In the same profile.",
        ["emulator"], CPU)
    profiles = {}
    for name, server in (
            ("emulator", bench.emulator()),
            ("noop", servers.noop(bench.tools, bench.folder))):
        step(f"profile of {name}")
        with server as running:
            profiles[name] = profile(bench.tools, running, bench.folder)
    for group, _ in GROUPS:
        table.rows.append(Row(group, "µs/call", {
            name: [groups[group] * cpu]
            for name, ((groups, _), cpu) in profiles.items()}))
    (_, top), cpu = profiles["emulator"]
    for share, function in sorted(top, reverse=True)[:25]:
        # A column would end at a bar.
        functions.rows.append(Row(
            f"`{function[4:].replace('|', ' ')[:100]}`", "µs/call",
            {"emulator": [share * cpu]}))
