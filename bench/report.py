"""What was measured, as Markdown: ratios, bars and marks of noise."""

import dataclasses
import json
import statistics
from pathlib import Path

import plot

# So near two runs are to be: the medians of their ratios.
CPU = 0.15
RATE = 0.30


@dataclasses.dataclass
class Row:
    """One thing measured on several sides, round by round."""

    what: str
    unit: str
    values: dict  # Side -> [a value per round].
    # Side -> what the ratio to it must keep to, as "<= 1.25"; under "" what the
    # value itself must.
    bars: dict = dataclasses.field(default_factory=dict)

    def ratios(self, side, reference):
        pairs = zip(self.values.get(side, ()), self.values.get(reference, ()))
        return [a / b for a, b in pairs if b]


@dataclasses.dataclass
class Table:
    """Rows with the same sides; ratios are those of the first to the others."""

    title: str
    text: str
    sides: list
    tolerance: float
    rows: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Report:
    machine: str
    version: str
    date: str
    command: str
    tables: list = dataclasses.field(default_factory=list)
    plots: list = dataclasses.field(default_factory=list)

    def save(self, path):
        path.write_text(json.dumps(rounded(dataclasses.asdict(self)),
                                   indent=1) + "\n")

    @classmethod
    def load(cls, path):
        content = json.loads(path.read_text())
        content["tables"] = [
            Table(**{**table, "rows": [Row(**row) for row in table["rows"]]})
            for table in content["tables"]]
        content["plots"] = [plot.Plot(**one) for one in content["plots"]]
        return cls(**content)


def rounded(content):
    """With five digits that count, in all that a JSON file holds."""
    if isinstance(content, float):
        return float(f"{content:.5g}")
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [rounded(value) for value in content]
    return content


def uncertainty(values):
    """How far apart the medians of two such runs may lie, as a part of them.

    95 of 100 pairs of runs are nearer, if what is measured scatters normally:
    1.96 standard errors of the difference of two medians, by the width of the
    middle half of the values, which outliers do not change.
    """
    if len(values) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return 2.6 * (high - low) / middle / len(values)**0.5 if middle else 0.0


def is_noise(ratios, tolerance, before=()):
    """Whether a ratio is not to be trusted.

    So if another run could well come to another one, or if the one before has.
    """
    if uncertainty(ratios) > tolerance:
        return True
    if not before:
        return False
    now, then = statistics.median(ratios), statistics.median(before)
    return abs(now - then) > tolerance * min(now, then)


def keeps_to(value, bar):
    sign, limit = bar.split()
    return {"<=": value <= float(limit), ">=": value >= float(limit)}[sign]


def number(value):
    """Three digits that count, or all that are before the point."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def verdict(values, bar, noise):
    """Of a bar: met or missed only if all of the values are."""
    if bar is None:
        return " · noise" if noise else ""
    kept = {keeps_to(value, bar) for value in values}
    words = ("unclear" if len(kept) > 1 else "met" if True in kept
             else "**missed**")
    return (f" · {bar.replace('<=', '≤').replace('>=', '≥')} {words}"
            + (", noise" if noise else ""))


def ratio_cell(row, side, reference, tolerance, before):
    ratios = row.ratios(side, reference)
    if not ratios:
        return "not compared"
    middle = statistics.median(ratios)
    earlier = before.ratios(side, reference) if before else []
    noise = is_noise(ratios, tolerance, earlier)
    # What another run could well come to, and what the one before has.
    off = middle * uncertainty(ratios)
    likely = [middle - off, middle + off]
    if earlier:
        likely.append(statistics.median(earlier))
    return (f"{number(middle)} ({number(min(ratios))}–{number(max(ratios))})"
            + verdict(likely, row.bars.get(reference), noise))


def value_cell(row, side, is_subject):
    values = row.values.get(side)
    if not values:
        return ""
    middle = statistics.median(values)
    bar = row.bars.get("") if is_subject else None
    return number(middle) + verdict([middle], bar, False)


def table_text(table, before):
    """`before` has the rows of an earlier run, by title and name."""
    subject, *references = table.sides
    heads = ["", "unit", *table.sides, *(f"to {side}" for side in references)]
    lines = [f"### {table.title}", "", table.text, "",
             f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in table.rows:
        earlier = before.get((table.title, row.what, row.unit))
        cells = [row.what, row.unit]
        cells += [value_cell(row, side, side == subject)
                  for side in table.sides]
        cells += [ratio_cell(row, subject, side, table.tolerance, earlier)
                  for side in references]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def bars_text(report, before):
    """All bars, each with what came of it."""
    lines = ["## Bars", "", "|  | unit |  | bar |", "|---|---|---|---|"]
    for table in report.tables:
        subject = table.sides[0]
        for row in table.rows:
            for reference, bar in row.bars.items():
                if reference:
                    cell = ratio_cell(
                        row, subject, reference, table.tolerance,
                        before.get((table.title, row.what, row.unit)))
                    unit = f"{row.unit}, to {reference}"
                else:
                    cell, unit = value_cell(row, subject, True), row.unit
                value, _, outcome = cell.partition(" · ")
                lines.append(f"| {table.title}: {row.what} | {unit} "
                             f"| {value} | {outcome} |")
    return "\n".join(lines) + "\n"


def markdown(report, before=None):
    """The report; `before` is of an earlier run."""
    rows_before = {
        (table.title, row.what, row.unit): row
        for table in (before.tables if before else ()) for row in table.rows}
    parts = [
        f"Measured on {report.date} at {report.version} by "
        f"`{report.command}`.\n{report.machine}\n",
        "Values are medians over all rounds. A ratio is the median over the "
        "pairs, behind it the lowest and the highest one: in each round, all "
        "sides took turns.\nA row is noise if its pairs scatter so much that "
        f"another run could well differ by more than {CPU:.0%} (CPU, store) or "
        f"{RATE:.0%} (rates, latencies)"
        + (", or if its median is as far from that of the run before, of "
           + before.date if before else "") + ".\n"]
    if any(row.bars for table in report.tables for row in table.rows):
        parts.append(bars_text(report, rows_before))
    parts += ["## Plots\n"] if report.plots else []
    parts += [f"![{one.title}]({one.name}.svg)\n"
              for one in report.plots if one.lines]
    parts += ["## Figures\n"]
    parts += [table_text(table, rows_before)
              for table in report.tables if table.rows]
    return "\n".join(parts)


def write(report, folder, before=None):
    """report.md, the plots, and the figures as JSON, for a later run."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    report.save(folder / "results.json")
    for one in report.plots:
        if one.lines:
            (folder / f"{one.name}.svg").write_text(plot.svg(one))
    (folder / "report.md").write_text(
        "# Benchmark report\n\n" + markdown(report, before))
