"""Which labels exist in the repositories that have more than one package."""

# Package -> targets. Add what a BUILD file needs; the libraries are all linked
# from one group.
ABSEIL_PACKAGES = {
    "absl/base": ["core_headers"],
    "absl/container": [
        "btree",
        "flat_hash_map",
        "flat_hash_set",
    ],
    "absl/flags": [
        "commandlineflag",
        "flag",
        "marshalling",
        "parse",
        "reflection",
    ],
    "absl/functional": ["function_ref"],
    "absl/hash": ["hash"],
    "absl/random": ["random"],
    "absl/status": [
        "status",
        "statusor",
    ],
    "absl/strings": [
        "cord",
        "str_format",
        "strings",
    ],
    "absl/synchronization": ["synchronization"],
    "absl/time": ["time"],
    "absl/types": [
        "optional",
        "span",
        "variant",
    ],
}

GOOGLEAPIS_PACKAGES = {
    "google/api": "//third_party/googleapis:BUILD.api",
    "google/iam/v1": "//third_party/googleapis:BUILD.iam_v1",
    "google/longrunning": "//third_party/googleapis:BUILD.longrunning",
    "google/rpc": "//third_party/googleapis:BUILD.rpc",
    "google/spanner/admin/database/v1": "//third_party/googleapis:BUILD.spanner_admin_database_v1",
    "google/spanner/admin/instance/v1": "//third_party/googleapis:BUILD.spanner_admin_instance_v1",
    "google/spanner/v1": "//third_party/googleapis:BUILD.spanner_v1",
    "google/type": "//third_party/googleapis:BUILD.type",
}
