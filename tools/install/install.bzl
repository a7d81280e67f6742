"""What `make install` installs beside the program: a static library, headers."""

def _static_library_impl(ctx):
    # Of each library, what Bazel would link: the objects that are ours. Debian's
    # libraries have none here, as they are linker options.
    objects = []
    for dep in ctx.attr.deps:
        for input in dep[CcInfo].linking_context.linker_inputs.to_list():
            for library in input.libraries:
                for object in library.objects or library.pic_objects or []:
                    if object not in objects:
                        objects.append(object)

    # Appended one by one (q), as several have the same name.
    args = ctx.actions.args()
    args.add("qcsD")
    args.add(ctx.outputs.out)
    args.add_all(objects)
    ctx.actions.run(
        executable = "ar",
        arguments = [args],
        inputs = objects,
        outputs = [ctx.outputs.out],
        mnemonic = "StaticLibrary",
        use_default_shell_env = True,
    )

static_library = rule(
    implementation = _static_library_impl,
    doc = "One static library of all objects that cc_libraries are made of.",
    attrs = {
        "deps": attr.label_list(mandatory = True, providers = [CcInfo]),
        "out": attr.output(mandatory = True),
    },
)

def _header_folder_impl(ctx):
    contexts = [dep[CcInfo].compilation_context for dep in ctx.attr.deps]
    headers = depset(transitive = [context.headers for context in contexts])
    folder = ctx.actions.declare_directory(ctx.label.name)
    args = ctx.actions.args()
    args.add("--out", folder.path)
    args.add_all(ctx.attr.roots, before_each = "--root")
    for context in contexts:
        for folders in [context.quote_includes, context.includes, context.system_includes]:
            args.add_all(folders, before_each = "--include")
    args.add_all(headers)
    args.use_param_file("@%s", use_always = True)
    args.set_param_file_format("multiline")
    ctx.actions.run(
        executable = ctx.file._copy,
        arguments = [args],
        inputs = headers,
        outputs = [folder],
        mnemonic = "HeaderFolder",
        use_default_shell_env = True,
    )
    return [DefaultInfo(files = depset([folder]))]

header_folder = rule(
    implementation = _header_folder_impl,
    doc = "A folder with some headers, and those of `deps` that they include.",
    attrs = {
        "deps": attr.label_list(mandatory = True, providers = [CcInfo]),
        "roots": attr.string_list(
            mandatory = True,
            doc = "The headers, as they are included.",
        ),
        "_copy": attr.label(default = ":copy_headers.py", allow_single_file = True),
    },
)
