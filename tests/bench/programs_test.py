#!/usr/bin/env python3
"""The programs of bench/ do what the report relies on.

Usage: programs_test.py EMULATOR TOOLS, the folder of these programs. What they
measure is not tested.
"""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

EMULATOR, TOOLS = (str(Path(sys.argv.pop(1)).absolute()) for _ in range(2))
sys.path.insert(0, str(Path(__file__).absolute().parents[2] / "bench"))
import measure  # noqa: E402
import servers  # noqa: E402

RPCS = ("CreateSession", "BatchCreateSessions", "GetSession", "ListSessions",
        "DeleteSession")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


class LoadTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.emulator = cls.enterClassContext(
            servers.emulator(EMULATOR, cls.folder))

    def alive(self):
        counts = servers.get(self.emulator.rest, "/emulator/v1/sessionCounts")
        return int(counts["regular"].get("alive", 0))

    def test_calls_every_rpc_of_every_server(self):
        with servers.noop(TOOLS, self.folder) as noop:
            for server in (self.emulator, noop):
                for rpc in RPCS:
                    with self.subTest(server=server.name, rpc=rpc):
                        result = measure.load(
                            TOOLS, server, rpc, seconds=0.05, sessions=20,
                            in_flight=4, channels=2)
                        self.assertGreater(result["calls"], 0)
                        self.assertGreater(result["server_cpu_us"], 0)
                        self.assertLessEqual(result["p50_us"],
                                             result["p999_us"])

    def test_deletes_each_session_once(self):
        before = self.alive()
        result = measure.load(TOOLS, self.emulator, "DeleteSession",
                              seconds=60, sessions=50, in_flight=8)
        self.assertEqual(result["calls"], 50)
        self.assertEqual(self.alive(), before)

    def test_creates_what_it_says(self):
        before = self.alive()
        name = measure.create_sessions(TOOLS, self.emulator, 250)
        self.assertEqual(self.alive(), before + 250)
        self.assertEqual(servers.get(self.emulator.rest, f"/v1/{name}")["name"],
                         name)

    def test_keeps_to_a_rate(self):
        result = measure.load(TOOLS, self.emulator, rate=20, seconds=0.2,
                              sessions=1)
        self.assertLessEqual(result["calls"], 4)

    def test_calls_another_rpc_beside(self):
        before = self.alive()
        result = measure.load(TOOLS, self.emulator, rate=100, seconds=0.5,
                              sessions=1, beside="CreateSession",
                              beside_rate=20)
        self.assertGreater(result["beside_p99_us"], 0)
        made = self.alive() - before
        # One session before, and in one turn and the one that warms up as many
        # as were due.
        self.assertGreater(made, 1)
        self.assertLessEqual(made, 1 + 2 * 5)

    def test_an_error_fails_the_run(self):
        for flags, words in (
                (["--rpc=Fly"], "--rpc=Fly: must be"),
                (["--database=nowhere"], "database must be"),
                (["--rpc=GetSession", "--sessions=0"], "needs --sessions"),
                (["--server_pid=4194304"], "no such process")):
            with self.subTest(flags=flags):
                result = run(f"{TOOLS}/load", f"--target={self.emulator.grpc}",
                             *flags)
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(words, result.stderr)
                self.assertEqual(result.stdout, "")


class StoreTest(unittest.TestCase):

    def test_each_duel_has_two_sides(self):
        result = run(f"{TOOLS}/store_benchmark", "--benchmark_filter=/1000/",
                     "--benchmark_min_time=0.001", "--benchmark_format=json")
        self.assertEqual(result.returncode, 0, result.stderr)
        rows = json.loads(result.stdout)["benchmarks"]
        self.assertEqual(
            [row["name"].split("/")[0] for row in rows],
            ["Fill", "GetWithUse", "ListPageOf100", "Create",
             "CreateBatchOf100", "Delete", "ListPageOf100AfterTurnover"])
        for row in rows:
            self.assertGreater(row["ns"], 0)
            self.assertGreater(row["reference_ns"], 0)

    def test_the_life_of_a_table(self):
        for phase, labels, figures in (
                ("memory", "--nolabels", {"bytes_per_session"}),
                ("memory", "--labels", {"bytes_per_session"}),
                ("growth", "--nolabels",
                 {"alone_p999_ns", "during_p999_ns", "beside_p999_ns"}),
                ("expiry", "--nolabels",
                 {"alone_p999_ns", "during_p999_ns", "reusable_after_s",
                  "refill_bytes_per_session"})):
            with self.subTest(phase=phase):
                result = run(f"{TOOLS}/store_life", f"--phase={phase}",
                             "--sessions=5000", labels)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(set(json.loads(result.stdout)), figures)
        self.assertIn("--phase=rest: must be",
                      run(f"{TOOLS}/store_life", "--phase=rest").stderr)


class FirstAnswerTest(unittest.TestCase):

    def test_stops_the_time_of_both_protocols(self):
        for protocol in ("grpc", "rest"):
            port, other = servers.free_ports(2)
            ports = {"grpc": port, "http": other}
            if protocol == "rest":
                ports = {"grpc": other, "http": port}
            result = measure.first_answer(TOOLS, protocol, port, [
                EMULATOR, "--hostname=127.0.0.1",
                *(f"--{name}_port={number}" for name, number in ports.items())])
            self.assertGreater(result["first_answer_us"], 0)
            self.assertGreater(result["resident_kib"], 0)

    def test_a_server_that_does_not_start_is_an_error(self):
        with self.assertRaisesRegex(RuntimeError, "does not listen"):
            measure.first_answer(TOOLS, "grpc", servers.free_ports(1)[0],
                                 ["/bin/false"])


if __name__ == "__main__":
    unittest.main()
