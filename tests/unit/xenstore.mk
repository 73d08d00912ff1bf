# SPDX-License-Identifier: MIT
# The store: its invariants, its limits, its transports, each against the whole engine.
unit-tests += xenstore_admin_test xenstore_invariants_test xenstore_limits_test xenstore_local_test xenstore_model_test \
    xenstore_nomem_test xenstore_ring_test xenstore_state_test xenstored_test

xenstore_admin_test-srcs = tests/unit/xenstore_admin_test.c $(xenstore-srcs)
xenstore_invariants_test-srcs = tests/unit/xenstore_invariants_test.c $(xenstore-srcs)
xenstore_limits_test-srcs = tests/unit/xenstore_limits_test.c $(xenstore-srcs)
xenstore_local_test-srcs = tests/unit/xenstore_local_test.c $(xenstore-srcs)
xenstore_model_test-srcs = tests/unit/xenstore_model_test.c $(xenstore-srcs)
xenstore_ring_test-srcs = tests/unit/xenstore_ring_test.c $(xenstore-srcs)
xenstore_state_test-srcs = tests/unit/xenstore_state_test.c $(xenstore-srcs)
xenstored_test-srcs = tests/unit/xenstored_test.c dom0-tools/xenstored/xenstored.c $(xenstore-srcs)
xenstore_nomem_test-srcs = tests/unit/xenstore_nomem_test.c $(xenstore-srcs)
xenstore_nomem_test-libs = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
