# SPDX-License-Identifier: MIT
fuzz-tests += xenstore_fuzz

xenstore_fuzz-srcs = tests/fuzz/xenstore_fuzz.c $(xenstore-srcs)
