#!/usr/bin/env python3
"""Measures the emulator beside its references and writes a report.

The references are noop_server (gRPC that does nothing), a flat_hash_map (for
the store) and, where it is installed, Google's emulator. All sides of a
comparison take turns in the same minute. `make bench` runs this.
"""

import argparse
import contextlib
import datetime
import os
import platform
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import server_parts
import servers
import store_parts
from bench import Bench, Plan
from hot_path import hot_path
from report import Report, write
from soak import soak

FULL = Plan(rounds=25, few=4, seconds=0.3, clients=(1, 4, 16, 64),
            cells=((1, 1), (16, 1), (64, 1), (1, 4), (16, 4), (64, 4)),
            store_sizes=(1_000, 100_000, 1_000_000, 10_000_000),
            store_rounds=9, store_seconds=0.05, grown=10_000_000,
            listed=(1_000, 10_000, 100_000, 1_000_000), disturbed_seconds=3,
            starts=40)
QUICK = Plan(rounds=3, few=2, seconds=0.2, clients=(4, 16),
             cells=((16, 1), (64, 4)), store_sizes=(1_000, 1_000_000),
             store_rounds=3, store_seconds=0.03, grown=1_000_000,
             listed=(1_000, 100_000), disturbed_seconds=2, starts=5)

PARTS = {"store": store_parts.store, "life": store_parts.life,
         "h2load": server_parts.grpc_under_h2load,
         "client": server_parts.grpc_by_client,
         "listing": server_parts.listing, "rest": server_parts.rest,
         "features": server_parts.features, "start": server_parts.start,
         "profile": hot_path}


def describe_machine():
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration):
        model = next(line.split(":")[1].strip() for line in
                     Path("/proc/cpuinfo").read_text().splitlines()
                     if line.startswith("model name"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, "
            f"Linux {platform.release()}; load of the machine when it began: "
            f"{os.getloadavg()[0]:.2f}.")


def version():
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True,
        text=True, cwd=Path(__file__).resolve().parent)
    return described.stdout.strip() or "an unknown version"


def command(flags):
    """What was run, without the places of files, which are the machine's own.

    As `--flag=value` and as two words.
    """
    parser = argparse.ArgumentParser(add_help=False)
    for place in ("--out", "--before", "--server", "--tools", "--google"):
        parser.add_argument(place)
    return " ".join(["bench/run.py", *parser.parse_known_args(flags)[1]])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--server", default="bazel-bin/server/spanner_session_emulator",
        help="the emulator, with more flags if need be")
    parser.add_argument("--tools", default="bazel-bin/bench",
                        help="where the programs of this folder are")
    parser.add_argument(
        "--google", default=servers.find_google(),
        help="the folder of Google's emulator_main and gateway_main;\n"
             "by default where gcloud has put it; empty: not compared")
    parser.add_argument(
        "--target", help="host:port of one more gRPC server to compare with")
    parser.add_argument(
        "--target_database", default=servers.DATABASE,
        help="a database of that server; by default %(default)s")
    parser.add_argument("--quick", action="store_true",
                        help="less of everything, in three minutes")
    parser.add_argument(
        "--only", default=",".join(PARTS),
        help="parts, separated by commas; by default %(default)s")
    parser.add_argument("--out", default="bench-report",
                        help="the folder to write to; by default %(default)s")
    parser.add_argument(
        "--before", help="results.json of an earlier run: ratios that differ\n"
                         "too much from it are marked as noise")
    parser.add_argument(
        "--soak", type=int, metavar="SESSIONS",
        help="instead: load a server that holds so many, for --minutes")
    parser.add_argument("--minutes", type=float, default=20,
                        help="minutes; by default %(default)s")
    args = parser.parse_args()

    unknown = set(args.only.split(",")) - set(PARTS)
    if unknown:
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}; "
                     f"there are {', '.join(PARTS)}")
    before = args.before and Report.load(Path(args.before))
    report = Report(describe_machine(), version(),
                    datetime.date.today().isoformat(),
                    command(sys.argv[1:]))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(args, QUICK if args.quick else FULL, folder)
        report.tables, report.plots = bench.tables, bench.plots
        if args.soak:
            soak(bench, args.soak, args.minutes)
        else:
            for name in args.only.split(","):
                PARTS[name](bench)
                write(report, args.out, before)  # What there is so far.
    write(report, args.out, before)
    print(f"{args.out}/report.md")


if __name__ == "__main__":
    # As the interrupt from a keyboard: servers are ended on the way out.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        main()
    # Of a call, a server or a program that has failed.
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"bench/run.py: {error}")
