#!/usr/bin/env python3
"""The image beside Google's emulator: size, and time to the first answer.

The server runs in the image's file system, as the image's user, without a
container engine, whose own time comes on top of both. `make bench-build` builds
what this needs. Run it as root, as only root may change a file system's root.
"""

import pathlib
import shutil
import statistics
import subprocess
import tempfile

import measure
import servers

TURNS = 20
TOOLS = "bazel-bin/bench"
BINARY = "bazel-bin/server/spanner_session_emulator"


def main():
    google = servers.find_google()
    with tempfile.TemporaryDirectory() as folder:
        root = f"{folder}/root_fs"
        subprocess.run(["tools/image/root_fs.sh", BINARY, root], check=True)
        in_image = [shutil.which("chroot"), "--userspec=65532:65532", root,
                    "/spanner_session_emulator", "--hostname=0.0.0.0"]

        def ours(protocol):
            port, other = servers.free_ports(2)
            grpc, rest = (port, other) if protocol == "grpc" else (other, port)
            return measure.first_answer(TOOLS, protocol, port, [
                *in_image, f"--grpc_port={grpc}", f"--http_port={rest}"])

        def googles(protocol):
            port, other = servers.free_ports(2)
            if protocol == "grpc":
                command = [f"{google}/emulator_main",
                           f"--host_port=127.0.0.1:{port}"]
            else:
                command = [f"{google}/gateway_main", "--hostname=127.0.0.1",
                           f"--grpc_port={other}", f"--http_port={port}",
                           f"--grpc_binary={google}/emulator_main"]
            return measure.first_answer(TOOLS, protocol, port, command)

        def size(path):
            return sum(file.stat().st_size for file in
                       pathlib.Path(path).rglob("*") if file.is_file()) / 1e6

        sides = {"the image": ours}
        if google:
            sides["Google's"] = googles
        print("| |", " | ".join(sides), "| ratio |\n|---|" + "---|" * len(sides)
              + "---|")
        row("size, MB", [[size(root)]] + ([[size(google)]] if google else []))
        for protocol, name in (("grpc", "gRPC"), ("rest", "REST")):
            results = [[] for _ in sides]
            for turn in range(-1, TURNS):
                for side, result in zip(sides.values(), results):
                    took = side(protocol)["first_answer_us"] / 1000
                    if turn >= 0:  # The first one reads the files from disk.
                        result.append(took)
            row(f"first answer over {name}, ms", results)


def row(name, results):
    """The medians, and that of the ratios of each turn, if there are two sides."""
    cells = [f"{statistics.median(result):.3g}" for result in results]
    ratios = [a / b for a, b in zip(*results)] if len(results) == 2 else []
    cells.append(f"{statistics.median(ratios):.2g}" if ratios else "")
    print("|", name, "|", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
