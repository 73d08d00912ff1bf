# SPDX-License-Identifier: MIT
fuzz-tests += builder_fuzz
builder_fuzz-srcs = tests/fuzz/builder_fuzz.c tests/unit/builder_images.c dom0-tools/ctl/error.c $(builder-core-srcs)
builder_fuzz-libs = $(builder-core-libs)
