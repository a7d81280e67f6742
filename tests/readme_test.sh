#!/bin/bash
# The README's examples are the files that are built and run elsewhere.
set -euo pipefail

failed=0
check() {  # check LANGUAGE FILE: the README's block in that language is the file.
  if awk -v open="\`\`\`$1" '$0 == open {in_block = 1; next}
       /^```$/ {in_block = 0} in_block' README.md | diff - "$2"; then
    echo "README.md's $1 example is $2"
  else
    echo "README.md's $1 example is not $2" >&2
    failed=1
  fi
}
check cpp examples/cpp/session_test.cc
check js examples/node/sessions.js
exit $failed
