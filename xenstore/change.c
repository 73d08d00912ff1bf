// SPDX-License-Identifier: MIT
/* Operations that change the tree; see change.h. Each first does all that can fail, then what can't. */
#include "change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "domain.h"
#include "internal.h"
#include "journal.h"
#include "quota.h"
#include "rate.h"
#include "watch.h"

void xs_change_begin(struct xs_change *change, struct xs_store *store, struct xs_conn *conn, bool repeatable)
{
    *change = (struct xs_change){
        .store = store,
        .conn = conn,
        .repeatable = repeatable,
        .root = xs_node_ref(store->root),
    };
    STAILQ_INIT(&change->updates);
}

/* ---- records of what was done ---- */

static size_t update_memory(const struct xs_update *update)
{
    return sizeof(*update) + strlen(update->path) + 1 + update->value_len;
}

static void update_free(struct xs_update *update)
{
    if (update->payer)
        update->payer->usage[XS_QUOTA_MEMORY] -= update_memory(update);
    xs_acl_put(update->acl);
    xs_acl_put(update->old_acl);
    xs_acl_put(update->parent_acl);
    xs_node_put(update->removed);
    free(update);
}

void xs_change_drop(struct xs_change *change)
{
    struct xs_update *update;

    while ((update = STAILQ_FIRST(&change->updates))) {
        STAILQ_REMOVE_HEAD(&change->updates, next);
        update_free(update);
    }
    free(change->deltas);
    change->deltas = NULL;
    xs_node_put(change->root);
    change->root = NULL;
}

/* The record of an operation on the walked path. The value is kept only if it may be needed again. */
static struct xs_update *update_new(const struct xs_change *change, enum xs_update_type type,
                                    const char *path, const void *value, size_t value_len)
{
    const struct xs_walk *walk = &change->store->walk;
    size_t size = strlen(path) + 1, kept = change->repeatable ? value_len : 0;
    struct xs_update *update = malloc(sizeof(*update) + size + kept);
    const struct xs_node *parent = xs_walk_last(walk);

    if (!update)
        return NULL;
    if (!walk->missing)
        parent = walk->found > 1 ? walk->chain[walk->found - 2] : NULL;
    *update = (struct xs_update){.type = type, .value_len = kept, .value = update->path + size};
    update->parent_acl = parent ? xs_acl_ref(parent->acl) : NULL;
    memcpy(update->path, path, size);
    if (kept)
        memcpy(update->path + size, value, kept);
    if (change->repeatable && change->conn) {
        update->payer = change->conn->domain;
        update->payer->usage[XS_QUOTA_MEMORY] += update_memory(update);
    }
    return update;
}

/* ---- who owns how many nodes ---- */

/* The entry of an owner, made if there is none; its place may change. NULL: out of memory. */
static struct xs_node_delta *delta_of(struct xs_change *change, struct xs_domain *owner)
{
    for (size_t i = 0; i < change->delta_count; i++) {
        if (change->deltas[i].owner == owner)
            return &change->deltas[i];
    }
    if (change->delta_count == change->delta_capacity) {
        size_t capacity = change->delta_capacity ? change->delta_capacity * 2 : 4;
        struct xs_node_delta *deltas = realloc(change->deltas, capacity * sizeof(*deltas));

        if (!deltas)
            return NULL;
        change->deltas = deltas;
        change->delta_capacity = capacity;
    }
    change->deltas[change->delta_count] = (struct xs_node_delta){.owner = owner};
    return &change->deltas[change->delta_count++];
}

static bool prepare_delta(struct xs_change *change, struct xs_domain *owner)
{
    return delta_of(change, owner) != NULL;
}

/* Can't fail after prepare_delta. */
static void add_delta(struct xs_change *change, struct xs_domain *owner, int64_t nodes)
{
    delta_of(change, owner)->nodes += nodes;
}

static int64_t nodes_owned(struct xs_change *change, struct xs_domain *owner)
{
    int64_t nodes = owner->usage[XS_QUOTA_NODES];

    for (size_t i = 0; i < change->delta_count; i++) {
        if (change->deltas[i].owner == owner)
            nodes += change->deltas[i].nodes;
    }
    return nodes;
}

/* ---- operations ---- */

/* The rights to a node that was walked to; a missing one is as visible as its nearest ancestor. */
static int check_access(const struct xs_walk *walk, const struct xs_conn *conn, unsigned int access)
{
    unsigned int granted = xs_acl_access(xs_walk_last(walk)->acl, conn);

    if (walk->missing)
        return granted & access ? ENOENT : EACCES;
    return (granted & access) == access ? 0 : EACCES;
}

int xs_change_lookup(const struct xs_node *root, const struct xs_conn *conn, const char *path,
                     unsigned int access, const struct xs_node **node)
{
    struct xs_walk *walk = &conn->store->walk;
    int error;

    xs_tree_walk(root, path, walk);
    error = check_access(walk, conn, access);
    *node = error ? NULL : xs_walk_last(walk);
    return error;
}

