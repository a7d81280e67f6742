"""Measurements of servers, over gRPC and REST."""

import contextlib
import dataclasses
import json
import shlex
import time
from pathlib import Path

import measure
import servers
from bench import counted, lines_of, step, values_of
from measure import in_turns
from plot import Plot
from report import CPU, RATE, Row

RPCS = ("GetSession", "CreateSession", "BatchCreateSessions", "ListSessions",
        "DeleteSession")


def grpc_under_h2load(bench):
    """CPU and rate of the server when the client costs next to nothing."""
    plan = bench.plan
    sides = bench.sides
    cpu = bench.table(
        "gRPC: CPU per call under h2load",
        "CPU time of the server, all threads. So many connections with 16 "
        "calls in flight on each; 1,000 sessions in the table.", sides, CPU)
    rate = bench.table("gRPC: requests per second under h2load",
                       "In the same runs.", sides, RATE)
    latency = bench.table("gRPC: latency under h2load", "In the same runs.",
                          sides, RATE)
    cases = [("GetSession", clients) for clients in plan.clients]
    cases.append(("CreateSession", 4))
    for rpc, clients in cases:
        what = f"{rpc}, {clients} × 16"
        step(f"h2load, {what}")
        with bench.servers() as running:
            names = {name: measure.create_sessions(bench.tools, server, 1000)
                     if rpc == "GetSession" else server.database
                     for name, server in running.items()}

            def one(name, requests=plan.requests):
                return measure.h2load_grpc(running[name], rpc, names[name],
                                           clients, 16, requests)

            for name in running:
                one(name, min(2000, plan.requests))  # Warm up.
            results = in_turns(plan.rounds, running, one)
        cpu.rows.append(Row(what, "µs/call", values_of(
            results, "server_cpu_us"), {"noop": {
                "GetSession": "<= 1.25", "CreateSession": "<= 1.35"}[rpc]}))
        bars = {("GetSession", 4): {"Google's": ">= 1.45"},
                ("GetSession", 16): {"Google's": ">= 1.55"}}
        rate.rows.append(Row(what, "requests/s", values_of(results, "per_s"),
                             bars.get((rpc, clients), {})))
        latency.rows.append(Row(what, "p50 µs", values_of(results, "p50_us")))
        latency.rows.append(Row(what, "p99 µs", values_of(results, "p99_us")))

    def connections(row):
        return int(row.what.split(", ")[1].split()[0])

    get = [row for row in cpu.rows if row.what.startswith("GetSession")]
    bench.plot(Plot(
        "grpc-cpu", "GetSession under h2load: CPU", "connections",
        "server CPU, µs per call",
        lines_of(dataclasses.replace(cpu, rows=get), "µs/call", connections),
        log_y=False))
    get = [row for row in rate.rows if row.what.startswith("GetSession")]
    bench.plot(Plot(
        "grpc-rate", "GetSession under h2load: rate", "connections",
        "requests/s", lines_of(dataclasses.replace(rate, rows=get),
                               "requests/s", connections), log_y=False))

    step("h2load, noop_server beside itself")
    control = bench.table(
        "How far to trust a ratio", "noop_server beside itself, GetSession, "
        "4 × 16: what differs from 1 is the machine's doing.",
        ["noop again", "noop"], CPU)
    with servers.noop(bench.tools, bench.folder) as first, servers.noop(
            bench.tools, bench.folder, "noop again") as second:
        running = {one.name: one for one in (second, first)}
        name = measure.create_sessions(bench.tools, first, 1)
        results = in_turns(plan.rounds, running, lambda side: (
            measure.h2load_grpc(running[side], "GetSession", name, 4, 16,
                                plan.requests)))
    control.rows.append(Row("CPU", "µs/call",
                            values_of(results, "server_cpu_us")))
    control.rows.append(Row("rate", "requests/s", values_of(results, "per_s")))


