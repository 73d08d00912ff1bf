# SPDX-License-Identifier: MIT
fuzz-tests += core_fuzz
core_fuzz-srcs = tests/fuzz/core_fuzz.c $(hv-core-srcs)