/* Is there room for a node and, in a transaction, the record of what was done to it? */
static int check_memory(const struct xs_change *change, const char *path, size_t value_len)
{
    size_t bytes = xs_node_memory(strlen(path), value_len);

    if (change->repeatable)
        bytes += sizeof(struct xs_update) + strlen(path) + 1 + value_len;
    return xs_quota_admits_memory(change->conn, bytes, path) ? 0 : ENOMEM;
}

static int check_quotas(struct xs_change *change, const struct xs_acl *acl, size_t value_len,
                        const char *path)
{
    const struct xs_walk *walk = &change->store->walk;
    const char *name = strrchr(path, '/') + 1;
    size_t size = value_len + strlen(name) + acl->count * sizeof(acl->entries[0]);

    if (walk->missing && !xs_quota_admits(change->conn, XS_QUOTA_NODES,
                                          (uint64_t)nodes_owned(change, acl->owner) + walk->missing, path))
        return ENOSPC;
    if (!xs_quota_admits(change->conn, XS_QUOTA_NODE_SIZE, size, path))
        return ENOSPC;
    return check_memory(change, path, value_len);
}

/* Takes over a new root, or its absence, and the record of how it came about. */
static int take_over(struct xs_change *change, struct xs_node *root, struct xs_update *update)
{
    if (!root || !update) {
        xs_node_put(root);
        if (update)
            update_free(update);
        return ENOMEM;
    }
    xs_node_put(change->root);
    change->root = root;
    STAILQ_INSERT_TAIL(&change->updates, update, next);
    return 0;
}

/* Puts value and permissions at the walked path. old_acl: what SET_PERMS replaces, else NULL. */
static int put_node(struct xs_change *change, enum xs_update_type type, const char *path, struct xs_acl *acl,
                    struct xs_acl *old_acl, const void *value, size_t len)
{
    struct xs_store *store = change->store;
    struct xs_node *root = NULL;
    struct xs_update *update = NULL;
    unsigned int created = store->walk.missing;
    int error;

    if (prepare_delta(change, acl->owner)) {
        root = xs_tree_write(&store->walk, acl, value, len, ++store->gen);
        update = update_new(change, type, path, value, len);
    }
    if (update) {
        update->acl = xs_acl_ref(acl);
        update->old_acl = old_acl ? xs_acl_ref(old_acl) : NULL;
    }
    error = take_over(change, root, update);
    if (!error)
        add_delta(change, acl->owner, created);
    return error;
}

/* Creates the node that the walk didn't find. */
static int create(struct xs_change *change, enum xs_update_type type, const char *path, const void *value,
                  size_t len)
{
    struct xs_acl *acl = xs_acl_inherit(xs_walk_last(&change->store->walk)->acl, change->conn);
    int error = acl ? check_quotas(change, acl, len, path) : ENOMEM;

    if (!error)
        error = put_node(change, type, path, acl, NULL, value, len);
    xs_acl_put(acl);
    return error;
}

int xs_change_write(struct xs_change *change, const char *path, const void *value, size_t len)
{
    struct xs_walk *walk = &change->store->walk;
    struct xs_acl *acl;
    int error;

    xs_tree_walk(change->root, path, walk);
    error = check_access(walk, change->conn, XS_ACCESS_WRITE);
    if (error == ENOENT)
        return create(change, XS_UPDATE_WRITE, path, value, len);
    if (error)
        return error;
    acl = xs_walk_last(walk)->acl;
    error = check_quotas(change, acl, len, path);
    return error ? error : put_node(change, XS_UPDATE_WRITE, path, acl, NULL, value, len);
}

int xs_change_mkdir(struct xs_change *change, const char *path)
{
    int error;

    xs_tree_walk(change->root, path, &change->store->walk);
    error = check_access(&change->store->walk, change->conn, XS_ACCESS_WRITE);
    return error == ENOENT ? create(change, XS_UPDATE_MKDIR, path, NULL, 0) : error;
}

/* Calls add_delta or its preparation for the owner of each node of a subtree. */
static bool count_removed(struct xs_change *change, const struct xs_node *top, const char *path, bool prepare)
{
    struct xs_cursor *cursor = &change->store->removed;

    xs_cursor_start(cursor, top, path);
    for (const struct xs_node *node = top; node; node = xs_cursor_next(cursor, true, XS_OWNERS_ANY)) {
        if (!prepare)
            add_delta(change, node->acl->owner, -1);
        else if (!prepare_delta(change, node->acl->owner))
            return false;
    }
    return true;
}

