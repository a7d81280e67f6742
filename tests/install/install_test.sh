#!/bin/bash
# What `make install` installs is used as the examples show it, from where it was
# moved to. Bazel gives install.sh, and the folder that has all it installs.
set -euo pipefail

for tool in cmake make pkg-config; do
  if ! command -v "$tool" >/dev/null; then
    echo "$tool not found: run \`make setup\`" >&2
    exit 1
  fi
done
fail() {
  echo "$*" >&2
  exit 1
}

cd "$TEST_TMPDIR"
sources=$TEST_SRCDIR/$TEST_WORKSPACE

! PREFIX=usr DESTDIR="$PWD/stage" "$sources/tools/install/install.sh" \
  "$sources" 2>error || fail "a relative PREFIX was taken"
grep -q "PREFIX must be an absolute path, but is usr" error || fail "$(cat error)"

PREFIX=/opt/emulator DESTDIR="$PWD/stage" \
  "$sources/tools/install/install.sh" "$sources"
# Again, over what is there, with a header that is no more.
touch stage/opt/emulator/include/spanner_session_emulator/server/old.h
PREFIX=/opt/emulator DESTDIR="$PWD/stage" \
  "$sources/tools/install/install.sh" "$sources"
mv stage/opt/emulator installed
(cd installed && find . -type f ! -name '*.h' | sort) >files
diff files - <<'END'
./bin/spanner_session_emulator
./lib/cmake/spanner_session_emulator/spanner_session_emulator-config-version.cmake
./lib/cmake/spanner_session_emulator/spanner_session_emulator-config.cmake
./lib/libspanner_session_emulator.a
./lib/pkgconfig/spanner_session_emulator.pc
./share/doc/spanner_session_emulator/LICENSE
./share/doc/spanner_session_emulator/LICENSE.prometheus-cpp
END
for header in server/emulator.h server/gtest.h \
  google/spanner/v1/spanner.grpc.pb.h \
  google/spanner/admin/database/v1/spanner_database_admin.grpc.pb.h \
  spanner_session_emulator/v1/sessions.grpc.pb.h; do
  [ -f "installed/include/spanner_session_emulator/$header" ] ||
    fail "$header is not installed"
done
[ ! -e installed/include/spanner_session_emulator/server/old.h ] ||
  fail "a header of an earlier version has stayed"
# Our own ways inside of the library are nobody's interface.
[ ! -e installed/include/spanner_session_emulator/server/transport ] ||
  fail "headers of server/transport are installed"

version=$(installed/bin/spanner_session_emulator --version)
[ "$version" = "spanner_session_emulator $(PKG_CONFIG_PATH=installed/lib/pkgconfig \
  pkg-config --modversion spanner_session_emulator)" ] ||
  fail "pkg-config has another version than the program: $version"
[ -z "$(nm -a installed/bin/spanner_session_emulator 2>/dev/null)" ] ||
  fail "the program is not stripped"

# The examples are one and the same test.
for example in cmake pkg_config; do
  cmp "$sources/examples/bazel/session_test.cc" \
    "$sources/examples/$example/session_test.cc"
done

cp -RL "$sources/examples/pkg_config" pkg_config
PKG_CONFIG_PATH=$PWD/installed/lib/pkgconfig make -C pkg_config test |
  tee make.log
grep -q '\[  PASSED  \] 2 tests' make.log || fail "make test has not passed"

cp -RL "$sources/examples/cmake" cmake
cd cmake
cmake -B build -DCMAKE_PREFIX_PATH="$TEST_TMPDIR/installed"
cmake --build build
ctest --test-dir build --output-on-failure | tee ctest.log
grep -q '100% tests passed, 0 tests failed out of 2' ctest.log ||
  fail "ctest has not passed"

# Versions that do not fit are refused.
for wanted in 0.0.9 0.99 1.0; do
  mkdir "v$wanted"
  cat >"v$wanted/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.22)
project(version LANGUAGES NONE)
find_package(spanner_session_emulator $wanted REQUIRED)
END
  if cmake -S "v$wanted" -B "v$wanted/build" \
    -DCMAKE_PREFIX_PATH="$TEST_TMPDIR/installed" >"v$wanted/log" 2>&1; then
    fail "version $wanted was wanted, and $version was taken"
  fi
  grep -q 'compatible with requested version' "v$wanted/log" ||
    fail "$(cat "v$wanted/log")"
done
