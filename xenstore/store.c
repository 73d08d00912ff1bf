// SPDX-License-Identifier: MIT
/* The store's beginning and end, and what is too small for a file of its own. */
#include "internal.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <xen/xen.h>

#include "change.h"
#include "domain.h"
#include "quota.h"

static const char *const special_paths[XS_SPECIAL_COUNT] = {
    [XS_INTRODUCE_DOMAIN] = "@introduceDomain",
    [XS_RELEASE_DOMAIN] = "@releaseDomain",
};

const char *xs_special_path(enum xs_special special)
{
    return special_paths[special];
}

enum xs_special xs_special_of(const char *path)
{
    unsigned int special = 0;

    while (special < XS_SPECIAL_COUNT && strcmp(path, special_paths[special]))
        special++;
    return special;
}

enum xs_special xs_special_of_watch(const char *path)
{
    const char *release = special_paths[XS_RELEASE_DOMAIN];
    size_t len = strlen(release);
    uint16_t domid;

    if (!strncmp(path, release, len) && path[len] == '/')
        return xs_parse_domid(path + len + 1, &domid) ? XS_RELEASE_DOMAIN : XS_SPECIAL_COUNT;
    return xs_special_of(path);
}

bool xs_parse_domid(const char *text, uint16_t *domid)
{
    uint64_t number;

    if (!xs_parse_number(text, DOMID_FIRST_RESERVED - 1, &number))
        return false;
    *domid = (uint16_t)number;
    return true;
}

bool xs_parse_number(const char *text, uint64_t max, uint64_t *number)
{
    uint64_t value = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        unsigned int digit = (unsigned int)*text - '0';

        if (digit > 9 || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    return true;
}

void xs_log(struct xs_store *store, uint16_t domid, const char *format, ...)
{
    char line[160];
    va_list args;

    if (!store->hooks.log)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    store->hooks.log(store->hooks.ctx, domid, line);
}

/* The root, the special nodes and /tool/xenstored: for nobody but their owner. */
static int make_structure(struct xs_store *store)
{
    const struct xs_perm nobody = {.domid = XS_ROOT_OWNER, .access = 'n'};
    struct xs_acl *acl = xs_acl_new(store, &nobody, 1);
    struct xs_change change;
    int error;

    if (!acl)
        return ENOMEM;
    for (unsigned int i = 0; i < XS_SPECIAL_COUNT; i++)
        store->special[i] = xs_acl_ref(acl);
    store->root = xs_node_new((struct xs_name){"", 0}, acl, NULL, 0, store->gen);
    xs_acl_put(acl);
    if (!store->root)
        return ENOMEM;
    acl->owner->usage[XS_QUOTA_NODES] = 1;

    xs_change_begin(&change, store, NULL, false);
    error = xs_change_mkdir(&change, "/tool/xenstored");
    if (!error)
        error = xs_change_publish(&change);
    if (error)
        xs_change_drop(&change);
    return error;
}

void xs_store_set_time(struct xs_store *store, uint64_t ms)
{
    store->now = ms;
}

struct xs_store *xs_store_create(const struct xs_hooks *hooks, uint64_t seed)
{
    struct xs_store *store = calloc(1, sizeof(*store));

    if (!store)
        return NULL;
    store->hooks = *hooks;
    store->seed = seed;
    xs_quota_defaults(store->limits);
    xs_hash_init(&store->domains);
    xs_hash_init(&store->watch_sets);
    xs_hash_init(&store->watches);
    LIST_INIT(&store->conns);
    LIST_INIT(&store->locals);
    if (make_structure(store)) {
        xs_store_destroy(store);
        return NULL;
    }
    return store;
}

static void free_domain(struct xs_hash_entry *entry, void *data)
{
    (void)data;
    free(xs_container_of(entry, struct xs_domain, entry));
}

void xs_store_destroy(struct xs_store *store)
{
    assert(LIST_EMPTY(&store->conns));
    xs_node_put(store->root);
    for (unsigned int i = 0; i < XS_SPECIAL_COUNT; i++)
        xs_acl_put(store->special[i]);
    xs_hash_for_each(&store->domains, free_domain, NULL);
    xs_hash_free(&store->domains);
    xs_hash_free(&store->watch_sets);
    xs_hash_free(&store->watches);
    free(store);
}
