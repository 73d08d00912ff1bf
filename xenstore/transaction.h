// SPDX-License-Identifier: MIT
/*
 * Transactions. One works on a snapshot of the tree: it sees the store as it was at its start, plus its own
 * writes. If nothing has changed since, its tree becomes the store's. Else, if all it read is still as it
 * was, its writes are done again on the present tree; if not, the answer is EAGAIN and nothing happened. What
 * it wrote without reading is no conflict.
 */
#ifndef XS_TRANSACTION_H
#define XS_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/queue.h>

#include "change.h"
#include "hash.h"

struct xs_conn;

struct xs_transaction {
    LIST_ENTRY(xs_transaction) in_conn;
    struct xs_conn *conn;
    uint32_t id;
    bool restored;           /* what it did before a restart is forgotten: it can't be committed */
    struct xs_node *base;    /* the tree at its start */
    uint64_t start_gen;      /* the store's generation then */
    struct xs_change change; /* its own tree */
    struct xs_hash accessed; /* struct access by path: what it read and wrote */
};

/* What a transaction did to a node. Reading includes learning that there is none. */
#define XS_READ_VALUE    1u
#define XS_READ_CHILDREN 2u /* their names */
#define XS_READ_PERMS    4u
#define XS_WROTE         8u /* its value, or removed it: what the value was before matters no more */

/* 0 or a positive errno. */
int xs_transaction_start(struct xs_conn *conn, struct xs_transaction **transaction);
int xs_transaction_commit(struct xs_transaction *transaction); /* gone afterwards, whatever it returns */
/* One that was open before a restart: 0, EINVAL if it can't have been, ENOMEM or ENOSPC. */
int xs_transaction_restore(struct xs_conn *conn, uint32_t id);

void xs_transaction_drop(struct xs_transaction *transaction);
void xs_transaction_drop_all(struct xs_conn *conn);

struct xs_transaction *xs_transaction_find(const struct xs_conn *conn, uint32_t id); /* NULL: there is none */

/* Notes an access (or with 0, that one is to come) before it happens. 0, or ENOSPC or ENOMEM: then it must
 * not happen. Noting more of the same path can't fail. */
int xs_transaction_note(struct xs_transaction *transaction, const char *path, unsigned int what);

#endif
