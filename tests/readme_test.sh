#!/bin/bash
# The documentation's examples are the files that are built and run elsewhere.
set -euo pipefail

failed=0
check() {  # check PAGE LANGUAGE FILE: the page's block in that language is the file.
  if awk -v open="\`\`\`$2" '$0 == open {in_block = 1; next}
       /^```$/ {in_block = 0} in_block' "$1" | diff - "$3"; then
    echo "the $2 example of $1 is $3"
  else
    echo "the $2 example of $1 is not $3" >&2
    failed=1
  fi
}
check README.md cpp examples/cpp/session_test.cc
check README.md js examples/node/sessions.js
check docs/iam.md cpp examples/cpp/iam_test.cc
check docs/stubs.md cpp examples/cpp/stubs_test.cc
exit $failed
