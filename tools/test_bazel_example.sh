#!/bin/bash
# Builds and runs examples/bazel, a project that has this repository as an
# outside one. That compiles all of the emulator once more, as Bazel shares
# nothing between the two, and takes minutes when it is done for the first time.
# What our own build has fetched is taken from there.
set -euo pipefail
cd "$(dirname "$0")/.."

external=$(bazel info output_base)/external
overrides=()
for repository in com_github_jupp0r_prometheus_cpp com_google_googleapis \
  io_grpc_grpc_proto; do
  overrides+=("--override_repository=$repository=$external/$repository")
done
cd examples/bazel
result=0
bazel test "${overrides[@]}" //... || result=$?
bazel shutdown  # Two servers would take twice the memory.
exit $result
