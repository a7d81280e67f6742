#!/bin/sh
# Builds everything and runs all tests; arguments go to Bazel. The last line
# counts the test cases that passed and failed.
set -u
cd "$(dirname "$0")/.."

bazel test --keep_going "$@" //...
result=$?

# Each test target leaves a report; one that did not run to its end counts as a
# failed test.
logs=$(bazel info "$@" bazel-testlogs 2>/dev/null)
find "$logs" -name test.xml -exec cat {} + | tr '>' '\n' | awk '
  /<testsuite / {
    match($0, / tests="[0-9]+"/); tests += substr($0, RSTART + 8, RLENGTH - 9)
    match($0, / failures="[0-9]+"/); failed += substr($0, RSTART + 11, RLENGTH - 12)
    if (match($0, / errors="[0-9]+"/)) failed += substr($0, RSTART + 9, RLENGTH - 10)
  }
  END { printf "%d passed, %d failed\n", tests - failed, failed }'
exit $result
