#!/bin/sh
# A server in a container, from its start to its end.
set -eu

docker run --rm --detach --name spanner -p 9010:9010 -p 9020:9020 \
  spanner-session-emulator --max_sessions=1000

while [ "$(docker inspect --format '{{.State.Health.Status}}' spanner)" = starting ]; do
  sleep 0.2
done

curl --fail -X POST localhost:9020/v1/projects/p/instances/i/databases/d/sessions

docker stop spanner
