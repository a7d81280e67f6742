"""C++ stubs for the services of a proto_library."""

def _impl(ctx):
    info = ctx.attr.proto[ProtoInfo]
    outputs = []
    for source in ctx.files.srcs:
        package = ctx.label.package or ctx.label.workspace_name
        name = source.path.partition(package + "/")[2][:-len(".proto")]
        outputs.append(ctx.actions.declare_file(name + ".grpc.pb.h"))
        outputs.append(ctx.actions.declare_file(name + ".grpc.pb.cc"))

    # Where import paths start.
    root = [ctx.label.workspace_root] if ctx.label.workspace_root else []
    if ctx.attr.strip_package:
        root.append(ctx.label.package)

    # Descriptor sets instead of import paths: the proto_library knows them.
    args = ctx.actions.args()
    args.add_joined(
        info.transitive_descriptor_sets,
        join_with = ":",
        format_joined = "--descriptor_set_in=%s",
    )
    args.add(ctx.executable._plugin, format = "--plugin=protoc-gen-grpc=%s")
    args.add("/".join([ctx.bin_dir.path] + root), format = "--grpc_out=%s")
    for source in ctx.files.srcs:
        args.add(source.path[len("/".join(root + [""])):])
    ctx.actions.run(
        executable = ctx.executable._protoc,
        tools = [ctx.executable._plugin],
        inputs = info.transitive_descriptor_sets,
        outputs = outputs,
        arguments = [args],
        mnemonic = "GenGrpcCc",
    )
    return [DefaultInfo(files = depset(outputs))]

_generate = rule(
    implementation = _impl,
    attrs = {
        "proto": attr.label(providers = [ProtoInfo], mandatory = True),
        "srcs": attr.label_list(allow_files = [".proto"], mandatory = True),
        "strip_package": attr.bool(),
        "_plugin": attr.label(
            default = "@com_github_grpc_grpc//src/compiler:grpc_cpp_plugin",
            executable = True,
            allow_single_file = True,
            cfg = "host",
        ),
        "_protoc": attr.label(
            default = "@com_google_protobuf//:protoc",
            executable = True,
            allow_single_file = True,
            cfg = "host",
        ),
    },
)

def cc_grpc_library(name, proto, srcs, deps, strip_package = False):
    """A cc_library of stubs.

    Args:
      name: of the library.
      proto: the proto_library.
      srcs: those of its files that declare services.
      deps: the cc_proto_library of `proto`.
      strip_package: whether import paths start below the package, as those of
        `proto` do if it strips them; else they start at the root.
    """
    _generate(
        name = name + "_generated",
        proto = proto,
        srcs = srcs,
        strip_package = strip_package,
    )
    native.cc_library(
        name = name,
        srcs = [name + "_generated"],
        hdrs = [name + "_generated"],
        includes = ["."] if strip_package else [],
        deps = deps + ["@com_github_grpc_grpc//:grpc++"],
    )