def grpc_by_client(bench):
    """Every RPC of sessions, called by gRPC's own C++ client."""
    plan = bench.plan
    rate = bench.table(
        "gRPC: requests per second of a C++ client",
        "The client and the server share the machine, and the client needs "
        "more of it. A batch is of 100 sessions, and so is a list page.",
        bench.sides, RATE)
    latency = bench.table("gRPC: latency, by the same client",
                          "In the same runs.", bench.sides, RATE)
    cpu = bench.table("gRPC: CPU per call of the server, by the same client",
                      "In the same runs.", bench.sides, CPU)
    for rpc in RPCS:
        for in_flight, channels in plan.cells:
            what = (f"{rpc}, {in_flight} in flight on "
                    + counted(channels, "channel"))
            step(what)
            # What is deleted must have been created.
            sessions = 10000 if rpc == "DeleteSession" else 1000
            with bench.servers() as running:
                results = in_turns(plan.rounds, running, lambda name: (
                    measure.load(bench.tools, running[name], rpc,
                                 in_flight=in_flight, channels=channels,
                                 seconds=plan.seconds, sessions=sessions)))
            is_last = (in_flight, channels) == plan.cells[-1]
            bars = {"BatchCreateSessions": {"Google's": ">= 2"}}
            rate.rows.append(Row(what, "requests/s",
                                 values_of(results, "per_s"),
                                 bars.get(rpc, {}) if is_last else {}))
            latency.rows.append(Row(what, "p50 µs",
                                    values_of(results, "p50_us")))
            latency.rows.append(Row(what, "p99 µs",
                                    values_of(results, "p99_us")))
            bars = {"DeleteSession": {"noop": "<= 1.35"}}
            cpu.rows.append(Row(what, "µs/call",
                                values_of(results, "server_cpu_us"),
                                bars.get(rpc, {}) if is_last else {}))


def listing(bench):
    """List pages in large tables, and what others notice of them."""
    plan = bench.plan
    sides = [side for side in bench.sides if side != "noop"]
    rate = bench.table(
        "gRPC: a list page of 100, by number of sessions",
        "One client that lists without pause.", sides, RATE)
    disturbed = bench.table(
        "gRPC: GetSession while another client lists",
        "The 99th percentile of one call at a time, while another client lists "
        f"100 pages of 100 a second, of {plan.listed[-1]:,} sessions; alone; "
        "and while that client gets sessions instead, as often.",
        ["beside a lister", "alone", "beside a getter"], RATE)
    with bench.servers(noop=False) as running:
        # What is not ours is not to be filled.
        running = {name: server for name, server in running.items()
                   if server.pid is not None}
        filled = 0
        for size in plan.listed:
            step(f"list pages of {size:,} sessions")
            for server in running.values():
                measure.create_sessions(bench.tools, server, size - filled)
            filled = size
            results = in_turns(plan.rounds, running, lambda name: measure.load(
                bench.tools, running[name], "ListSessions", sessions=0,
                seconds=plan.seconds))
            rate.rows.append(Row(
                f"{size:,} sessions", "pages/s", values_of(results, "per_s"),
                {"Google's": ">= 200"} if size == 100_000 else {}))
        for server in running.values():
            step(f"GetSession of {server.name} while another client lists")

            def get_beside(what):
                with contextlib.ExitStack() as stack:
                    if what != "alone":
                        rpc = ("ListSessions" if what == "beside a lister"
                               else "GetSession")
                        stack.enter_context(servers.process(
                            measure.load_command(
                                bench.tools, server, rpc, rate=100, seconds=60,
                                sessions=1),
                            Path(bench.folder, "beside.log")))
                        time.sleep(0.2)  # Until it has begun.
                    return measure.load(bench.tools, server,
                                        seconds=5 * plan.seconds)

            results = in_turns(plan.rounds, disturbed.sides, get_beside)
            disturbed.rows.append(Row(
                server.name, "p99 µs", values_of(results, "p99_us"),
                {"alone": "<= 1.2"} if server.name == "emulator" else {}))
    bench.plot(Plot(
        "grpc-list", "A list page of 100", "sessions", "pages/s",
        lines_of(rate, "pages/s", lambda row: int(
            row.what.split()[0].replace(",", "")))))


