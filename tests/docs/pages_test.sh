#!/bin/bash
# Runs the documentation, and checks that what it does not run is from files that
# are; Bazel gives the server's path as the argument.
set -euo pipefail

for tool in node curl; do
  if ! command -v "$tool" >/dev/null; then
    echo "$tool not found: run \`make setup\`" >&2
    exit 1
  fi
done

export SPANNER_SESSION_EMULATOR="$PWD/$1"
export NODE_PATH="$TEST_SRCDIR/node_spanner/node_modules"
exec node --test "$(dirname "$0")"/{blocks,transcripts,recipes}.test.js
