"""Measurements of servers, over gRPC and REST."""

import contextlib
import dataclasses
import json
import shlex
import time
import urllib.parse
from pathlib import Path

import measure
import servers
from bench import counted, lines_of, step, values_of
from measure import in_turns, message
from plot import Plot
from report import CPU, RATE, Row

LISTED = 100_000  # Sessions where others are disturbed.
GETS_PER_S = 1000
PAGES_PER_S = 25  # What every server can do.
RPCS = ("GetSession", "CreateSession", "BatchCreateSessions", "ListSessions",
        "DeleteSession")


def h2load_in_turns(bench, running, rpc, requests, *, clients=4, rounds=None,
                    least=1000, sessions=1, token=""):
    """Results of 16 calls at a time on each connection.

    `requests` are messages by side. A reply has so many `sessions`, and so at
    least as many bytes as their names.
    """
    def one(side, count):
        return measure.h2load_grpc(
            running[side], rpc, requests[side], clients, 16, count,
            sessions * len(running[side].database), token)

    return measure.in_turns_for(rounds or bench.plan.rounds, running,
                                bench.plan.seconds, one, least)


def get_requests(bench, running, **flags):
    """Of a session among 1,000, on each side."""
    return {name: message(measure.create_sessions(bench.tools, server, 1000,
                                                  **flags))
            for name, server in running.items()}


def grpc_under_h2load(bench):
    """CPU and rate of the server when the client costs next to nothing."""
    plan = bench.plan
    sides = bench.sides
    cpu = bench.table(
        "gRPC: CPU per call under h2load",
        "CPU time of the server, all threads. So many connections with 16 "
        "calls in flight on each. 1,000 sessions in the table before, and "
        "100 in a batch.", sides, CPU)
    rate = bench.table("gRPC: requests per second under h2load",
                       "In the same runs.", sides, RATE)
    latency = bench.table("gRPC: latency under h2load", "In the same runs.",
                          sides, RATE)
    cpu_bars = {("GetSession", 4): {"noop": "<= 1.25"},
                ("GetSession", 16): {"noop": "<= 1.25"},
                ("CreateSession", 4): {"noop": "<= 1.35"}}
    rate_bars = {("GetSession", 4): {"Google's": ">= 1.45"},
                 ("GetSession", 16): {"Google's": ">= 1.55"},
                 ("BatchCreateSessions", 4): {"Google's": ">= 2"}}
    cases = [("GetSession", clients) for clients in plan.clients]
    cases += [("CreateSession", 4), ("BatchCreateSessions", 4)]
    for case in cases:
        rpc, clients = case
        what = f"{rpc}, {clients} × 16"
        step(f"h2load, {what}")
        with bench.servers() as running:
            requests = get_requests(bench, running)
            if rpc == "CreateSession":
                requests = {name: message(server.database)
                            for name, server in running.items()}
            elif rpc == "BatchCreateSessions":
                requests = {name: message(server.database, "", 100)
                            for name, server in running.items()}
            has_bar = case in cpu_bars or case in rate_bars
            results = h2load_in_turns(
                bench, running, rpc, requests, clients=clients,
                rounds=plan.rounds if has_bar else plan.few,
                sessions=100 if rpc == "BatchCreateSessions" else 1)
        cpu.rows.append(Row(what, "µs/call",
                            values_of(results, "server_cpu_us"),
                            cpu_bars.get(case, {})))
        rate.rows.append(Row(what, "requests/s", values_of(results, "per_s"),
                             rate_bars.get(case, {})))
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
        results = h2load_in_turns(bench, running, "GetSession",
                                  get_requests(bench, running))
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
            is_last = (in_flight, channels) == plan.cells[-1]
            has_bar = is_last and rpc in ("GetSession", "DeleteSession")
            # What is deleted must have been created.
            sessions = 10000 if rpc == "DeleteSession" else 1000
            with bench.servers() as running:
                rounds = plan.rounds if has_bar else plan.few
                results = in_turns(rounds, running, lambda name: (
                    measure.load(bench.tools, running[name], rpc,
                                 in_flight=in_flight, channels=channels,
                                 seconds=plan.seconds, sessions=sessions)))
            rate.rows.append(Row(what, "requests/s",
                                 values_of(results, "per_s")))
            latency.rows.append(Row(what, "p50 µs",
                                    values_of(results, "p50_us")))
            latency.rows.append(Row(what, "p99 µs",
                                    values_of(results, "p99_us")))
            bars = {"DeleteSession": {"noop": "<= 1.35"}}
            cpu.rows.append(Row(what, "µs/call",
                                values_of(results, "server_cpu_us"),
                                bars.get(rpc, {}) if is_last else {}))


