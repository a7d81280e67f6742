#!/bin/sh
# Builds the image with the first that is there of docker, podman and buildah;
# arguments go to its `build`. IMAGE is the image's name.
set -eu
cd "$(dirname "$0")/../.."

image=${IMAGE:-spanner-session-emulator:latest}
# With OCI's own format, which the others prefer, there is no health check.
if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
  set -- docker build --tag "$image" "$@" .
elif command -v podman >/dev/null; then
  set -- podman build --format docker --tag "$image" "$@" .
elif command -v buildah >/dev/null; then
  set -- buildah build --format docker --tag "$image" "$@" .
else
  echo "image: found neither docker with its engine running, nor podman, nor" \
    "buildah; on Debian, \`apt-get install buildah\` is enough" >&2
  exit 1
fi
echo "image: $*"
exec "$@"
