"""Measurements of the store, which need no server."""

import dataclasses
import json
import subprocess

from bench import counted, lines_of, step, values_of
from plot import Plot
from report import CPU, RATE, Row


def store(bench):
    """The table beside a flat_hash_map, by number of sessions and threads."""
    plan = bench.plan
    operations = bench.table(
        "Store: operations",
        "CPU time of one operation of the session table, beside a find and "
        "write, an insert or an erase of a bare flat_hash_map with the same "
        "keys. Fill is from nothing to that many, in batches of 100.",
        ["table", "flat_hash_map"], CPU)
    pages = bench.table(
        "Store: a list page of 100",
        "CPU time of a page from anywhere in the list of a table just filled, "
        "beside one of a table of 1,000 sessions. After turnover: so many of "
        "its sessions were deleted and others created, that neighbours in the "
        "list are no neighbours in memory.", ["table", "table of 1,000"], CPU)
    threads = bench.table(
        "Store: threads", "Gets with use in a table of a million sessions, on "
        "several threads and on one.", ["threads", "one thread"], RATE)
    # Of the smallest table and of the largest.
    bars = {"GetWithUse": {"flat_hash_map": "<= 1.5"},
            "Create": {"flat_hash_map": "<= 2"},
            "CreateBatchOf100": {"flat_hash_map": "<= 2"},
            "ListPageOf100": {"table of 1,000": "<= 1.5"}}
    for size in plan.store_sizes:
        step(f"store, {size:,} sessions")
        run = subprocess.run(
            [f"{bench.tools}/store_benchmark", f"--benchmark_filter=/{size}/",
             f"--benchmark_min_time={plan.store_seconds}",
             f"--benchmark_repetitions={plan.store_rounds}",
             "--benchmark_format=json"],
            check=True, stdout=subprocess.PIPE, text=True)
        rows = {}
        for one in json.loads(run.stdout)["benchmarks"]:
            if one["run_type"] != "iteration":
                continue
            # Name, sessions and perhaps threads; then how it was run.
            name, _, third, *_ = one["name"].split("/")
            table, what, unit = operations, f"{name}, {size:,} sessions", "ns"
            if name == "GetOnThreads":
                table, unit = threads, "gets/s"
                what = counted(int(third), "thread")
            elif name.startswith("ListPageOf100"):
                table, what = pages, f"{size:,} sessions"
                if name.endswith("AfterTurnover"):
                    what = f"after turnover, {what}"
            if what not in rows:
                rows[what] = Row(what, unit,
                                 {side: [] for side in table.sides},
                                 bars.get(name, {}) if size in (
                                     plan.store_sizes[0],
                                     plan.store_sizes[-1]) else {})
                if what == "2 threads":
                    rows[what].bars = {"one thread": ">= 1.7"}
                table.rows.append(rows[what])
            figures = (("per_s", "reference_per_s") if unit == "gets/s"
                       else ("ns", "reference_ns"))
            for side, figure in zip(table.sides, figures):
                rows[what].values[side].append(one[figure])

    def sessions_of(row):
        return int(row.what.split(", ")[-1].split()[0].replace(",", ""))

    for name, title in (("GetWithUse", "Get with use"), ("Create", "Create")):
        chosen = dataclasses.replace(operations, rows=[
            row for row in operations.rows if row.what.startswith(name + ",")])
        bench.plot(Plot(f"store-{name.lower()}", f"Store: {title}", "sessions",
                        "CPU, ns", lines_of(chosen, "ns", sessions_of)))
    fresh = dataclasses.replace(pages, rows=[
        row for row in pages.rows if not row.what.startswith("after")])
    bench.plot(Plot("store-list", "Store: a list page of 100", "sessions",
                    "CPU, ns", lines_of(fresh, "ns", sessions_of)))
    bench.plot(Plot(
        "store-threads", "Store: gets on threads", "threads", "gets/s",
        {"table": lines_of(threads, "gets/s", lambda row: int(
            row.what.split()[0])).get("threads", [])}, log_y=False))


def life(bench):
    """Memory, and latencies while very much happens."""
    grown = bench.plan.grown
    def run_life(phase, sessions, *flags):
        run = subprocess.run(
            [f"{bench.tools}/store_life", f"--phase={phase}",
             f"--sessions={sessions}", *flags],
            check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(run.stdout)

    memory = bench.table(
        "Store: memory", "What a process grows by, everything included.",
        ["table"], CPU)
    for size in sorted({1_000_000, grown}):
        step(f"store, memory of {size:,} sessions")
        for what, flags, bar in (("plain", (), "<= 160"),
                                 ("with two labels", ("--labels",), "<= 260")):
            memory.rows.append(Row(
                f"{what}, {size:,} sessions", "bytes per session",
                {"table": [
                    run_life("memory", size, *flags)["bytes_per_session"]]},
                {"": bar}))
    latency = bench.table(
        "Store: gets while much happens",
        "The 99.9th percentile of gets with use on one thread, while another "
        "one grows the table or clears up what has expired; of the same gets "
        "alone; and while another table grows, which the first has nothing to "
        "do with.", ["during", "alone", "beside another table"], RATE)
    step(f"store, growth to {grown:,} sessions")
    growth = [run_life("growth", grown) for _ in range(bench.plan.few // 2)]
    step("store, expiry of 1,000,000 sessions")
    expiry = [run_life("expiry", 1_000_000)
              for _ in range(bench.plan.store_rounds)]
    for what, results in ((f"growth to {grown:,} sessions", growth),
                          ("1,000,000 sessions expire", expiry)):
        figures = values_of({"": results}, "during_p999_ns")
        latency.rows.append(Row(
            what, "p99.9 ns",
            {"during": figures[""],
             "alone": [one["alone_p999_ns"] for one in results],
             "beside another table": [one["beside_p999_ns"] for one in results
                                      if "beside_p999_ns" in one]},
            {"alone": "<= 2"}))
    reuse = bench.table(
        "Store: memory of what has expired",
        "Until the memory of a million sessions that expired at one instant "
        "could be used again, and what the process grew by when it was.",
        ["table"], RATE)
    reuse.rows.append(Row("reusable after", "s", {
        "table": [one["reusable_after_s"] for one in expiry]},
        {"": "<= 2"}))
    reuse.rows.append(Row("growth when filled again", "bytes per session", {
        "table": [one["refill_bytes_per_session"] for one in expiry]},
        {"": "<= 16"}))
