#!/bin/sh
# Fails if clang-format or clang-tidy has something to say.
set -eu
cd "$(dirname "$0")/.."

git ls-files '*.cc' '*.h' | xargs clang-format-14 --dry-run --Werror

# Headers of generated code and of the repositories, as Bazel passes them.
bazel build //... >/dev/null 2>&1
bin=$(bazel info bazel-bin 2>/dev/null)
includes="-I. -I$bin"
for repository in com_google_googleapis io_grpc_grpc_proto; do
  includes="$includes -isystem $bin/external/$repository"
done
# shellcheck disable=SC2086  # A list of words.
git ls-files 'server/*.cc' 'store/*.cc' 'bench/*.cc' |
  xargs -P "$(nproc)" -n 1 sh -c 'clang-tidy-14 --quiet "$0" -- -std=c++20 '"$includes"' \
    -DFMT_HEADER_ONLY -DSPDLOG_FMT_EXTERNAL 2>/dev/null || exit 255'
