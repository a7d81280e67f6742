"""What all parts of a run share: how much to measure, and on which servers."""

import contextlib
import dataclasses
import statistics
import sys
import time

import servers
from report import Table


@dataclasses.dataclass
class Plan:
    """How much is measured."""

    rounds: int  # Of servers, where there is a bar.
    few: int  # Rounds of servers elsewhere.
    seconds: float  # Of load in a round on one side.
    clients: tuple  # Connections under h2load, of 16 calls each.
    cells: tuple  # (calls in flight, channels) under bench/load.
    store_sizes: tuple
    store_rounds: int  # The store's pairs scatter little.
    store_seconds: float  # Of a round of one benchmark.
    grown: int  # Sessions of the largest table.
    listed: tuple  # Sessions of the table of which pages are listed.
    disturbed_seconds: float  # Of GetSession with and without a lister.
    starts: int


def step(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def counted(count, thing):
    return f"{count} {thing}{'' if count == 1 else 's'}"


def values_of(results, key):
    """{side: [figure of each round]}, of the sides that have it."""
    found = {side: [one[key] for one in rounds if one.get(key) is not None]
             for side, rounds in results.items()}
    return {side: values for side, values in found.items() if values}


def lines_of(table, unit, x_of):
    """The medians of a table's rows of a unit as lines of a plot."""
    lines = {}
    for row in table.rows:
        if row.unit != unit:
            continue
        for side, values in row.values.items():
            lines.setdefault(side, []).append(
                (x_of(row), statistics.median(values)))
    return lines


class Bench:
    """What the parts of the run share."""

    def __init__(self, args, plan, folder):
        self.plan = plan
        self.tools = args.tools
        self.command = args.server
        self.folder = folder
        self.google = args.google
        self.target = args.target
        self.target_database = args.target_database
        self.tables = []
        self.plots = []
        # The first one is what the report is about.
        self.sides = ["emulator", "noop", "Google's"]
        if self.target:
            self.sides.append(self.target)

    def table(self, *args):
        self.tables.append(Table(*args))
        return self.tables[-1]

    def plot(self, plot):
        plot.lines = {label: line for label, line in plot.lines.items()
                      if line}
        self.plots.append(plot)

    def emulator(self, *flags, name="emulator"):
        return servers.emulator(self.command, self.folder,
                                flags or ["--journal_bytes=0"], name)

    @contextlib.contextmanager
    def servers(self, noop=True):
        """{name: server}, of all that there are, freshly started."""
        with contextlib.ExitStack() as stack:
            running = [stack.enter_context(self.emulator())]
            if noop:
                running.append(stack.enter_context(
                    servers.noop(self.tools, self.folder)))
            if self.google:
                running.append(stack.enter_context(
                    servers.google(self.google, self.folder)))
            if self.target:
                running.append(servers.Server(
                    self.target, self.target, database=self.target_database))
            yield {server.name: server for server in running}
