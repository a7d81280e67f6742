#!/bin/bash
# Fails if clang-format or clang-tidy has something to say.
set -euo pipefail
cd "$(dirname "$0")/.."

git ls-files '*.cc' '*.h' | xargs clang-format-14 --dry-run --Werror

# Generated headers come from a build.
bazel build //...
bin=$(bazel info bazel-bin 2>/dev/null)
options=(-std=c++20 -I. "-I$bin" -DFMT_HEADER_ONLY -DSPDLOG_FMT_EXTERNAL)
for repository in com_google_googleapis io_grpc_grpc_proto \
  com_github_jupp0r_prometheus_cpp/core/_virtual_includes/core; do
  options+=(-isystem "$bin/external/$repository")
done
options+=(-isystem "$bin/proto" -isystem "$bin/proto/_virtual_imports/control_proto")
git ls-files 'server/*.cc' 'store/*.cc' 'bench/*.cc' 'examples/*.cc' 'tools/*.cc' |
  xargs -P "$(nproc)" -I {} clang-tidy-14 --quiet {} -- "${options[@]}"