def page_request(server, sessions):
    """For a page of 100 from within so many sessions.

    The token is of the server's own list, as REST shows it: of the middle, but
    no deeper than 20 large pages, as the walk there may take long.
    """
    token = ""
    if server.rest:
        for _ in range(min(20, sessions // 2 // 1000)):
            query = urllib.parse.urlencode(
                {"pageSize": 1000, "pageToken": token})
            token = servers.get(
                server.rest,
                f"/v1/{server.database}/sessions?{query}")["nextPageToken"]
    return message(server.database, 100, token)


def gets_beside_lister(bench, running):
    """What one client's list pages do to another one's calls."""
    plan = bench.plan
    table = bench.table(
        "gRPC: GetSession while another client lists",
        f"The 99th percentile of {GETS_PER_S:,} calls a second, each due at "
        "its time whether or not others are answered, while on another "
        "connection one page of 100 after the other is asked for, so many a "
        f"second, of {LISTED:,} sessions; and without that. The two take turns "
        "of 0.25 s. What lists without pause takes the machine from all.",
        ["beside a lister", "alone"], RATE)
    for name in ("emulator", "Google's"):
        if name not in running:
            continue
        for rate, what in ((PAGES_PER_S, f"{PAGES_PER_S} pages/s"),
                           (0, "without pause")):
            step(f"GetSession of {name} beside a lister, {what}")
            has_bar = name == "emulator" and rate == PAGES_PER_S
            results = {"": [
                measure.load(bench.tools, running[name], rate=GETS_PER_S,
                             in_flight=16, seconds=plan.disturbed_seconds,
                             beside="ListSessions", beside_rate=rate)
                for _ in range(plan.rounds if has_bar else plan.few)]}
            table.rows.append(Row(
                f"{name}, {what}", "p99 µs",
                {"beside a lister": values_of(results, "beside_p99_us")[""],
                 "alone": values_of(results, "p99_us")[""]},
                {"alone": "<= 1.2"} if has_bar else {}))


def listing(bench):
    """List pages of large tables, and what others notice of them."""
    plan = bench.plan
    pages = bench.table(
        "gRPC: list pages of 100, by number of sessions",
        "Under h2load, 4 × 16: the same page from within the list again and "
        "again. And one client, one page at a time: it needs more CPU than "
        "the server.", bench.sides, RATE)
    with bench.servers() as running:
        # What is not ours is not to be filled.
        running = {name: server for name, server in running.items()
                   if server.pid is not None}
        filled = 0
        for size in plan.listed:
            step(f"list pages of {size:,} sessions")
            for name, server in running.items():
                if name != "noop":
                    measure.create_sessions(bench.tools, server, size - filled)
            filled = size
            rounds = plan.rounds if size == LISTED else plan.few
            results = h2load_in_turns(
                bench, running, "ListSessions",
                {name: page_request(server, size)
                 for name, server in running.items()},
                rounds=rounds, least=16, sessions=100)
            what = f"{size:,} sessions"
            pages.rows.append(Row(
                what, "pages/s", values_of(results, "per_s"),
                {"Google's": ">= 200"} if size == LISTED else {}))
            pages.rows.append(Row(what, "µs/page, server CPU",
                                  values_of(results, "server_cpu_us")))
            results = in_turns(plan.few, running, lambda name: measure.load(
                bench.tools, running[name], "ListSessions", sessions=0,
                seconds=plan.seconds))
            pages.rows.append(Row(what, "pages/s, one client",
                                  values_of(results, "per_s")))
            if size == LISTED:
                gets_beside_lister(bench, running)
    for name, unit, label in (
            ("grpc-list", "pages/s", "pages/s"),
            ("grpc-list-cpu", "µs/page, server CPU",
             "server CPU, µs per page")):
        bench.plot(Plot(
            name, f"A list page of 100: {label.split(',')[0]}", "sessions",
            label, lines_of(pages, unit, lambda row: int(
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
            step(f"REST, {counted(count, 'connection')}")
            results = measure.in_turns_for(
                plan.few, running, plan.seconds, lambda name, requests: (
                    measure.h2load_rest(running[name], names[name], count,
                                        requests)), least=200)
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
            results = h2load_in_turns(
                bench, running, "GetSession",
                get_requests(bench, running, token=token), token=token)
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
        "resident a moment later, of Google's of emulator_main alone.", sides,
        RATE)
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
