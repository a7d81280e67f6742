#!/bin/sh
# Installs what the build and the tests need and this machine lacks. With --lint,
# also what `make lint` and `make format` need; with --bench, what `make bench`
# needs; with --packages, only Debian's packages. Does nothing when all is there.
set -eu
cd "$(dirname "$0")/.."

packages="
  bazel-bootstrap bazel-platforms bazel-rules-java bazel-rules-proto bazel-skylib
  ca-certificates cmake curl g++
  libabsl-dev libbenchmark-dev libboost-dev libfmt-dev libgmock-dev
  libgrpc++-dev libgtest-dev libprotobuf-dev libre2-dev libspdlog-dev libssl-dev
  make pkg-config prometheus protobuf-compiler protobuf-compiler-grpc python3-yaml
  zlib1g-dev"
[ "${1-}" = --lint ] && packages="$packages clang-format-14 clang-tidy-14"
[ "${1-}" = --bench ] && packages="$packages nghttp2-client"

missing=
for package in $packages; do
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$status" = "install ok installed" ] || missing="$missing $package"
done
# Node may come from elsewhere than Debian.
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"

if [ -n "$missing" ]; then
  echo "setup: installing$missing"
  sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  # shellcheck disable=SC2086  # A list of words.
  $sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends $missing
  # A test runs the program; nobody has asked for its service.
  case $missing in
    *\ prometheus*)
      if [ -d /run/systemd/system ]; then
        $sudo systemctl disable --now prometheus
      fi
      ;;
  esac
fi

[ "${1-}" = --packages ] && exit

# The API protos, the client libraries of the tests and one library's sources, as
# lock files and deps.bzl say.
if [ -n "$missing" ] || [ ! -e .setup ] ||
  [ -n "$(find deps.bzl third_party tests/clients -newer .setup -print -quit)" ]; then
  echo "setup: fetching the pinned npm packages and sources"
  bazel fetch //...
  touch .setup
fi
