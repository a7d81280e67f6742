#!/bin/sh
# A server with files: here stubs, which say what queries get.
set -eu

mkdir -p emulator
cat >emulator/stubs.json <<'END'
{"stubs": [{"match": {"sql": "SELECT 1"},
            "answer": {"columns": ["INT64"], "rows": [[1]]}}]}
END

docker run --rm --detach --name spanner -p 9010:9010 -p 9020:9020 \
  -v "$PWD/emulator:/emulator:ro" \
  spanner-session-emulator --script=/emulator/stubs.json

while [ "$(docker inspect --format '{{.State.Health.Status}}' spanner)" = starting ]; do
  sleep 0.2
done

curl --fail localhost:9020/emulator/v1/stubs

docker stop spanner
