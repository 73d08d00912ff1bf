# SPDX-License-Identifier: MIT
# The store against hostile bytes: over the wire, in a ring page, and in what it reads back after a restart.
fuzz-tests += xenstore_wire_fuzz xenstore_ring_fuzz xenstore_state_fuzz

xenstore_wire_fuzz-srcs = tests/fuzz/xenstore_wire_fuzz.c $(xenstore-srcs)
xenstore_ring_fuzz-srcs = tests/fuzz/xenstore_ring_fuzz.c $(xenstore-srcs)
xenstore_state_fuzz-srcs = tests/fuzz/xenstore_state_fuzz.c $(xenstore-srcs)
