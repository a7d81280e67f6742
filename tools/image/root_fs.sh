#!/bin/sh
# root_fs.sh BINARY FOLDER: makes the image's file system in FOLDER: the server,
# the libraries that it loads, licences, and what a container runtime asks for.
# `bazel build //server:spanner_session_emulator //third_party:licenses` has built
# BINARY and what is beside it.
set -eu

binary=$1
root=$2
here=$(cd "$(dirname "$0")/../.." && pwd)
if [ -e "$root" ]; then
  echo "root_fs: $root is there already" >&2
  exit 1
fi
umask 022
mkdir -p "$root/etc" "$root/tmp" "$root/usr/share/doc"
chmod 1777 "$root/tmp"

strip -o "$root/spanner_session_emulator" "$binary"
chmod 755 "$root/spanner_session_emulator"

# Whatever the machine is, its libraries are where the loader looks for them.
ldd "$binary" | grep -o '/[^ ]*' | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done

echo 'nonroot:x:65532:65532:nonroot:/tmp:/nologin' >"$root/etc/passwd"
echo 'nonroot:x:65532:' >"$root/etc/group"
# Container runtimes put theirs in this one's place.
printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' >"$root/etc/hosts"

# The licences of all that is in the binary or beside it.
cp "$here/LICENSE" "$root/usr/share/doc/LICENSE"
for license in "$(dirname "$binary")"/../third_party/licenses/*; do
  mkdir "$root/usr/share/doc/$(basename "$license")"
  cp -L "$license" "$root/usr/share/doc/$(basename "$license")/copyright"
done
for package in gcc-12-base libabsl-dev libboost-dev libc-ares-dev libc6 \
  libfmt-dev libgrpc++-dev libprotobuf-dev libre2-dev libspdlog-dev libssl-dev \
  zlib1g-dev; do
  mkdir "$root/usr/share/doc/$package"
  cp -L "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/"
done
