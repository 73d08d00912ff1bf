// SPDX-License-Identifier: MIT
/* Registering watches and matching changes against them; see watch.h. */
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl.h"
#include "change.h"
#include "domain.h"
#include "quota.h"

/* All watches at one path. */
struct xs_watch_set {
    struct xs_hash_entry entry; /* in store->watch_sets */
    TAILQ_HEAD(, xs_watch) watches;
    size_t len;
    char path[]; /* terminated */
};

/* What decides whether a client may know of an event: it may read the node, or could before, or may read its
 * parent. */
struct visibility {
    const struct xs_acl *acl, *old_acl, *parent_acl; /* NULL: doesn't count */
};

/* ---- finding ---- */

static struct xs_watch_set *find_set(const struct xs_store *store, const char *path, size_t len,
                                     uint64_t hash)
{
    struct xs_hash_entry *entry = xs_hash_first(&store->watch_sets, hash);

    for (; entry; entry = xs_hash_next(entry)) {
        struct xs_watch_set *set = xs_container_of(entry, struct xs_watch_set, entry);

        if (set->len == len && !memcmp(set->path, path, len))
            return set;
    }
    return NULL;
}

static uint64_t set_hash(const struct xs_store *store, const char *path, size_t len)
{
    return xs_hash_mix(xs_hash_bytes(store->seed, path, len));
}

static uint64_t watch_hash(const struct xs_conn *conn, const char *path, const char *token)
{
    uint64_t hash = xs_hash_bytes(conn->store->seed, &conn, sizeof(conn));

    hash = xs_hash_bytes(hash, path, strlen(path) + 1);
    return xs_hash_mix(xs_hash_bytes(hash, token, strlen(token)));
}

static struct xs_watch *find_watch(const struct xs_conn *conn, const char *path, const char *token)
{
    struct xs_hash_entry *entry = xs_hash_first(&conn->store->watches, watch_hash(conn, path, token));

    for (; entry; entry = xs_hash_next(entry)) {
        struct xs_watch *watch = xs_container_of(entry, struct xs_watch, entry);

        if (watch->conn == conn && !strcmp(watch->set->path, path) && !strcmp(watch->token, token))
            return watch;
    }
    return NULL;
}

/* ---- registering ---- */

/* The set of a path, made if there is none. NULL: out of memory. */
static struct xs_watch_set *get_set(struct xs_store *store, const char *path)
{
    size_t len = strlen(path);
    uint64_t hash = set_hash(store, path, len);
    struct xs_watch_set *set = find_set(store, path, len, hash);

    if (set)
        return set;
    set = malloc(sizeof(*set) + len + 1);
    if (!set)
        return NULL;
    TAILQ_INIT(&set->watches);
    set->len = len;
    memcpy(set->path, path, len + 1);
    xs_hash_insert(&store->watch_sets, &set->entry, hash);
    return set;
}

static void drop_set_if_empty(struct xs_store *store, struct xs_watch_set *set)
{
    if (!TAILQ_EMPTY(&set->watches))
        return;
    xs_hash_remove(&store->watch_sets, &set->entry);
    free(set);
}

static size_t watch_memory(const char *path, const char *token)
{
    return sizeof(struct xs_watch) + sizeof(struct xs_watch_set) + strlen(path) + strlen(token) + 2;
}

static struct xs_watch *watch_new(struct xs_conn *conn, const struct xs_watch_request *request)
{
    size_t size = strlen(request->token) + 1;
    struct xs_watch *watch = malloc(sizeof(*watch) + size);

    if (!watch)
        return NULL;
    *watch = (struct xs_watch){.conn = conn,
                               .relative = request->relative,
                               .depth = request->depth,
                               .set = get_set(conn->store, request->path)};
    memcpy(watch->token, request->token, size);
    if (!watch->set) {
        free(watch);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&watch->set->watches, watch, in_set);
    LIST_INSERT_HEAD(&conn->watches, watch, in_conn);
    xs_hash_insert(&conn->store->watches, &watch->entry, watch_hash(conn, request->path, request->token));
    conn->domain->usage[XS_QUOTA_WATCHES]++;
    conn->domain->usage[XS_QUOTA_MEMORY] += watch_memory(request->path, request->token);
    return watch;
}

