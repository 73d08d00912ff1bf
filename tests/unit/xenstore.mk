# SPDX-License-Identifier: MIT
# The store: its invariants, its limits, its transports, each against the whole engine.
unit-tests += xenstore_invariants_test

xenstore_invariants_test-srcs = tests/unit/xenstore_invariants_test.c $(xenstore-srcs)
