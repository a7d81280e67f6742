#!/bin/bash
# `gcloud spanner`, as it is published, against the server's REST side: instances,
# databases, DDL and sessions.
set -euo pipefail

if ! command -v gcloud >/dev/null; then
  echo "NOT TESTED: gcloud is not installed"
  exit 0
fi

folder=$(mktemp -d -p "${TEST_TMPDIR:-/tmp}")
# The server lives as long as its standard input.
mkfifo "$folder/stdin"
"$PWD/$1" --grpc_port=0 --http_port=0 --port_file="$folder/ports" \
  --exit_on_stdin_close --strict <"$folder/stdin" 2>"$folder/log" &
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

expect() {  # expect TEXT COMMAND...: the command prints just that.
  local want=$1
  shift
  local got
  got=$("$@" 2>"$folder/error") || { cat "$folder/error" >&2; fail "$*"; }
  [ "$got" = "$want" ] || fail "$*: $got"
}
expect_not_found() {
  ! "$@" >/dev/null 2>"$folder/error" || fail "$*: it is there"
  grep -q NOT_FOUND "$folder/error" || { cat "$folder/error" >&2; fail "$*"; }
}

# As a script sets up a test.
in_instance="--instance=test-instance"
expect_not_found gcloud spanner databases list $in_instance
expect 'emulator-config' gcloud spanner instance-configs list \
  --filter='displayName:Emulator' --format='value(name.basename())'
expect '' gcloud spanner instances create test-instance --config=emulator-config \
  --description=Tests --nodes=1
expect 'test-instance Tests 1' gcloud spanner instances list \
  --format='value[separator=" "](name.basename(),displayName,nodeCount)'
expect '' gcloud spanner instances update test-instance --nodes=2
expect '2' gcloud spanner instances describe test-instance --format='value(nodeCount)'
expect '' gcloud spanner databases create test-database $in_instance \
  --ddl='CREATE TABLE T (A INT64) PRIMARY KEY (A); CREATE INDEX X ON T(A)'
expect '' gcloud spanner databases create other-database $in_instance \
  --database-dialect=POSTGRESQL
expect 'other-database
test-database' gcloud spanner databases list $in_instance --format='value(name.basename())'
expect 'POSTGRESQL' gcloud spanner databases describe other-database $in_instance \
  --format='value(databaseDialect)'
expect '' gcloud spanner databases ddl update test-database $in_instance \
  --ddl='ALTER TABLE T ADD COLUMN B DATE'
expect 'CREATE TABLE T (A INT64) PRIMARY KEY (A);

CREATE INDEX X ON T(A);

ALTER TABLE T ADD COLUMN B DATE;' gcloud spanner databases ddl describe test-database $in_instance
expect 'CreateDatabaseMetadata' gcloud spanner operations list $in_instance \
  --database=test-database --type=DATABASE_CREATE \
  --format='value(metadata."@type".split(".").slice(-1:).join())'
expect '' gcloud spanner databases delete other-database $in_instance
expect_not_found gcloud spanner databases describe other-database $in_instance

# Then it is used.
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

expect '' gcloud spanner databases delete test-database $in_instance
curl -s "http://localhost:$port/v1/$second" | grep -q "Session not found" ||
  fail "a session has outlived its database"
expect '' gcloud spanner instances delete test-instance
expect '' gcloud spanner instances list --format='value(name)'

# The documentation's script.
sed "s/9020/$port/" examples/gcloud/set_up.sh >"$folder/set_up.sh"
sh "$folder/set_up.sh" >"$folder/out" 2>"$folder/error" ||
  { cat "$folder/error" >&2; fail "set_up.sh"; }
grep -q my-database "$folder/out" || { cat "$folder/out" >&2; fail "set_up.sh"; }
echo "PASSED"
