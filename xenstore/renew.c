// SPDX-License-Identifier: MIT
/* A restart in place: what is saved and read back, in one go; see <xenstore/state.h>. */
#include <xenstore/state.h>

#include <errno.h>
#include <string.h>

#include "conn.h"
#include "domain.h"
#include "internal.h"
#include "records.h"

/* ---- stores ---- */

static int apply_to(void *ctx, const void *records, size_t len)
{
    return xs_store_apply(ctx, records, len);
}

/* What isn't part of the state, but would be missed: who did how much. */
static void keep_counts(struct xs_hash_entry *entry, void *other)
{
    const struct xs_domain *domain = xs_container_of(entry, struct xs_domain, entry);
    struct xs_domain *renewed = xs_domain_find(other, domain->domid);

    if (!renewed)
        return;
    renewed->activity = domain->activity;
    memcpy(renewed->refusals, domain->refusals, sizeof(domain->refusals));
    renewed->failures = domain->failures;
    renewed->credit = domain->credit;
    renewed->credit_time = domain->credit_time;
}

int xs_store_renew(struct xs_store *store, struct xs_store **other)
{
    struct xs_hooks hooks = store->hooks;
    int error;

    hooks.journal = NULL; /* what it is made of has been told */
    *other = xs_store_create(&hooks, store->seed);
    if (!*other)
        return ENOMEM;
    (*other)->hooks = store->hooks;
    (*other)->now = store->now;
    memcpy((*other)->limits, store->limits, sizeof(store->limits));
    error = xs_store_save(store, apply_to, *other);
    if (!error)
        error = xs_locals_renew(store, *other);
    if (error)
        xs_store_destroy(*other);
    else
        xs_hash_for_each(&store->domains, keep_counts, *other);
    return error;
}

void xs_store_replace(struct xs_store *store, struct xs_store *other)
{
    xs_locals_switch(store, other);
    xs_store_destroy(store);
}

void xs_store_stay(struct xs_store *store, struct xs_store *other)
{
    xs_locals_stay(store);
    xs_store_destroy(other);
}

/* ---- connections ---- */

static int collect(void *ctx, const void *records, size_t len)
{
    xs_put_bytes(ctx, records, len);
    return ((struct xs_writer *)ctx)->failed ? ENOMEM : 0;
}

int xs_conn_renew(const struct xs_conn *conn, struct xs_store *other, struct xs_conn **renewed)
{
    const struct xs_conn_config config = {
        .domid = conn->domain->domid,
        .privileged = conn->privileged,
        .domain_ring = conn->domain_ring,
        .events_max = conn->events_max,
        .wakeup = conn->wakeup,
        .data = conn->data,
    };
    struct xs_writer records = {0};
    int error = xs_conn_save(conn, collect, &records);

    *renewed = error ? NULL : xs_conn_open(other, &config);
    if (*renewed) {
        error = xs_conn_restore(*renewed, records.bytes, records.len);
        if (error) {
            xs_conn_close(*renewed);
            *renewed = NULL;
        }
    } else if (!error) {
        error = ENOMEM;
    }
    xs_writer_free(&records);
    return error;
}
