// SPDX-License-Identifier: MIT
/*
 * How fast a domain may write. Each may save up the writes of one second; when it has used them up, its
 * requests wait until there is credit again, and only its own. And fairness to slow transactions: who wrote
 * what made one fail waits a moment, longer each time, until it has had its turn.
 */
#ifndef XS_RATE_H
#define XS_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct xs_conn;
struct xs_store;

/* The client has written. */
void xs_rate_charge(struct xs_conn *conn, const char *path);

/* How many ms the client's next request has to wait. */
uint32_t xs_rate_delay(const struct xs_conn *conn);

/* The store's tree has been changed by the client (NULL: by the store itself). */
void xs_rate_note_change(struct xs_store *store, const struct xs_conn *conn);

/* For the `failures`-th time in a row a client's transaction has met a change, this one of that generation.
 */
void xs_rate_hold_back(struct xs_store *store, uint64_t gen, uint32_t failures);

#endif
