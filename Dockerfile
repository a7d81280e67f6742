# The server in an image of its own: `make image`. docs/container.md is the guide.
#
# Any Debian 12 will do as the base, so also one with a registry's mirror or a
# company's certificates. Nothing here is for one architecture only.
ARG BASE=debian:12
FROM ${BASE} AS build
# For a mirror of npm's registry, and for certificates that the base has and
# Node does not know. (HTTP_PROXY and its like need no line here.)
ARG NPM_CONFIG_REGISTRY
ARG NODE_EXTRA_CA_CERTS
WORKDIR /src
COPY tools/setup.sh tools/
RUN tools/setup.sh --packages
COPY . .
RUN bazel build //server:spanner_session_emulator //third_party:licenses \
  && tools/image/root_fs.sh bazel-bin/server/spanner_session_emulator /root_fs \
  && bazel shutdown

FROM scratch
COPY --from=build /root_fs /
USER 65532:65532
EXPOSE 9010 9020
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=2s --timeout=5s --retries=3 \
  CMD ["/spanner_session_emulator", "--healthcheck"]
LABEL org.opencontainers.image.title="Spanner session emulator" \
  org.opencontainers.image.description="Spanner's API as far as sessions reach, for tests of clients" \
  org.opencontainers.image.licenses="Apache-2.0"
# So can each flag be set; a container's arguments are flags, too, and win.
ENV SPANNER_SESSION_EMULATOR_HOSTNAME=0.0.0.0
ENTRYPOINT ["/spanner_session_emulator"]
