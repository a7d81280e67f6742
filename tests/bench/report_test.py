#!/usr/bin/env python3
"""Tests of how bench/ makes a report of what it has measured."""

import sys
import tempfile
import unittest
import xml.dom.minidom
from pathlib import Path

sys.path.insert(0, str(Path(__file__).absolute().parents[2] / "bench"))
import plot  # noqa: E402
import report  # noqa: E402


def table(tolerance=0.15, **row):
    row = {"what": "GetSession", "unit": "µs", "bars": {}, **row}
    return report.Table("CPU", "Text.", ["emulator", "noop"], tolerance,
                        [report.Row(**row)])


def last_line(one, before=None):
    return report.table_text(one, before or {}).splitlines()[-1]


class RatioTest(unittest.TestCase):

    def test_is_the_median_of_pairs(self):
        row = last_line(table(values={"emulator": [10, 30, 22],
                                      "noop": [10, 20, 20]}))
        self.assertIn("| 22 | 20 | 1.1 (1–1.5)", row)

    def test_what_is_not_there_is_not_compared(self):
        self.assertIn("| 10 |  | not compared |",
                      last_line(table(values={"emulator": [10]})))


class BarTest(unittest.TestCase):

    def test_of_a_ratio(self):
        values = {"emulator": [12, 12], "noop": [10, 10]}
        for bar, words in (("<= 1.25", "≤ 1.25 met"),
                           ("<= 1.15", "≤ 1.15 **missed**"),
                           (">= 1.15", "≥ 1.15 met"),
                           (">= 1.25", "≥ 1.25 **missed**")):
            self.assertIn(words,
                          last_line(table(values=values, bars={"noop": bar})))

    def test_of_a_value(self):
        self.assertIn(
            "| 161 · ≤ 160 **missed** |",
            last_line(table(values={"emulator": [161]}, bars={"": "<= 160"})))

    def test_all_are_gathered(self):
        tables = [table(values={"emulator": [12], "noop": [10]},
                        bars={"noop": "<= 1.25"}),
                  table(values={"emulator": [12]}, bars={"": "<= 11"})]
        text = report.markdown(report.Report("", "", "", "", tables, []))
        self.assertIn("| CPU: GetSession | µs, to noop | 1.2 (1.2–1.2) "
                      "| ≤ 1.25 met |", text)
        self.assertIn("| CPU: GetSession | µs | 12 | ≤ 11 **missed** |", text)

    def test_is_met_or_missed_only_if_another_run_would_say_so_too(self):
        for bar, words in (("<= 2", "≤ 2 met, noise"),
                           ("<= 1.5", "≤ 1.5 unclear, noise"),
                           ("<= 0.5", "≤ 0.5 **missed**, noise")):
            self.assertIn(words, last_line(
                table(values={"emulator": [10, 13, 16], "noop": [10, 10, 10]},
                      bars={"noop": bar})))


class NoiseTest(unittest.TestCase):

    def test_is_a_median_that_may_be_another_one_next_time(self):
        quiet = [1.0] * 7 + [9.0]  # One outlier is none.
        self.assertFalse(report.is_noise(quiet, 0.15))
        scattered = [1.0, 1.1, 1.2, 1.3, 1.4]
        self.assertTrue(report.is_noise(scattered, 0.15))
        self.assertFalse(report.is_noise(scattered, 0.30))
        self.assertFalse(report.is_noise(scattered * 4, 0.15))

    def test_is_disagreement_with_the_run_before(self):
        self.assertFalse(report.is_noise([1.0, 1.0], 0.15, [1.14, 1.14]))
        self.assertTrue(report.is_noise([1.0, 1.0], 0.15, [1.16, 1.16]))
        self.assertTrue(report.is_noise([1.16, 1.16], 0.15, [1.0, 1.0]))

    def test_rows_before_are_found_by_table_and_name(self):
        now = table(values={"emulator": [10, 10], "noop": [10, 10]})
        then = table(values={"emulator": [20, 20], "noop": [10, 10]}).rows[0]
        self.assertIn("noise", last_line(
            now, {("CPU", "GetSession", "µs"): then}))
        self.assertNotIn("noise", last_line(
            now, {("CPU", "ListSessions", "µs"): then}))


class FilesTest(unittest.TestCase):

    def test_a_report_comes_back_from_its_figures(self):
        one = report.Report("A machine.", "v1", "today", "make bench",
                            [table(values={"emulator": [1], "noop": [2]})],
                            [plot.Plot("p", "P", "x", "y", {"a": [(1, 2)]})])
        with tempfile.TemporaryDirectory() as folder:
            report.write(one, folder)
            text = Path(folder, "report.md").read_text()
            self.assertIn("![P](p.svg)", text)
            xml.dom.minidom.parse(str(Path(folder, "p.svg")))
            again = report.Report.load(Path(folder, "results.json"))
        self.assertEqual(report.markdown(again), report.markdown(one))


class PlotTest(unittest.TestCase):

    @staticmethod
    def circles(one):
        document = xml.dom.minidom.parseString(plot.svg(one))
        return [(float(c.getAttribute("cx")), float(c.getAttribute("cy")))
                for c in document.getElementsByTagName("circle")]

    def test_a_logarithm_has_equal_steps_for_equal_factors(self):
        points = self.circles(plot.Plot(
            "p", "P", "x", "y", {"a": [(1e3, 10), (1e5, 100), (1e7, 1000)]}))
        self.assertAlmostEqual(points[1][0] - points[0][0],
                               points[2][0] - points[1][0], places=0)
        self.assertAlmostEqual(points[1][1] - points[0][1],
                               points[2][1] - points[1][1], places=0)
        self.assertLess(points[1][1], points[0][1])  # More is higher.

    def test_everything_lies_within_the_axes(self):
        for log in (False, True):
            for x, y in self.circles(plot.Plot(
                    "p", "P", "x", "y", {"a": [(1, 3e6), (2, 5.7e6)]}, log,
                    log)):
                self.assertTrue(plot.LEFT <= x <= plot.WIDTH - plot.RIGHT)
                self.assertTrue(plot.TOP <= y <= plot.HEIGHT - plot.BOTTOM)

    def test_labels_are_escaped(self):
        self.assertIn("a &lt; b &amp; c", plot.svg(plot.Plot(
            "p", "a < b & c", "x", "y", {"a": [(1, 1)]})))


if __name__ == "__main__":
    unittest.main()
