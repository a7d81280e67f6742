"""npm packages as a repository, at the versions and hashes of a lock file."""

def _impl(rctx):
    # Refetched when one of the two files changes; npm checks every archive
    # against the lock file's hash and runs no package's scripts.
    rctx.file("npm/package.json", rctx.read(rctx.attr.package_json))
    rctx.file("npm/package-lock.json", rctx.read(rctx.attr.package_lock))
    npm = rctx.which("npm")
    if not npm:
        fail("npm not found: run `make setup`")
    result = rctx.execute(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        working_directory = "npm",
        timeout = 900,
    )
    if result.return_code != 0:
        fail("npm ci failed:\n" + result.stdout + result.stderr)
    for source, target in rctx.attr.keep.items():
        rctx.execute(["mkdir", "-p", target.rpartition("/")[0] or "."])
        result = rctx.execute(["mv", "npm/node_modules/" + source, target])
        if result.return_code != 0:
            fail(result.stderr)
    rctx.delete("npm")
    for path, label in rctx.attr.build_files.items():
        rctx.symlink(Label(label), path + "/BUILD.bazel" if path else "BUILD.bazel")

npm_repository = repository_rule(
    implementation = _impl,
    doc = "Installs a lock file's packages and keeps the folders that are named.",
    attrs = {
        "build_files": attr.string_dict(doc = "Folder -> label of its BUILD file."),
        "package_json": attr.label(mandatory = True, allow_single_file = True),
        "package_lock": attr.label(mandatory = True, allow_single_file = True),
        "keep": attr.string_dict(
            mandatory = True,
            doc = "What is kept: path below node_modules -> path in the repository.",
        ),
    },
)
