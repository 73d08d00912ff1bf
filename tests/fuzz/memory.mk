# SPDX-License-Identifier: MIT
fuzz-tests += memory_fuzz
memory_fuzz-srcs = tests/fuzz/memory_fuzz.c $(faults-srcs)
memory_fuzz-libs = $(faults-libs)
