"""A repository made of a few files, aliases and links.

Debian installs headers and libraries where the compiler looks for them, so a
repository for one of its packages is only the labels that BUILD files use.
"""

def _impl(rctx):
    for path, target in rctx.attr.links.items():
        rctx.symlink(target, path)
    for path, label in rctx.attr.files.items():
        rctx.symlink(Label(label), path)
    for package, names in rctx.attr.aliases.items():
        lines = ["package(default_visibility = [\"//visibility:public\"])\n"]
        for name in names:
            lines.append("alias(name = \"%s\", actual = \"//:all_libraries\")\n" % name)
        rctx.file(package + "/BUILD.bazel", "".join(lines), executable = False)

debian_repository = repository_rule(
    implementation = _impl,
    doc = "Labels for libraries that Debian has put into /usr.",
    attrs = {
        "aliases": attr.string_list_dict(
            doc = "Package path -> target names, each an alias of //:all_libraries.",
        ),
        "files": attr.string_dict(doc = "Path -> label of the file to put there."),
        "links": attr.string_dict(doc = "Path -> absolute path to link to."),
    },
    local = True,
)
