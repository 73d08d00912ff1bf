// SPDX-License-Identifier: MIT
/* Write rates; see rate.h. */
#include "rate.h"

#include "conn.h"
#include "domain.h"
#include "internal.h"
#include "quota.h"

#define MS_PER_S 1000

/* Writes a second; 0: as fast as it likes, or nobody tells the store the time. */
static uint32_t rate_of(const struct xs_conn *conn)
{
    if (conn->privileged || !conn->store->now)
        return 0;
    return xs_quota_limit(conn->store, conn->domain, XS_QUOTA_WRITE_RATE);
}

/* In thousandths of a write: a rate of n a second gives n of them each ms. */
static int64_t credit_now(const struct xs_conn *conn, uint32_t rate)
{
    const struct xs_domain *domain = conn->domain;
    uint64_t ms = conn->store->now - domain->credit_time;
    int64_t most = (int64_t)rate * MS_PER_S;
    int64_t credit = domain->credit + (int64_t)(ms < MS_PER_S ? ms : MS_PER_S) * rate;

    if (!domain->credit_time || ms >= 2 * MS_PER_S || credit > most)
        credit = most;
    return credit;
}

void xs_rate_charge(struct xs_conn *conn, const char *path)
{
    struct xs_domain *domain = conn->domain;
    uint32_t rate = rate_of(conn);

    if (!rate)
        return;
    domain->credit = credit_now(conn, rate) - MS_PER_S;
    domain->credit_time = conn->store->now;
    if (domain->credit <= 0)
        xs_quota_refuse(conn->store, domain, XS_QUOTA_WRITE_RATE, path);
}

uint32_t xs_rate_delay(const struct xs_conn *conn)
{
    uint32_t rate = rate_of(conn);
    int64_t credit = rate ? credit_now(conn, rate) : 1;

    return credit > 0 ? 0 : (uint32_t)(-credit / rate) + 1;
}
