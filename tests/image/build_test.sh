#!/bin/bash
# tools/image/build.sh takes the tool that is there; here, stand-ins.
set -euo pipefail

failed=0
# check TOOLS WANT [ARGUMENT...]: with these stand-ins alone, the command line
# that is run, or the beginning of the error.
check() {
  local tools=$1 want=$2 got
  shift 2
  rm -rf "$TEST_TMPDIR/bin"
  mkdir "$TEST_TMPDIR/bin"
  ln -s "$(command -v dirname)" "$TEST_TMPDIR/bin/dirname"
  for tool in $tools; do
    # Of an engine that does not run, only the client is there.
    printf '#!/bin/sh\n[ "$1" = info ] && exit %d\nexit 0\n' \
      "$([ "$tool" = dead-docker ] && echo 1 || echo 0)" \
      >"$TEST_TMPDIR/bin/${tool#dead-}"
    chmod +x "$TEST_TMPDIR/bin/${tool#dead-}"
  done
  got=$(PATH="$TEST_TMPDIR/bin" /bin/sh tools/image/build.sh "$@" 2>&1) || true
  if [[ $got == "image: $want"* ]]; then
    echo "with '$tools': $got"
  else
    echo "with '$tools': expected \"image: $want\", but got \"$got\"" >&2
    failed=1
  fi
}
name=spanner-session-emulator:latest
check "docker podman buildah" "docker build --tag $name ."
check "dead-docker podman buildah" "podman build --format docker --tag $name ."
check "podman" "podman build --format docker --tag $name ."
check "dead-docker buildah" "buildah build --format docker --tag $name ."
check "buildah" "buildah build --format docker --tag $name --layers=false ." \
  --layers=false
check "dead-docker" "found neither docker"
check "" "found neither docker"
IMAGE=registry.example/emulator:1
export IMAGE
check "docker" "docker build --tag registry.example/emulator:1 ."
exit $failed
