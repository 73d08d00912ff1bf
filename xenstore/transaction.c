// SPDX-License-Identifier: MIT
/* Snapshots, what was read in them, and their commit; see transaction.h. */
#include "transaction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "domain.h"
#include "internal.h"
#include "quota.h"
#include "rate.h"

/* A node that a transaction accessed. */
struct access {
    struct xs_hash_entry entry; /* in transaction->accessed */
    unsigned int what;          /* XS_READ_* and XS_WROTE */
    char path[];
};

static size_t access_memory(const char *path)
{
    return sizeof(struct access) + strlen(path) + 1;
}

static uint32_t unused_id(struct xs_conn *conn)
{
    do {
        conn->last_tx_id++;
    } while (!conn->last_tx_id || xs_transaction_find(conn, conn->last_tx_id));
    return conn->last_tx_id;
}

int xs_transaction_start(struct xs_conn *conn, struct xs_transaction **out)
{
    struct xs_store *store = conn->store;
    uint32_t *open = &conn->domain->usage[XS_QUOTA_TRANSACTIONS];
    struct xs_transaction *transaction;

    if (!xs_quota_admits(conn, XS_QUOTA_TRANSACTIONS, *open + 1, ""))
        return ENOSPC;
    transaction = malloc(sizeof(*transaction));
    if (!transaction)
        return ENOMEM;
    transaction->conn = conn;
    transaction->restored = false;
    transaction->id = unused_id(conn);
    transaction->base = xs_node_ref(store->root);
    transaction->start_gen = store->gen;
    xs_hash_init(&transaction->accessed);
    xs_change_begin(&transaction->change, store, conn, true);
    LIST_INSERT_HEAD(&conn->transactions, transaction, in_conn);
    ++*open;
    *out = transaction;
    return 0;
}

int xs_transaction_restore(struct xs_conn *conn, uint32_t id)
{
    struct xs_transaction *transaction;
    int error;

    if (!id || xs_transaction_find(conn, id))
        return EINVAL;
    error = xs_transaction_start(conn, &transaction);
    if (error)
        return error;
    transaction->id = id;
    transaction->restored = true;
    return 0;
}

static void free_access(struct xs_hash_entry *entry, void *data)
{
    struct access *access = xs_container_of(entry, struct access, entry);
    struct xs_domain *payer = data;

    payer->usage[XS_QUOTA_MEMORY] -= access_memory(access->path);
    free(access);
}

void xs_transaction_drop(struct xs_transaction *transaction)
{
    struct xs_domain *domain = transaction->conn->domain;

    xs_hash_for_each(&transaction->accessed, free_access, domain);
    xs_hash_free(&transaction->accessed);
    xs_change_drop(&transaction->change);
    xs_node_put(transaction->base);
    LIST_REMOVE(transaction, in_conn);
    domain->usage[XS_QUOTA_TRANSACTIONS]--;
    free(transaction);
}

void xs_transaction_drop_all(struct xs_conn *conn)
{
    while (!LIST_EMPTY(&conn->transactions))
        xs_transaction_drop(LIST_FIRST(&conn->transactions));
}

struct xs_transaction *xs_transaction_find(const struct xs_conn *conn, uint32_t id)
{
    struct xs_transaction *transaction;

    LIST_FOREACH(transaction, &conn->transactions, in_conn)
    {
        if (transaction->id == id)
            return transaction;
    }
    return NULL;
}

static struct access *find_access(const struct xs_transaction *transaction, const char *path, uint64_t hash)
{
    struct xs_hash_entry *entry = xs_hash_first(&transaction->accessed, hash);

    for (; entry; entry = xs_hash_next(entry)) {
        struct access *access = xs_container_of(entry, struct access, entry);

        if (!strcmp(access->path, path))
            return access;
    }
    return NULL;
}

int xs_transaction_note(struct xs_transaction *transaction, const char *path, unsigned int what)
{
    struct xs_conn *conn = transaction->conn;
    size_t size = strlen(path) + 1;
    uint64_t hash = xs_hash_mix(xs_hash_bytes(conn->store->seed, path, size));
    struct access *access = find_access(transaction, path, hash);

    if (!access) {
        if (!xs_quota_admits(conn, XS_QUOTA_TRANSACTION_NODES, transaction->accessed.count + 1, path))
            return ENOSPC;
        if (!xs_quota_admits_memory(conn, access_memory(path), path))
            return ENOMEM;
        access = malloc(sizeof(*access) + size);
        if (!access)
            return ENOMEM;
        access->what = 0;
        memcpy(access->path, path, size);
        xs_hash_insert(&transaction->accessed, &access->entry, hash);
        conn->domain->usage[XS_QUOTA_MEMORY] += access_memory(path);
    }
    /* Its own value it may read whatever was there before. */
    if (what != XS_READ_VALUE || !(access->what & XS_WROTE))
        access->what |= what;
    return 0;
}

/* ---- commit ---- */

struct comparison {
    const struct xs_node *before, *now;
    uint64_t gen; /* of the store now */
    bool conflict;
    uint64_t conflict_gen; /* of the change that is in the way */
};

static void compare_access(struct xs_hash_entry *entry, void *data)
{
    const struct access *access = xs_container_of(entry, struct access, entry);
    struct comparison *comparison = data;
    const struct xs_node *before, *now;

    if (comparison->conflict || !(access->what & ~XS_WROTE))
        return;
    before = xs_tree_find(comparison->before, access->path);
    now = xs_tree_find(comparison->now, access->path);
    comparison->conflict = true;
    if (!before || !now) {
        comparison->conflict = before != now;
        comparison->conflict_gen = now ? now->gen : comparison->gen;
    } else if ((access->what & (XS_READ_VALUE | XS_READ_PERMS)) && before->gen != now->gen) {
        comparison->conflict_gen = now->gen;
    } else if ((access->what & XS_READ_CHILDREN) && before->children_gen != now->children_gen) {
        comparison->conflict_gen = now->children_gen;
    } else {
        comparison->conflict = false;
    }
}

/* Does the writes again on the present tree, if what was read is still true. */
static int commit_later(struct xs_transaction *transaction)
{
    struct xs_store *store = transaction->change.store;
    struct comparison comparison = {.before = transaction->base, .now = store->root, .gen = store->gen};
    struct xs_change change;
    int error;

    xs_hash_for_each(&transaction->accessed, compare_access, &comparison);
    if (comparison.conflict) {
        xs_rate_hold_back(store, comparison.conflict_gen, ++transaction->conn->conflicts);
        return EAGAIN;
    }
    xs_change_begin(&change, store, transaction->conn, false);
    /* What the present tree no longer allows, the next attempt will be told. */
    error = xs_change_repeat(&change, &transaction->change.updates);
    if (error && error != ENOMEM)
        error = EAGAIN;
    if (!error)
        error = xs_change_publish(&change);
    if (error)
        xs_change_drop(&change);
    return error;
}

static bool is_untouched(const struct xs_transaction *transaction)
{
    const struct xs_store *store = transaction->change.store;

    return store->root == transaction->base && store->last_death_gen <= transaction->start_gen;
}

int xs_transaction_commit(struct xs_transaction *transaction)
{
    int error = EAGAIN;

    if (!transaction->restored)
        error =
            is_untouched(transaction) ? xs_change_publish(&transaction->change) : commit_later(transaction);
    if (!error)
        transaction->conn->conflicts = 0;
    xs_transaction_drop(transaction);
    return error;
}
