#!/usr/bin/env python3
"""Time from exec to the first answered call, of the emulator and noop_server.

The two take turns; the ratio is taken pair by pair. Any answer counts: the call
is a GetSession for a session that does not exist.
"""

import argparse
import shlex
import socket
import statistics
import subprocess


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_us(tools, command):
    """Microseconds that the server took; {port} in its command is filled in."""
    port = str(free_port())
    run = subprocess.run(
        [f"{tools}/first_answer", port,
         *(word.replace("{port}", port) for word in command)],
        capture_output=True, text=True, timeout=40)
    if run.returncode:
        raise RuntimeError(run.stderr)
    return int(run.stdout)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--server",
        help="the emulator, with more flags if need be; without it\n"
             "noop_server is measured against itself, to show how far to\n"
             "trust a ratio")
    parser.add_argument("--tools", default="bazel-bin/bench",
                        help="where noop_server and first_answer are")
    parser.add_argument("--pairs", type=int, default=30)
    args = parser.parse_args()

    noop = [f"{args.tools}/noop_server", "--port={port}"]
    names = ("emulator" if args.server else "noop again", "noop")
    commands = (shlex.split(args.server) + ["--hostname=127.0.0.1",
                                            "--grpc_port={port}",
                                            "--http_port=0"]
                if args.server else noop, noop)

    for command in commands:  # Binaries into the page cache.
        start_us(args.tools, command)
    times = ([], [])
    for number in range(args.pairs):
        for which in (1, 0) if number % 2 else (0, 1):
            times[which].append(start_us(args.tools, commands[which]))

    print("| server | median ms | min ms | max ms |")
    print("|---|---|---|---|")
    for name, one in zip(names, times):
        print(f"| {name} | {statistics.median(one) / 1000:.2f} "
              f"| {min(one) / 1000:.2f} | {max(one) / 1000:.2f} |")
    ratios = [a / b for a, b in zip(*times)]
    medians = statistics.median(times[0]) / statistics.median(times[1])
    print(f"\nStart, {names[0]} / {names[1]}: "
          f"**{medians:.3f}** of the medians, "
          f"{statistics.median(ratios):.3f} median of the pairs "
          f"({min(ratios):.3f}..{max(ratios):.3f}, {len(ratios)} pairs)")


if __name__ == "__main__":
    main()
