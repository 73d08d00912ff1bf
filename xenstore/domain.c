// SPDX-License-Identifier: MIT
/* Domains as they come and go; see domain.h. */
#include "domain.h"

#include <errno.h>
#include <stdlib.h>

#include "change.h"
#include "conn.h"
#include "internal.h"
#include "journal.h"
#include "watch.h"

static uint64_t domid_hash(const struct xs_store *store, uint16_t domid)
{
    return xs_hash_mix(xs_hash_bytes(store->seed, &domid, sizeof(domid)));
}

struct xs_domain *xs_domain_find(const struct xs_store *store, uint16_t domid)
{
    struct xs_hash_entry *entry = xs_hash_first(&store->domains, domid_hash(store, domid));

    for (; entry; entry = xs_hash_next(entry)) {
        struct xs_domain *domain = xs_container_of(entry, struct xs_domain, entry);

        if (domain->domid == domid)
            return domain;
    }
    return NULL;
}

struct xs_domain *xs_domain_get(struct xs_store *store, uint16_t domid)
{
    struct xs_domain *domain = xs_domain_find(store, domid);

    if (domain)
        return domain;
    domain = calloc(1, sizeof(*domain));
    if (!domain)
        return NULL;
    domain->domid = domid;
    domain->state.features = XS_FEATURES;
    xs_hash_insert(&store->domains, &domain->entry, domid_hash(store, domid));
    return domain;
}

static struct xs_domain *introduced(const struct xs_store *store, uint16_t domid)
{
    struct xs_domain *domain = xs_domain_find(store, domid);

    return domain && domain->state.introduced ? domain : NULL;
}

int xs_domain_change(struct xs_store *store, struct xs_domain *domain, const struct xs_domain_state *state)
{
    int error = xs_journal_domain(store, domain->domid, state);

    if (!error)
        domain->state = *state;
    return error;
}

/* Collects a special event; on failure nothing is left of it. */
static int collect(struct xs_store *store, enum xs_special special, uint16_t domid,
                   struct xs_msg_list *events)
{
    TAILQ_INIT(events);
    if (xs_watch_collect_special(store, special, domid, events))
        return 0;
    xs_watch_forget(events);
    return ENOMEM;
}

static int call_introduce(struct xs_store *store, uint16_t domid, uint64_t gfn, uint32_t port)
{
    return store->hooks.introduce ? store->hooks.introduce(store->hooks.ctx, domid, gfn, port) : 0;
}

static void call_release(struct xs_store *store, uint16_t domid)
{
    if (store->hooks.release)
        store->hooks.release(store->hooks.ctx, domid);
}

/* Connects a domain for the first time: all that can fail of its introduction. */
static int connect_domain(struct xs_store *store, struct xs_domain *domain, uint64_t gfn, uint32_t port)
{
    struct xs_domain_state state = domain->state;
    int error = call_introduce(store, domain->domid, gfn, port);

    if (error)
        return error;
    state.introduced = true;
    state.shut_down = false;
    error = xs_domain_change(store, domain, &state);
    if (error)
        call_release(store, domain->domid);
    return error;
}

int xs_domain_introduce(struct xs_store *store, uint16_t domid, uint64_t gfn, uint32_t port)
{
    struct xs_domain *domain = xs_domain_get(store, domid);
    struct xs_msg_list events;
    int error;

    if (!domain)
        return ENOMEM;
    if (domain->state.introduced) {
        error = call_introduce(store, domid, gfn, port);
        if (!error && domain->conn)
            xs_conn_reset(domain->conn);
        return error;
    }
    error = collect(store, XS_INTRODUCE_DOMAIN, domid, &events);
    if (error)
        return error;
    error = connect_domain(store, domain, gfn, port);
    if (error) {
        xs_watch_forget(&events);
        return error;
    }
    xs_watch_deliver(&events);
    return 0;
}

/* Removes all that a domain owns from a change's tree. */
static int remove_owned(struct xs_change *change, struct xs_domain *domain)
{
    struct xs_store *store = change->store;
    struct xs_cursor *cursor = &store->sweep;
    uint32_t owners = xs_owner_bit(domain->domid);
    const struct xs_node *node;
    bool descend = true;
    int error = 0;

    /* The walk goes through the store's tree, which stays as it is while the change's tree loses nodes. */
    xs_cursor_start(cursor, store->root, "/");
    while (!error && (node = xs_cursor_next(cursor, descend, owners))) {
        descend = node->acl->owner != domain;
        if (!descend)
            error = xs_change_rm(change, cursor->path);
    }
    return error;
}

static void forget_target(struct xs_hash_entry *entry, void *target)
{
    struct xs_domain *domain = xs_container_of(entry, struct xs_domain, entry);

    if (domain->state.target == target)
        domain->state.target = NULL;
}

void xs_domain_bury(struct xs_store *store, struct xs_domain *domain)
{
    xs_hash_for_each(&store->domains, forget_target, domain);
    domain->state = (struct xs_domain_state){.features = XS_FEATURES};
    domain->credit_time = 0;
    domain->activity = (struct xs_activity){0};
    domain->death_gen = store->last_death_gen = ++store->gen;
    for (unsigned int i = 0; i < XS_QUOTA_COUNT; i++)
        domain->refusals[i] = 0;
    domain->failures = 0;
    domain->faults_told = 0;
}

int xs_domain_release(struct xs_store *store, uint16_t domid)
{
    struct xs_domain *domain = introduced(store, domid);
    struct xs_change change;
    struct xs_msg_list events;
    int error;

    if (!domain)
        return ENOENT;
    error = collect(store, XS_RELEASE_DOMAIN, domid, &events);
    if (error)
        return error;
    xs_change_begin(&change, store, NULL, false);
    change.dying = domain;
    error = remove_owned(&change, domain);
    if (!error)
        error = xs_change_publish(&change);
    if (error) {
        xs_change_drop(&change);
        xs_watch_forget(&events);
        return error;
    }
    xs_domain_bury(store, domain);
    xs_watch_deliver(&events);
    call_release(store, domid);
    return 0;
}

int xs_domain_resume(struct xs_store *store, uint16_t domid)
{
    struct xs_domain *domain = introduced(store, domid);
    struct xs_domain_state state;

    if (!domain)
        return ENOENT;
    state = domain->state;
    state.shut_down = false;
    return xs_domain_change(store, domain, &state);
}

int xs_domain_set_target(struct xs_store *store, uint16_t domid, uint16_t target)
{
    struct xs_domain *domain = introduced(store, domid);
    struct xs_domain_state state;

    if (!domain || !introduced(store, target))
        return ENOENT;
    if (domid == target)
        return EINVAL;
    state = domain->state;
    state.target = introduced(store, target);
    return xs_domain_change(store, domain, &state);
}

int xs_store_domain_shut_down(struct xs_store *store, uint16_t domid)
{
    struct xs_domain *domain = introduced(store, domid);
    struct xs_domain_state state;
    struct xs_msg_list events;
    int error;

    if (!domain || domain->state.shut_down)
        return 0;
    error = collect(store, XS_RELEASE_DOMAIN, domid, &events);
    if (error)
        return error;
    state = domain->state;
    state.shut_down = true;
    error = xs_domain_change(store, domain, &state);
    if (error) {
        xs_watch_forget(&events);
        return error;
    }
    xs_watch_deliver(&events);
    return 0;
}

int xs_store_domain_dead(struct xs_store *store, uint16_t domid)
{
    int error = xs_domain_release(store, domid);

    return error == ENOENT ? 0 : error;
}
