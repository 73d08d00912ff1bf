# SPDX-License-Identifier: MIT
# The domain builder's pure part; needs liblz4-dev, liblzma-dev, libzstd-dev and zlib1g-dev.
unit-tests += builder_test
builder_test-srcs = tests/unit/builder_test.c tests/unit/builder_images.c dom0-tools/ctl/error.c $(builder-core-srcs)
builder_test-libs = -lz -llz4 -lzstd -llzma
