#!/bin/bash
# Runs the documentation's `curl` lines, and checks that the recipes' C++ is that
# of their tests; Bazel gives the server's path as the argument.
set -euo pipefail

for tool in node curl; do
  if ! command -v "$tool" >/dev/null; then
    echo "$tool not found: run \`make setup\`" >&2
    exit 1
  fi
done

export SPANNER_SESSION_EMULATOR="$PWD/$1"
exec node --test "$(dirname "$0")"/{transcripts,recipes}.test.js
