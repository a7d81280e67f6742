# `make` lists the targets. Each does its own set-up.
SERVER = bazel-bin/server/spanner_session_emulator
RUN_FLAGS =

# `make bench BENCH_FLAGS=--help` lists the flags.
BENCH_FLAGS =

# Where `make install` installs, and in front of that a package's own folder.
# Bazel builds anew for each user: where only root may write, say SUDO=sudo.
PREFIX = /usr/local
DESTDIR =
SUDO =

# The name of the image, and what docker, podman or buildah is told beside it.
IMAGE = spanner-session-emulator:latest
IMAGE_FLAGS =

.PHONY: help setup build run install image test bench-build bench
.PHONY: bench-quick asan tsan format lint clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup:  ## install what is missing: Debian packages, the pinned API protos
	@tools/setup.sh

build: setup  ## build the server
	@bazel build //server:spanner_session_emulator

run: build  ## start the server on localhost:9010 and 9020 (RUN_FLAGS="--grpc_port=0 ..." for more)
	@exec $(SERVER) $(RUN_FLAGS)

install: setup  ## install the server and the C++ library (PREFIX=/usr/local DESTDIR= SUDO=)
	@bazel build //tools/install:files
	@$(SUDO) env PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" tools/install/install.sh bazel-bin

image:  ## build the image with docker, podman or buildah (IMAGE=spanner-session-emulator:latest)
	@IMAGE="$(IMAGE)" tools/image/build.sh $(IMAGE_FLAGS)

test: setup  ## build everything and run all tests
	@tools/run_tests.sh

bench-build: setup
	@tools/setup.sh --bench
	@bazel build //bench:all //server:spanner_session_emulator //third_party:licenses

bench: bench-build  ## measure speed and memory, in a quarter of an hour; writes bench-report/report.md
	@bench/run.py $(BENCH_FLAGS)

bench-quick: bench-build  ## the same with less of everything, in three minutes
	@bench/run.py --quick $(BENCH_FLAGS)

asan: setup  ## all tests under the address and undefined-behaviour sanitizers
	@tools/run_tests.sh --config=asan

tsan: setup  ## the C++ tests under the thread sanitizer
	@tools/run_tests.sh --config=tsan

format: setup  ## format the C++ sources
	@tools/setup.sh --lint
	@git ls-files '*.cc' '*.h' | xargs clang-format-14 -i

lint: setup  ## check the format and run clang-tidy
	@tools/setup.sh --lint
	@tools/lint.sh

clean:  ## remove what was built
	@bazel clean
