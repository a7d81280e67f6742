"""The repositories that the build needs, each under the Bazel world's usual name.

Libraries come from Debian packages (tools/setup.sh installs them) and one from
Debian's sources, the API protos from npm at the version that third_party/googleapis/package-lock.json
pins. docs/dependencies.md says why each is there.
"""

load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")
load("//third_party/debian:debian.bzl", "debian_repository")
load("//third_party/debian:packages.bzl", "ABSEIL_PACKAGES", "GOOGLEAPIS_PACKAGES")
load("//third_party:npm.bzl", "npm_repository")

def _maybe(rule, name, **kwargs):
    if not native.existing_rule(name):
        rule(name = name, **kwargs)

def spanner_session_emulator_deps():
    """Defines every repository that does not exist yet."""

    # Rule sets that Bazel 4.2 expects to find.
    _maybe(native.local_repository, "bazel_skylib", path = "/usr/share/bazel/tools/skylib")
    _maybe(native.local_repository, "platforms", path = "/usr/share/bazel/platforms")
    _maybe(native.local_repository, "rules_java", path = "/usr/share/bazel/rules/java")
    _maybe(native.local_repository, "rules_proto", path = "/usr/share/bazel/rules/proto")
    _maybe(debian_repository, "rules_cc", files = {
        "cc/BUILD.bazel": "//third_party/rules_cc:BUILD.rules_cc",
        "cc/defs.bzl": "//third_party/rules_cc:defs.bzl",
    })
    _maybe(debian_repository, "remote_coverage_tools", files = {
        "BUILD.bazel": "//third_party/debian:BUILD.remote_coverage_tools",
    })

    # Libraries.
    _maybe(
        debian_repository,
        "com_google_absl",
        aliases = ABSEIL_PACKAGES,
        files = {"BUILD.bazel": "//third_party/debian:BUILD.absl"},
    )
    _maybe(
        debian_repository,
        "com_github_grpc_grpc",
        files = {
            "BUILD.bazel": "//third_party/debian:BUILD.grpc",
            "grpc_tsan.cc": "//third_party/debian:grpc_tsan.cc",
            "src/compiler/BUILD.bazel": "//third_party/debian:BUILD.grpc_compiler",
        },
        links = {"src/compiler/grpc_cpp_plugin": "/usr/bin/grpc_cpp_plugin"},
    )
    _maybe(
        debian_repository,
        "com_google_protobuf",
        files = {"BUILD.bazel": "//third_party/debian:BUILD.protobuf"},
        links = {
            "protoc": "/usr/bin/protoc",
            "google/protobuf": "/usr/include/google/protobuf",
        },
    )
    _maybe(debian_repository, "com_google_googletest", files = {
        "BUILD.bazel": "//third_party/debian:BUILD.googletest",
    })
    _maybe(debian_repository, "com_github_google_benchmark", files = {
        "BUILD.bazel": "//third_party/debian:BUILD.benchmark",
    })
    _maybe(debian_repository, "com_github_gabime_spdlog", files = {
        "BUILD.bazel": "//third_party/debian:BUILD.spdlog",
    })

    _maybe(debian_repository, "boost", files = {
        "BUILD.bazel": "//third_party/debian:BUILD.boost",
    })
    _maybe(debian_repository, "com_googlesource_code_re2", files = {
        "BUILD.bazel": "//third_party/debian:BUILD.re2",
    })
    _maybe(debian_repository, "openssl", files = {
        "BUILD.bazel": "//third_party/debian:BUILD.openssl",
    })
    _maybe(debian_repository, "zlib", files = {
        "BUILD.bazel": "//third_party/debian:BUILD.zlib",
    })

    # Debian has its shared libraries only.
    _maybe(
        http_archive,
        "com_github_jupp0r_prometheus_cpp",
        build_file_content = 'exports_files(["LICENSE"])',
        sha256 = "593e028d401d3298eada804d252bc38d8cab3ea1c9e88bcd72095281f85e6d16",
        strip_prefix = "prometheus-cpp-1.0.1",
        urls = [
            "http://deb.debian.org/debian/pool/main/p/prometheus-cpp/prometheus-cpp_1.0.1.orig.tar.gz",
            "https://github.com/jupp0r/prometheus-cpp/archive/refs/tags/v1.0.1.tar.gz",
        ],
    )

    # Google's published API protos, unmodified.
    _maybe(
        npm_repository,
        "com_google_googleapis",
        package_json = Label("//third_party/googleapis:package.json"),
        package_lock = Label("//third_party/googleapis:package-lock.json"),
        keep = {"google-proto-files/google": "google"},
        build_files = GOOGLEAPIS_PACKAGES,
    )

    # gRPC's published protos for health checking and reflection.
    _maybe(
        npm_repository,
        "io_grpc_grpc_proto",
        package_json = Label("//third_party/grpc_proto:package.json"),
        package_lock = Label("//third_party/grpc_proto:package-lock.json"),
        keep = {
            "grpc-health-check/proto/health/v1/health.proto": "grpc/health/v1/health.proto",
            "@grpc/reflection/build/proto/grpc/reflection": "grpc/reflection",
        },
        build_files = {"": "//third_party/grpc_proto:BUILD.grpc_proto"},
    )

    # Google's Spanner client library for Node, for tests/clients/node.
    _maybe(
        npm_repository,
        "node_spanner",
        package_json = Label("//tests/clients/node:package.json"),
        package_lock = Label("//tests/clients/node:package-lock.json"),
        keep = {"": "node_modules"},
        build_files = {"": "//tests/clients/node:BUILD.node_spanner"},
    )

    # Google's REST client library for Node, for tests/clients/googleapis.
    _maybe(
        npm_repository,
        "node_googleapis",
        package_json = Label("//tests/clients/googleapis:package.json"),
        package_lock = Label("//tests/clients/googleapis:package-lock.json"),
        keep = {"": "node_modules"},
        build_files = {"": "//tests/clients/googleapis:BUILD.googleapis"},
    )
