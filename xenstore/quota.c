// SPDX-License-Identifier: MIT
/* Limits on what unprivileged domains may hold; see quota.h. */
#include "quota.h"

#include <errno.h>
#include <string.h>

#include <xen/xen.h>

#include "conn.h"
#include "domain.h"
#include "internal.h"
#include "journal.h"

static const struct {
    const char *name;
    uint32_t limit;
} quotas[XS_QUOTA_COUNT] = {
    [XS_QUOTA_NODES] = {"nodes", 1000},
    [XS_QUOTA_WATCHES] = {"watches", 128},
    [XS_QUOTA_TRANSACTIONS] = {"transactions", 10},
    [XS_QUOTA_OUTSTANDING] = {"outstanding", 20},
    [XS_QUOTA_TRANSACTION_NODES] = {"transaction-nodes", 1024},
    [XS_QUOTA_PERMISSIONS] = {"permissions", 5},
    [XS_QUOTA_NODE_SIZE] = {"node-size", 2048},
    [XS_QUOTA_MEMORY] = {"memory", 2560 * 1024},
    [XS_QUOTA_WRITE_RATE] = {"write-rate", 1000},
    [XS_QUOTA_MEMORY_SOFT] = {"soft-memory", 2048 * 1024},
};

const char *xs_quota_name(enum xs_quota quota)
{
    return quotas[quota].name;
}

enum xs_quota xs_quota_of(const char *name)
{
    unsigned int quota = 0;

    while (quota < XS_QUOTA_COUNT && strcmp(name, quotas[quota].name))
        quota++;
    return (enum xs_quota)quota;
}

uint32_t xs_quota_limit(const struct xs_store *store, const struct xs_domain *domain, enum xs_quota quota)
{
    return domain->state.limited & (1u << quota) ? domain->state.limits[quota] : store->limits[quota];
}

void xs_quota_defaults(uint32_t limits[XS_QUOTA_COUNT])
{
    for (unsigned int i = 0; i < XS_QUOTA_COUNT; i++)
        limits[i] = quotas[i].limit;
}

static int set_for_domain(struct xs_store *store, struct xs_domain *domain, enum xs_quota quota,
                          uint32_t limit)
{
    struct xs_domain_state state = domain->state;

    state.limited |= 1u << quota;
    state.limits[quota] = limit;
    return xs_domain_change(store, domain, &state);
}

static int set_for_all(struct xs_store *store, enum xs_quota quota, uint32_t limit)
{
    int error = xs_journal_quota(store, quota, limit);

    if (error)
        return error;
    store->limited |= 1u << quota;
    store->limits[quota] = limit;
    return 0;
}

int xs_quota_set(struct xs_store *store, struct xs_domain *domain, const char *name, const char *value)
{
    enum xs_quota quota = xs_quota_of(name);
    uint64_t limit;

    if (quota == XS_QUOTA_COUNT || !xs_parse_number(value, UINT32_MAX, &limit))
        return EINVAL;
    return domain ? set_for_domain(store, domain, quota, (uint32_t)limit)
                  : set_for_all(store, quota, (uint32_t)limit);
}

uint32_t xs_store_quota(const struct xs_store *store, enum xs_quota quota)
{
    return store->limits[quota];
}

void xs_store_set_quota(struct xs_store *store, enum xs_quota quota, uint32_t limit)
{
    store->limits[quota] = limit;
}

uint32_t xs_store_usage(const struct xs_store *store, uint16_t domid, enum xs_quota quota)
{
    const struct xs_domain *domain = xs_domain_find(store, domid);

    if (quota == XS_QUOTA_MEMORY_SOFT)
        quota = XS_QUOTA_MEMORY;
    return domain ? domain->usage[quota] : 0;
}

static bool holds_anything(const struct xs_domain *domain)
{
    return domain->state.introduced || domain->usage[XS_QUOTA_NODES] || domain->usage[XS_QUOTA_WATCHES] ||
           domain->activity.reads || domain->activity.writes;
}

bool xs_store_next_domain(const struct xs_store *store, uint16_t domid, struct xs_domain_info *info)
{
    const struct xs_domain *domain = NULL;

    for (; domid < DOMID_FIRST_RESERVED; domid++) {
        domain = xs_domain_find(store, domid);
        if (domain && holds_anything(domain))
            break;
    }
    if (domid == DOMID_FIRST_RESERVED)
        return false;
    *info = (struct xs_domain_info){
        .domid = domid, .introduced = domain->state.introduced, .activity = domain->activity};
    for (unsigned int i = 0; i < XS_QUOTA_COUNT; i++) {
        info->usage[i] = xs_store_usage(store, domid, (enum xs_quota)i);
        info->limits[i] = xs_quota_limit(store, domain, (enum xs_quota)i);
        info->refusals[i] = domain->refusals[i];
    }
    return true;
}

void xs_quota_refuse(struct xs_store *store, struct xs_domain *domain, enum xs_quota quota, const char *path)
{
    uint64_t refusals = ++domain->refusals[quota];
    struct xs_quota_report report = {
        .quota = quota,
        .name = quotas[quota].name,
        .domid = domain->domid,
        .limit = xs_quota_limit(store, domain, quota),
        .path = path,
        .refusals = refusals,
    };

    /* A client that keeps asking must not fill the log. */
    if (store->hooks.quota_exceeded && !(refusals & (refusals - 1)))
        store->hooks.quota_exceeded(store->hooks.ctx, &report);
}

bool xs_quota_admits(const struct xs_conn *conn, enum xs_quota quota, uint64_t amount, const char *path)
{
    uint32_t limit;

    if (!conn || conn->privileged)
        return true;
    limit = xs_quota_limit(conn->store, conn->domain, quota);
    if (!limit || amount <= limit)
        return true;
    xs_quota_refuse(conn->store, conn->domain, quota, path);
    return false;
}

bool xs_quota_admits_memory(const struct xs_conn *conn, size_t bytes, const char *path)
{
    uint64_t amount;

    if (!conn)
        return true;
    amount = (uint64_t)conn->domain->usage[XS_QUOTA_MEMORY] + bytes;
    if (!xs_quota_admits(conn, XS_QUOTA_MEMORY, amount, path))
        return false;
    (void)xs_quota_admits(conn, XS_QUOTA_MEMORY_SOFT, amount, path); /* only warns */
    return true;
}
