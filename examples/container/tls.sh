#!/bin/sh
# A server with TLS, whose certificates it makes itself. The flag is given as an
# environment variable, because that is where the health check finds it, too.
set -eu

docker run --rm --detach --name spanner -p 9010:9010 -p 9020:9020 \
  -e SPANNER_SESSION_EMULATOR_TLS_SELF_SIGNED=/tmp/tls \
  spanner-session-emulator

while [ "$(docker inspect --format '{{.State.Health.Status}}' spanner)" = starting ]; do
  sleep 0.2
done

docker cp spanner:/tmp/tls/ca.pem ca.pem
curl --fail --cacert ca.pem https://localhost:9020/readyz

docker stop spanner
