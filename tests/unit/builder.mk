# SPDX-License-Identifier: MIT
# The domain builder; its libraries come from liblz4-dev, liblzma-dev, libzstd-dev and zlib1g-dev here.
builder-core-libs = -lz -llz4 -lzstd -llzma

unit-tests += builder_test
builder_test-srcs = tests/unit/builder_test.c tests/unit/builder_images.c dom0-tools/ctl/error.c $(builder-core-srcs)
builder_test-libs = $(builder-core-libs)

unit-tests += builder_domain_test
builder_domain_test-srcs = tests/unit/builder_domain_test.c tests/unit/builder_images.c dom0-tools/builder/domain.c \
    dom0-tools/ctl/error.c $(builder-core-srcs)
builder_domain_test-libs = $(builder-core-libs)

unit-tests += builder_extents_test
builder_extents_test-srcs = tests/unit/builder_extents_test.c dom0-tools/ctl/extents.c
