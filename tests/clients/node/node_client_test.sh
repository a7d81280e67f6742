#!/bin/bash
# Runs tests of the Node client with Node's own runner. Bazel gives the server's
# path and the tests' name as the arguments; by hand, `npm ci && node --test` does
# the same in this folder, with the server's path in SPANNER_SESSION_EMULATOR.
set -euo pipefail

if ! command -v node >/dev/null; then
  echo "node not found: run \`make setup\`" >&2
  exit 1
fi

export SPANNER_SESSION_EMULATOR="$PWD/$1"
export NODE_PATH="$TEST_SRCDIR/node_spanner/node_modules"
exec node --test "$(dirname "$0")/$2"