def rest(bench):
    """GET of a session over HTTP/1.1."""
    plan = bench.plan
    sides = [side for side in bench.sides if side in ("emulator", "Google's")]
    table = bench.table(
        "REST: GET of a session",
        "h2load over HTTP/1.1, one request at a time on each connection. CPU "
        "is not compared: Google's gateway and emulator are two processes.",
        sides, RATE)
    with bench.servers(noop=False) as running:
        running = {name: server for name, server in running.items()
                   if server.rest}
        names = {name: measure.create_sessions(bench.tools, server, 1000)
                 for name, server in running.items()}
        for count in (1, 16, 64):
            step(f"REST, {count} connections")
            results = in_turns(plan.rounds, running, lambda name: (
                measure.h2load_rest(running[name], names[name], count,
                                    plan.requests // 6)))
            what = counted(count, "connection")
            table.rows.append(Row(what, "requests/s",
                                values_of(results, "per_s")))
            table.rows.append(Row(what, "p99 µs", values_of(results, "p99_us")))
            table.rows.append(Row(what, "µs/call, server CPU", {
                "emulator": values_of(results, "server_cpu_us")["emulator"]}))
    bench.plot(Plot(
        "rest-rate", "REST: GET of a session", "connections", "requests/s",
        lines_of(table, "requests/s", lambda row: int(row.what.split()[0])),
        log_y=False))


def token_of(number):
    """As long as Google's tokens are."""
    return f"ya29.{number:0220}"


def write_policy(path, principals):
    """So many principals, each with a role on the database."""
    path.write_text(json.dumps({"principals": [
        {"name": f"app-{i}@p.iam.gserviceaccount.com", "token": token_of(i),
         "expireTime": "2100-01-01T00:00:00Z",
         "grants": [{"roles": ["roles/spanner.databaseUser"],
                     "resources": [servers.DATABASE]}]}
        for i in range(principals)]}))


def features(bench):
    """What the hot path pays for what can be switched on."""
    plan = bench.plan
    policy = Path(bench.folder, "policy.json")
    write_policy(policy, 1000)
    script = Path(bench.folder, "script.json")
    script.write_text(json.dumps({"faults": [
        {"match": {"methods": ["Commit"]}, "status": "ABORTED"}]}))
    off = "--journal_bytes=0"
    table = bench.table(
        "gRPC: features on and off",
        "CPU per GetSession under h2load, 4 × 16, of the server with a feature "
        "beside the server without any.", ["with it", "without"], CPU)
    for what, flags, token in (
            ("nothing", [off], ""),
            ("journal", ["--journal_bytes=67108864"], ""),
            ("a fault for another method", [off, f"--script={script}"], ""),
            ("auth policy of 1,000 principals",
             [off, f"--auth_policy={policy}"], token_of(500))):
        step(f"features: {what}")
        with bench.emulator(*flags, name="with it") as first, bench.emulator(
                off, name="without") as second:
            running = {one.name: one for one in (first, second)}
            # Both are sent the token: reading it is no part of the feature.
            names = {name: measure.create_sessions(
                bench.tools, server, 1000, token=token)
                     for name, server in running.items()}
            results = in_turns(plan.rounds, running, lambda side: (
                measure.h2load_grpc(running[side], "GetSession", names[side],
                                    4, 16, plan.requests, token)))
        table.rows.append(Row(what, "µs/call",
                              values_of(results, "server_cpu_us")))


def start(bench):
    """From exec to the first answer, and the memory in use then."""
    step("start")
    ours = [*shlex.split(bench.command), "--hostname=127.0.0.1"]
    google = str(bench.google)
    sides = ["emulator", "noop", "Google's"]

    def grpc(side):
        port, other = servers.free_ports(2)
        return measure.first_answer(bench.tools, "grpc", port, {
            "emulator": [*ours, f"--grpc_port={port}", f"--http_port={other}"],
            "noop": [f"{bench.tools}/noop_server", f"--port={port}"],
            "Google's": [f"{google}/emulator_main",
                         f"--host_port=127.0.0.1:{port}"]}[side])

    def rest_of(side):
        port, other = servers.free_ports(2)
        if side == "noop":  # It has no REST: its gRPC is the reference.
            return grpc(side)
        return measure.first_answer(bench.tools, "rest", port, {
            "emulator": [*ours, f"--grpc_port={other}", f"--http_port={port}"],
            "Google's": [f"{google}/gateway_main", "--hostname=127.0.0.1",
                         f"--grpc_port={other}", f"--http_port={port}",
                         f"--grpc_binary={google}/emulator_main"]}[side])

    there = [side for side in sides if side != "Google's" or bench.google]
    table = bench.table(
        "Start", "From exec to the first answer of GetSession. noop_server has "
        "no REST; its gRPC is the reference of both. Memory is what is "
        "resident a moment later, of Google's of emulator_main alone.", sides, RATE)
    for protocol, of in (("gRPC", grpc), ("REST", rest_of)):
        for side in there:  # Binaries into the page cache.
            of(side)
        results = in_turns(bench.plan.starts, there, of)
        table.rows.append(Row(
            f"first answer over {protocol}", "ms",
            {side: [value / 1000 for value in values] for side, values in
             values_of(results, "first_answer_us").items()},
            {"noop": "<= 1.5"}))
        if protocol == "gRPC":
            table.rows.append(Row(
                "memory when idle", "MB",
                {side: [value * 1024 / 1e6 for value in values]
                 for side, values in
                 values_of(results, "resident_kib").items()},
                {"": "<= 20"}))
