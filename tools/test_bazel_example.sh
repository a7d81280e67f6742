#!/bin/bash
# Builds and runs examples/bazel, a project that has this repository as an
# outside one. That compiles all of the emulator once more, as Bazel shares
# nothing between the two, and takes minutes. With --analyze, Bazel only makes
# sure that all it would need is there, with our own copies of the npm packages.
set -euo pipefail
cd "$(dirname "$0")/.."

command=(test //...)
if [ "${1-}" = --analyze ]; then
  external=$(bazel info output_base 2>/dev/null)/external
  command=(build --nobuild //...)
  for repository in com_google_googleapis io_grpc_grpc_proto; do
    command+=("--override_repository=$repository=$external/$repository")
  done
fi
cd examples/bazel
result=0
bazel "${command[@]}" || result=$?
bazel shutdown  # Two servers would take twice the memory.
exit $result
