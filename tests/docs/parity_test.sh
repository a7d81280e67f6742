#!/bin/bash
# Every row of docs/mock-parity.md names a test of its own, and the tests are
# these. Bazel gives the tests' programs as arguments.
set -euo pipefail

rows=$(grep '^|' docs/mock-parity.md | grep -v -e '^| Capability |' -e '^|---')
echo "$(wc -l <<<"$rows") rows"

if without=$(grep -vE '\| `[A-Za-z]+\.[A-Za-z]+` \|$' <<<"$rows"); then
  echo "rows without a test:"
  echo "$without"
  exit 1
fi >&2

named=$(sed -E 's/.*`([A-Za-z.]+)` \|$/\1/' <<<"$rows" | sort)
tests=$(for program in "$@"; do
  "$program" --gtest_list_tests | awk '/^[^ ]/ {suite = $1; next} {print suite $1}'
done | sort)
if ! diff <(echo "$named") <(echo "$tests") >&2; then
  echo "< is named by a row; > is a test in tests/parity" >&2
  exit 1
fi