static void watch_free(struct xs_watch *watch)
{
    struct xs_conn *conn = watch->conn;
    struct xs_watch_set *set = watch->set;

    conn->domain->usage[XS_QUOTA_WATCHES]--;
    conn->domain->usage[XS_QUOTA_MEMORY] -= xs_watch_memory(watch);
    xs_hash_remove(&conn->store->watches, &watch->entry);
    LIST_REMOVE(watch, in_conn);
    TAILQ_REMOVE(&set->watches, watch, in_set);
    drop_set_if_empty(conn->store, set);
    free(watch);
}

/* The path as this watch's owner knows it. */
static const char *path_for(const struct xs_watch *watch, const char *path)
{
    char prefix[XS_PATH_PREFIX_SIZE];

    return watch->relative ? path + xs_path_domain_prefix(watch->conn->domain->domid, prefix) : path;
}

int xs_watch_add(struct xs_conn *conn, const struct xs_watch_request *request)
{
    const char *path = request->path, *token = request->token;
    struct xs_watch *watch;
    struct xs_msg *event;

    if (find_watch(conn, path, token))
        return EEXIST;
    if (!xs_quota_admits(conn, XS_QUOTA_WATCHES, conn->domain->usage[XS_QUOTA_WATCHES] + 1, path))
        return E2BIG;
    if (!xs_quota_admits_memory(conn, watch_memory(path, token), path))
        return ENOMEM;
    watch = watch_new(conn, request);
    if (!watch)
        return ENOMEM;
    event = xs_msg_event(conn, path_for(watch, path), token);
    if (!event) {
        watch_free(watch);
        return ENOMEM;
    }
    xs_conn_reply(conn, XS_WATCH, "OK", sizeof("OK"));
    xs_conn_send_event(event);
    return 0;
}

int xs_watch_restore(struct xs_conn *conn, const struct xs_watch_request *request)
{
    if (find_watch(conn, request->path, request->token))
        return EINVAL;
    return watch_new(conn, request) ? 0 : ENOMEM;
}

const char *xs_watch_path(const struct xs_watch *watch)
{
    return watch->set->path;
}

size_t xs_watch_memory(const struct xs_watch *watch)
{
    return watch_memory(watch->set->path, watch->token);
}

int xs_watch_remove(struct xs_conn *conn, const char *path, const char *token)
{
    struct xs_watch *watch = find_watch(conn, path, token);

    if (!watch)
        return ENOENT;
    watch_free(watch);
    return 0;
}

void xs_watch_remove_all(struct xs_conn *conn)
{
    while (!LIST_EMPTY(&conn->watches))
        watch_free(LIST_FIRST(&conn->watches));
}

/* ---- matching ---- */

static bool may_read(const struct xs_conn *conn, const struct xs_acl *acl)
{
    return acl && (xs_acl_access(acl, conn) & XS_ACCESS_READ);
}

static bool may_know(const struct xs_conn *conn, const struct visibility *of)
{
    return may_read(conn, of->acl) || may_read(conn, of->old_acl) || may_read(conn, of->parent_acl);
}

/* The event `path`, `below` levels below the set's own, for all watches of one set. False: out of memory. */
static bool collect_set(const struct xs_watch_set *set, const char *path, uint32_t below,
                        const struct visibility *visible, struct xs_msg_list *events)
{
    struct xs_watch *watch;

    TAILQ_FOREACH(watch, &set->watches, in_set)
    {
        const char *known_as = path_for(watch, path);
        struct xs_msg *event;

        /* A long token can leave no room for a path far below the watch: such an event can't be told. */
        if (below > watch->depth || !may_know(watch->conn, visible) ||
            strlen(known_as) + strlen(watch->token) + 2 > XENSTORE_PAYLOAD_MAX)
            continue;
        event = xs_msg_event(watch->conn, known_as, watch->token);
        if (!event)
            return false;
        TAILQ_INSERT_TAIL(events, event, next);
    }
    return true;
}

