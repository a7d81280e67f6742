"""Hours of a large server in minutes: is it still the same at the end?

The server holds a given number of sessions that live for ten minutes each; all
the time as many expire as are created. The clock is moved while the table is
filled, so that ages are spread from the beginning.
"""

import contextlib
import json
import subprocess
import time

import measure
import servers
from bench import step
from plot import Plot
from report import RATE, Row

LIFETIME = 600  # Seconds.
WINDOW = 10  # Seconds over which a quantile is taken.
SAMPLE = 2  # Seconds between two looks at memory and number of sessions.
SLICES = 100  # In which the table is filled.
# Calls per second of each RPC, beside the batches that keep the number.
RATES = {"GetSession": 2000, "ListSessions": 20, "CreateSession": 100,
         "DeleteSession": 80}
PREPARED = 1000  # Sessions that a window's calls are about.


def live_sessions(server):
    counts = servers.get(server.rest, "/emulator/v1/sessionCounts")
    return int(counts["regular"].get("alive", 0))


def fill(bench, server, sessions):
    for number in range(SLICES):
        if number % 10 == 0:
            step(f"soak: {number} % of {sessions:,} sessions")
        begin = time.monotonic()
        measure.create_sessions(bench.tools, server, sessions // SLICES,
                                batch=10000)
        rest = LIFETIME / SLICES - (time.monotonic() - begin)
        if rest > 0:
            servers.post(server.rest, "/emulator/v1/clock:advance",
                         {"duration": f"{rest:.3f}s"})


def window(bench, server, batches, sample):
    """Calls everything for a while, and `sample` every SAMPLE seconds.

    Returns {RPC: what load reports}.
    """
    rates = {"BatchCreateSessions": batches, **RATES}
    with contextlib.ExitStack() as stack:
        running = {}
        for rpc, rate in rates.items():
            # Nothing is prepared for an RPC that needs no sessions.
            needs = rpc in ("GetSession", "DeleteSession")
            running[rpc] = stack.enter_context(subprocess.Popen(
                measure.load_command(
                    bench.tools, server, rpc, rate=rate, in_flight=16,
                    seconds=WINDOW, sessions=PREPARED if needs else 0),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        sampled = 0
        while any(process.poll() is None for process in running.values()):
            if time.monotonic() - sampled >= SAMPLE:
                sampled = time.monotonic()
                sample()
            time.sleep(0.1)
        results = {}
        for rpc, process in running.items():
            out, error = process.communicate(timeout=20 * WINDOW)
            if process.returncode:
                raise RuntimeError(f"{rpc}: {error}")
            results[rpc] = json.loads(out)
    return results


def soak(bench, sessions, minutes):
    flags = [f"--session_max_age={LIFETIME}s", "--journal_bytes=0",
             "--max_sessions_per_batch=10000"]
    rss, alive = [], []
    latency = {rpc: [] for rpc in ("BatchCreateSessions", *RATES)}
    calls = 0
    with bench.emulator(*flags) as server:
        fill(bench, server, sessions)
        begin = time.monotonic()

        def sample():
            minute = (time.monotonic() - begin) / 60
            rss.append((minute, server.resident_bytes() / 1e6))
            alive.append((minute, live_sessions(server)))

        took = WINDOW
        while time.monotonic() - begin < minutes * 60:
            start = time.monotonic()
            # As many as have expired since the window before began, less what
            # is created besides.
            missing = (sessions / LIFETIME * took - 2 * PREPARED
                       - (RATES["CreateSession"] - RATES["DeleteSession"])
                       * WINDOW)
            results = window(bench, server, max(1, missing / 100 / WINDOW),
                             sample)
            took = time.monotonic() - start
            minute = (time.monotonic() - begin) / 60
            for rpc, result in results.items():
                calls += result["calls"]
                latency[rpc].append((minute, result["p99_us"]))
            step(f"soak: minute {minute:.1f}, {rss[-1][1]:.0f} MB, "
                 f"{alive[-1][1]:,} sessions")

    table = bench.table(
        f"Soak: {sessions:,} sessions, {minutes:g} min",
        f"{calls:,} calls, without an error: one would have ended the run. "
        f"Sessions live for {LIFETIME // 60} minutes; as many expire as are "
        f"created, {sessions / LIFETIME:,.0f} a second. Quantiles are of "
        f"windows of {WINDOW} s.",
        ["last quarter", "first quarter"], RATE)

    def quarters(points):
        quarter = max(1, len(points) // 4)
        values = [value for _, value in points]
        return {"last quarter": values[-quarter:],
                "first quarter": values[:quarter]}

    table.rows.append(Row("memory", "MB", quarters(rss),
                          {"first quarter": "<= 1.1"}))
    table.rows.append(Row("sessions", "alive", quarters(alive)))
    for rpc, points in latency.items():
        table.rows.append(Row(rpc, "p99 µs", quarters(points),
                              {"first quarter": "<= 1.3"}))
    bench.plot(Plot("soak-memory", f"Soak: memory, {sessions:,} sessions",
                    "minutes", "resident, MB", {"emulator": rss}, False,
                    False))
    bench.plot(Plot("soak-sessions", f"Soak: {sessions:,} sessions", "minutes",
                    "sessions alive", {"emulator": alive}, False, False))
    bench.plot(Plot("soak-latency", f"Soak: latency, {sessions:,} sessions",
                    "minutes", "p99, µs", latency, False))
