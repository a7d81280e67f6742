#!/bin/bash
# Builds everything and runs all tests; arguments go to Bazel. The last line
# counts the test cases that passed and failed.
set -uo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
trap 'rm -f "$log"' EXIT
bazel test --keep_going "$@" //... 2>&1 | tee "$log"
result=$?

# The example of an outside project, which cannot be a target of ours; once, not
# for each sanitizer. It is counted as a test.
example=not_run
if [ $# = 0 ]; then
  if tools/test_bazel_example.sh; then
    example=passed
  else
    example=failed
    result=1
  fi
fi

# Each target that ran has left a report; one that did not run, or that died
# before it could report, counts as a failed test.
reports=$(bazel info "$@" bazel-testlogs 2>/dev/null)
awk -v reports="$reports" -v example="$example" '
  BEGIN {
    total = example != "not_run"
    failed = example == "failed"
  }
  /^\/\/[^ ]+ +(\(cached\) )?(PASSED|FLAKY|FAILED|TIMEOUT|NO STATUS)/ {
    target = $1; sub(/^\/\//, "", target); sub(/:/, "/", target)
    report = reports "/" target "/test.xml"
    cases = 0; bad = 0; disabled = 0
    while (($0 !~ /NO STATUS|FAILED TO BUILD/) && (getline line < report) > 0) {
      if (line !~ /<testsuite /) continue
      cases += number(line, "tests"); disabled += number(line, "disabled")
      bad += number(line, "failures") + number(line, "errors")
    }
    close(report)
    if ($0 !~ / (PASSED|FLAKY) /&& bad == 0) { bad = 1; cases += 1 }
    total += cases - disabled; failed += bad
  }
  function number(line, name) {
    if (!match(line, " " name "=\"[0-9]+\"")) return 0
    return substr(line, RSTART + length(name) + 3, RLENGTH - length(name) - 4) + 0
  }
  END { printf "%d passed, %d failed\n", total - failed, failed }' "$log"
exit $result
