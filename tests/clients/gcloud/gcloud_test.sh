#!/bin/bash
# `gcloud spanner databases sessions`, as it is published, against the server's
# REST side.
set -euo pipefail

if ! command -v gcloud >/dev/null; then
  echo "NOT TESTED: gcloud is not installed"
  exit 0
fi

folder=$(mktemp -d -p "${TEST_TMPDIR:-/tmp}")
# The server lives as long as its standard input.
mkfifo "$folder/stdin"
"$PWD/$1" --grpc_port=0 --http_port=0 --port_file="$folder/ports" \
  --exit_on_stdin_close <"$folder/stdin" 2>"$folder/log" &
server=$!
exec 3>"$folder/stdin"
trap 'exec 3>&-; wait "$server"; rm -rf "$folder"' EXIT
# The ready line comes when both ports answer.
timeout 20 grep -q "Cloud Spanner emulator running." \
  < <(tail -f --pid="$server" -n +1 "$folder/log") ||
  { cat "$folder/log"; exit 1; }
port=$(sed 's/.*"http_port": *\([0-9]*\).*/\1/' "$folder/ports")

# A configuration of its own, so that nobody's is read or changed.
export CLOUDSDK_CONFIG="$folder/gcloud"
export CLOUDSDK_CORE_DISABLE_PROMPTS=1
export CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=true
export CLOUDSDK_CORE_PROJECT=test-project
export CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true
export CLOUDSDK_API_ENDPOINT_OVERRIDES_SPANNER="http://localhost:$port/"
export CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=true

database=projects/test-project/instances/test-instance/databases/test-database
sessions() {
  gcloud spanner databases sessions "$@" \
    --instance=test-instance --database=test-database
}
fail() {
  echo "FAILED: $1" >&2
  cat "$folder/log" >&2
  exit 1
}
create() {  # With that body; prints the session's name.
  curl -sSf -d "$1" "http://localhost:$port/v1/$database/sessions?fields=name&prettyPrint=false" |
    sed 's/.*"name":"\([^"]*\)".*/\1/'
}

[ -z "$(sessions list --format='value(name)')" ] || fail "a list without sessions"

first=$(create '')
second=$(create '{"session":{"labels":{"env":"test"}}}')
[ "$(sessions list --format='value(name)' | sort)" = \
  "$(printf '%s\n' "${first##*/}" "${second##*/}" | sort)" ] ||
  [ "$(sessions list --format='value(name)' | sort)" = \
    "$(printf '%s\n' "$first" "$second" | sort)" ] || fail "list"
[ "$(sessions list --server-filter='labels.env:test' --format='value(name)')" = "$second" ] ||
  [ "$(sessions list --server-filter='labels.env:test' --format='value(name)')" = "${second##*/}" ] ||
  fail "list with a filter"

sessions delete "${first##*/}" || fail "delete"
[ "$(sessions list --format='value(name)' | wc -l)" = 1 ] || fail "list after delete"
echo "PASSED: list, list --server-filter, delete"