int xs_change_rm(struct xs_change *change, const char *path)
{
    struct xs_store *store = change->store;
    struct xs_walk *walk = &store->walk;
    struct xs_node *top, *root;
    struct xs_update *update;
    int error;

    xs_tree_walk(change->root, path, walk);
    error = check_access(walk, change->conn, XS_ACCESS_WRITE);
    if (error == ENOENT && walk->missing == 1)
        return 0; /* what should go isn't there */
    if (error)
        return error;
    if (walk->found == 1)
        return EINVAL;

    top = (struct xs_node *)xs_walk_last(walk);
    if (!count_removed(change, top, path, true))
        return ENOMEM;
    update = update_new(change, XS_UPDATE_RM, path, NULL, 0);
    if (update) {
        update->acl = xs_acl_ref(top->acl);
        update->removed = xs_node_ref(top);
    }
    root = xs_tree_remove(walk, ++store->gen);
    error = take_over(change, root, update);
    if (!error)
        count_removed(change, top, path, false);
    return error;
}

/* May the client give the node at `path` a list of `count` entries with that owner? Walks to it. */
static int check_set_perms(struct xs_change *change, const char *path, uint16_t owner, size_t count)
{
    struct xs_walk *walk = &change->store->walk;
    int error;

    xs_tree_walk(change->root, path, walk);
    error = check_access(walk, change->conn, XS_ACCESS_WRITE | XS_ACCESS_OWNER);
    if (error)
        return error;
    /* Only the toolstack makes a present of a node. */
    if (change->conn && !change->conn->privileged && owner != xs_walk_last(walk)->acl->owner->domid)
        return EPERM;
    if (!xs_quota_admits(change->conn, XS_QUOTA_PERMISSIONS, count, path))
        return ENOSPC;
    return check_memory(change, path, xs_walk_last(walk)->value_len);
}

/* Gives the walked node another list. */
static int set_acl(struct xs_change *change, const char *path, struct xs_acl *acl)
{
    const struct xs_node *node = xs_walk_last(&change->store->walk);
    struct xs_domain *old_owner = node->acl->owner;
    int error;

    if (!prepare_delta(change, old_owner))
        return ENOMEM;
    error = put_node(change, XS_UPDATE_SET_PERMS, path, acl, node->acl, xs_node_value(node), node->value_len);
    if (!error) {
        add_delta(change, old_owner, -1);
        add_delta(change, acl->owner, 1);
    }
    return error;
}

int xs_change_set_perms(struct xs_change *change, const char *path, const struct xs_perm *entries,
                        size_t count)
{
    struct xs_acl *acl;
    int error = check_set_perms(change, path, entries[0].domid, count);

    if (error)
        return error;
    acl = xs_acl_new(change->store, entries, count);
    error = acl ? set_acl(change, path, acl) : ENOMEM;
    xs_acl_put(acl);
    return error;
}

/* The same list again, not a copy: entries of domains that died since it was made stay void. */
static int repeat_set_perms(struct xs_change *change, const char *path, struct xs_acl *acl)
{
    int error = check_set_perms(change, path, acl->owner->domid, acl->count);

    if (error)
        return error;
    return acl->owner->death_gen >= acl->gen ? EAGAIN : set_acl(change, path, acl);
}

/* ---- whole changes ---- */

static int repeat(struct xs_change *change, const struct xs_update *update)
{
    switch (update->type) {
    case XS_UPDATE_WRITE: return xs_change_write(change, update->path, update->value, update->value_len);
    case XS_UPDATE_MKDIR: return xs_change_mkdir(change, update->path);
    case XS_UPDATE_RM: return xs_change_rm(change, update->path);
    case XS_UPDATE_SET_PERMS: return repeat_set_perms(change, update->path, update->acl);
    }
    return EINVAL;
}

int xs_change_repeat(struct xs_change *change, const struct xs_update_list *updates)
{
    const struct xs_update *update;
    int error = 0;

    for (update = STAILQ_FIRST(updates); update && !error; update = STAILQ_NEXT(update, next))
        error = repeat(change, update);
    return error;
}

int xs_change_publish(struct xs_change *change)
{
    struct xs_store *store = change->store;
    struct xs_msg_list events = TAILQ_HEAD_INITIALIZER(events);
    struct xs_update *update;
    struct xs_node *old_root = store->root;
    int error = 0;

    STAILQ_FOREACH(update, &change->updates, next)
    {
        if (!error && !xs_watch_collect_update(store, update, &events))
            error = ENOMEM;
    }
    if (!error)
        error = xs_journal_change(change);
    if (error) {
        xs_watch_forget(&events);
        return error;
    }
    store->root = change->root;
    change->root = old_root;
    xs_rate_note_change(store, change->conn);
    for (size_t i = 0; i < change->delta_count; i++)
        change->deltas[i].owner->usage[XS_QUOTA_NODES] += (uint32_t)change->deltas[i].nodes;
    xs_change_drop(change);
    xs_watch_deliver(&events);
    return 0;
}
