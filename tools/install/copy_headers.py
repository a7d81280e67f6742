#!/usr/bin/env python3
"""Copies headers, and what they include, to where `-I` finds them.

Takes files from those that are given only. A header that is included by `""`
and is none of these must be of a library that is installed by itself.
"""

import argparse
import pathlib
import re
import shutil
import sys

OTHER_LIBRARIES = ("absl/", "google/protobuf/", "grpc/", "grpcpp/",
                   "gtest/", "re2/")
INCLUDE = re.compile(r'^#\s*include\s+"([^"]+)"', re.MULTILINE)


def main():
    parser = argparse.ArgumentParser(fromfile_prefix_chars="@")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--root", action="append", required=True)
    parser.add_argument("--include", action="append", required=True)
    parser.add_argument("headers", nargs="+")
    args = parser.parse_args()

    headers = set(args.headers)
    folders = list(dict.fromkeys(args.include))
    copied = set()
    wanted = [(root, "the roots") for root in args.root]
    while wanted:
        name, includer = wanted.pop()
        if name in copied:
            continue
        path = next((p for folder in folders
                     if (p := str(pathlib.Path(folder, name))) in headers), None)
        if path is None:
            if name.startswith(OTHER_LIBRARIES):
                continue
            sys.exit(f"{name}, which {includer} include, is in none of the deps")
        copied.add(name)
        target = args.out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        text = target.read_text(encoding="utf-8")
        wanted += [(included, name) for included in INCLUDE.findall(text)]


main()
