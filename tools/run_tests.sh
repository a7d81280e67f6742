#!/bin/sh
# Builds everything and runs all tests; arguments go to Bazel. The last line
# counts the test cases that passed and failed.
set -u
cd "$(dirname "$0")/.."

# A build of its own for each sanitizer, so that none throws away the other's.
output_base=
for argument in "$@"; do
  case $argument in
    --config=*) output_base="--output_base=$HOME/.cache/bazel-${argument#--config=}" ;;
  esac
done

# shellcheck disable=SC2086  # Empty or one word.
bazel $output_base test --keep_going "$@" //...
result=$?

# Each test target leaves a report; one that did not run to its end counts as a
# failed test.
# shellcheck disable=SC2086
logs=$(bazel $output_base info "$@" bazel-testlogs 2>/dev/null)
find "$logs" -name test.xml -exec cat {} + | tr '>' '\n' | awk '
  /<testsuite / {
    match($0, / tests="[0-9]+"/); tests += substr($0, RSTART + 8, RLENGTH - 9)
    match($0, / failures="[0-9]+"/); failed += substr($0, RSTART + 11, RLENGTH - 12)
    if (match($0, / errors="[0-9]+"/)) failed += substr($0, RSTART + 9, RLENGTH - 10)
  }
  END { printf "%d passed, %d failed\n", tests - failed, failed }'
exit $result
