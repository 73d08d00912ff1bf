# SPDX-License-Identifier: MIT
# The store: an engine without I/O, its ring transport, its client for code in the same program, and a daemon for Linux
# hosts around it.
xenstore-engine-srcs := $(addprefix xenstore/, \
    store.c domain.c quota.c rate.c conn.c wire.c ops_node.c ops_client.c ops_domain.c ops_admin.c control.c \
    change.c transaction.c watch.c tree.c acl.c path.c hash.c \
    journal.c state.c conn_state.c records.c)
xenstore-srcs += $(xenstore-engine-srcs) xenstore/ring.c xenstore/local.c xenstore/renew.c
xenstored-srcs := $(xenstore-engine-srcs) $(addprefix xenstore/unix/, \
    main.c options.c log.c background.c listener.c loop.c server.c client.c batch.c state_file.c handover.c \
    control.c)