static bool collect_exact(struct xs_store *store, const char *path, size_t len,
                          const struct visibility *visible, struct xs_msg_list *events)
{
    const struct xs_watch_set *set = find_set(store, path, len, set_hash(store, path, len));

    return !set || collect_set(set, path, 0, visible, events);
}

static uint32_t levels_of(const char *path)
{
    uint32_t levels = 0;

    for (; *path; path++)
        levels += path[0] == '/' && path[1];
    return levels;
}

/* Watches at the path and at each of its ancestors. */
static bool collect_upwards(struct xs_store *store, const char *path, const struct visibility *visible,
                            struct xs_msg_list *events)
{
    uint32_t below = levels_of(path);
    uint64_t hash = store->seed;

    for (size_t i = 0; path[i]; i++) {
        bool ends_name = path[i + 1] == '/' || !path[i + 1];
        const struct xs_watch_set *set;

        hash = xs_hash_bytes(hash, path + i, 1);
        if (i && !ends_name)
            continue;
        set = find_set(store, path, i + 1, xs_hash_mix(hash));
        if (set && !collect_set(set, path, below, visible, events))
            return false;
        below--;
    }
    return true;
}

/* Watches at what was removed along with a node: each sees its own path go. */
static bool collect_removed(struct xs_store *store, const struct xs_update *update,
                            struct xs_msg_list *events)
{
    struct xs_cursor *cursor = &store->removed;
    const struct xs_node *node;

    xs_cursor_start(cursor, update->removed, update->path);
    while ((node = xs_cursor_next(cursor, true, XS_OWNERS_ANY))) {
        struct visibility visible = {.acl = node->acl, .parent_acl = cursor->chain[cursor->depth - 1]->acl};

        if (!collect_exact(store, cursor->path, cursor->len, &visible, events))
            return false;
    }
    return true;
}

bool xs_watch_collect_update(struct xs_store *store, const struct xs_update *update,
                             struct xs_msg_list *events)
{
    struct visibility visible = {update->acl, update->old_acl, update->parent_acl};

    if (!store->watches.count)
        return true;
    return collect_upwards(store, update->path, &visible, events) &&
           (!update->removed || collect_removed(store, update, events));
}

/* Watches of the special path; those of depth 1 are told which domain it was. */
static bool collect_special(struct xs_store *store, const char *path, const char *with_domid,
                            const struct visibility *visible, struct xs_msg_list *events)
{
    size_t len = strlen(path);
    const struct xs_watch_set *set = find_set(store, path, len, set_hash(store, path, len));
    struct xs_watch *watch;

    if (!set)
        return true;
    TAILQ_FOREACH(watch, &set->watches, in_set)
    {
        struct xs_msg *event;

        if (!may_know(watch->conn, visible))
            continue;
        event = xs_msg_event(watch->conn, watch->depth == 1 ? with_domid : path, watch->token);
        if (!event)
            return false;
        TAILQ_INSERT_TAIL(events, event, next);
    }
    return true;
}

bool xs_watch_collect_special(struct xs_store *store, enum xs_special special, uint16_t domid,
                              struct xs_msg_list *events)
{
    struct visibility visible = {.acl = store->special[special]};
    char with_domid[sizeof("@introduceDomain/65535")];

    snprintf(with_domid, sizeof(with_domid), "%s/%u", xs_special_path(special), domid);
    return collect_special(store, xs_special_path(special), with_domid, &visible, events) &&
           collect_special(store, with_domid, with_domid, &visible, events);
}

void xs_watch_deliver(struct xs_msg_list *events)
{
    struct xs_msg *event;

    while ((event = TAILQ_FIRST(events))) {
        TAILQ_REMOVE(events, event, next);
        xs_conn_send_event(event);
    }
}

void xs_watch_forget(struct xs_msg_list *events)
{
    struct xs_msg *event;

    while ((event = TAILQ_FIRST(events))) {
        TAILQ_REMOVE(events, event, next);
        xs_msg_free(event);
    }
}
