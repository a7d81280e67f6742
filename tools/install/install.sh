#!/bin/sh
# install.sh BUILD: installs what `bazel build //tools/install:files` has built
# below the folder BUILD (bazel-bin) under $DESTDIR$PREFIX. What is installed
# finds its parts from where it is, so the folder can be moved.
set -eu

build=$1
prefix=${PREFIX:-/usr/local}
case $prefix in
  /*) ;;
  *) echo "install: PREFIX must be an absolute path, but is $prefix" >&2; exit 1 ;;
esac
to=${DESTDIR-}$prefix
name=spanner_session_emulator
source=$(dirname "$0")/../..
here=$source/tools/install
version=$(sed -n 's/.*kVersion\[\] = "\(.*\)".*/\1/p' "$source/server/version.h")

mkdir -p "$to/bin" "$to/lib/pkgconfig" "$to/lib/cmake/$name" "$to/include" \
  "$to/share/doc/$name"

install -m 755 -s "$build/server/$name" "$to/bin/$name"
install -m 644 "$build/tools/install/lib$name.a" "$to/lib/lib$name.a"
install -m 644 "$source/LICENSE" "$to/share/doc/$name/LICENSE"
for license in "$build"/third_party/licenses/*; do
  install -m 644 "$license" "$to/share/doc/$name/LICENSE.$(basename "$license")"
done

# Headers of an earlier version would stay behind otherwise.
rm -rf "$to/include/$name"
mkdir "$to/include/$name"
(cd "$build/tools/install/include" && find . -name '*.h') |
  while read -r header; do
    mkdir -p "$to/include/$name/$(dirname "$header")"
    install -m 644 "$build/tools/install/include/$header" \
      "$to/include/$name/$header"
  done

fill() {  # fill TEMPLATE FILE
  sed "s/@VERSION@/$version/" "$here/$1" >"$to/$2"
  chmod 644 "$to/$2"
}
fill pkg_config.pc.in "lib/pkgconfig/$name.pc"
fill config.cmake.in "lib/cmake/$name/$name-config.cmake"
fill config-version.cmake.in "lib/cmake/$name/$name-config-version.cmake"
