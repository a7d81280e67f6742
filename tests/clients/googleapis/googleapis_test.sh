#!/bin/bash
# Runs the REST client's tests with Node's own runner; Bazel gives the server's
# path as the argument.
set -euo pipefail

if ! command -v node >/dev/null; then
  echo "node not found: run \`make setup\`" >&2
  exit 1
fi

export SPANNER_SESSION_EMULATOR="$PWD/$1"
export NODE_PATH="$TEST_SRCDIR/node_googleapis/node_modules"
exec node --test "$(dirname "$0")/googleapis.test.js"
