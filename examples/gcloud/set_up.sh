#!/bin/sh
set -e

# Where the server is, with the slash at the end, and that it wants no token.
export CLOUDSDK_API_ENDPOINT_OVERRIDES_SPANNER=http://localhost:9020/
export CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true
export CLOUDSDK_CORE_PROJECT=my-project

gcloud spanner instances create my-instance \
  --config=emulator-config --description=Tests --nodes=1
gcloud spanner databases create my-database --instance=my-instance \
  --ddl='CREATE TABLE Singers (SingerId INT64, Name STRING(1024)) PRIMARY KEY (SingerId)'
gcloud spanner databases ddl update my-database --instance=my-instance \
  --ddl='ALTER TABLE Singers ADD COLUMN Born DATE'
gcloud spanner databases list --instance=my-instance
