#!/bin/bash
# Has Prometheus itself scrape the server; Bazel gives the server's path as the
# argument.
set -euo pipefail

for tool in node prometheus promtool; do
  if ! command -v "$tool" >/dev/null; then
    echo "$tool not found: run \`make setup\`" >&2
    exit 1
  fi
done

export SPANNER_SESSION_EMULATOR="$PWD/$1"
exec node --test "$(dirname "$0")/prometheus.test.js"
