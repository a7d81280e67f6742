#!/bin/bash
# Finds Google's emulator and hands it to the test. SPANNER_EMULATOR_BINARY
# names it; else it is where gcloud installs it, or on the path. Nothing is
# handed over where there is none.
set -euo pipefail

find_in_gcloud() {
  command -v gcloud >/dev/null || return 0
  # gcloud wants a folder for its settings; tests need not have a home.
  local root
  root=$(CLOUDSDK_CONFIG="$TEST_TMPDIR/gcloud" timeout 60 \
    gcloud info --format='value(installation.sdk_root)' 2>/dev/null) || return 0
  echo "$root/bin/cloud_spanner_emulator/emulator_main"
}

if [[ -z "${SPANNER_EMULATOR_BINARY:-}" ]]; then
  SPANNER_EMULATOR_BINARY=$(find_in_gcloud)
  if [[ ! -x "$SPANNER_EMULATOR_BINARY" ]]; then
    SPANNER_EMULATOR_BINARY=$(command -v emulator_main || true)
  fi
fi
export SPANNER_EMULATOR_BINARY
exec "$@"
