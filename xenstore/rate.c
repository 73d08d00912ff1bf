// SPDX-License-Identifier: MIT
/* Write rates; see rate.h. */
#include "rate.h"

#include "conn.h"
#include "domain.h"
#include "internal.h"
#include "quota.h"

#define MS_PER_S 1000

/* How long the cause of a conflict waits: it doubles with each failure in a row. */
#define HOLD_BACK_MIN_MS 10u
#define HOLD_BACK_MAX_MS 200u

/* Writes a second; 0: as fast as it likes, or nobody tells the store the time. */
static uint32_t rate_of(const struct xs_store *store, const struct xs_domain *domain)
{
    return store->now ? xs_quota_limit(store, domain, XS_QUOTA_WRITE_RATE) : 0;
}

static uint32_t client_rate(const struct xs_conn *conn)
{
    return conn->privileged ? 0 : rate_of(conn->store, conn->domain);
}

/* In thousandths of a write: a rate of n a second gives n of them each ms. */
static int64_t credit_now(const struct xs_store *store, const struct xs_domain *domain, uint32_t rate)
{
    uint64_t ms = store->now - domain->credit_time;
    int64_t most = (int64_t)rate * MS_PER_S;
    int64_t credit = domain->credit + (int64_t)(ms < MS_PER_S ? ms : MS_PER_S) * rate;

    if (!domain->credit_time || ms >= 2 * MS_PER_S || credit > most)
        credit = most;
    return credit;
}

void xs_rate_charge(struct xs_conn *conn, const char *path)
{
    struct xs_domain *domain = conn->domain;
    uint32_t rate = client_rate(conn);

    if (!rate)
        return;
    domain->credit = credit_now(conn->store, conn->domain, rate) - MS_PER_S;
    domain->credit_time = conn->store->now;
    if (domain->credit <= 0)
        xs_quota_refuse(conn->store, domain, XS_QUOTA_WRITE_RATE, path);
}

uint32_t xs_rate_delay(const struct xs_conn *conn)
{
    uint32_t rate = client_rate(conn);
    int64_t credit = rate ? credit_now(conn->store, conn->domain, rate) : 1;

    return credit > 0 ? 0 : (uint32_t)(-credit / rate) + 1;
}

/* ---- conflicts ---- */

void xs_rate_note_change(struct xs_store *store, const struct xs_conn *conn)
{
    struct xs_change_note *note = &store->changes[store->change_count++ % XS_CHANGE_NOTES];

    note->gen = store->gen;
    note->domain = conn && !conn->privileged ? conn->domain : NULL;
}

/* Whose change a generation belongs to; NULL: it isn't known any more, or nobody's who can be held back. */
static struct xs_domain *author_of(const struct xs_store *store, uint64_t gen)
{
    struct xs_domain *author = NULL;
    uint64_t nearest = UINT64_MAX;

    for (unsigned int i = 0; i < XS_CHANGE_NOTES; i++) {
        const struct xs_change_note *note = &store->changes[i];

        if (note->gen >= gen && note->gen < nearest) {
            nearest = note->gen;
            author = note->domain;
        }
    }
    return author;
}

void xs_rate_hold_back(struct xs_store *store, uint64_t gen, uint32_t failures)
{
    struct xs_domain *author = author_of(store, gen);
    uint32_t rate = author ? rate_of(store, author) : 0, ms = HOLD_BACK_MIN_MS;
    int64_t credit;

    if (!rate)
        return;
    while (failures-- && ms < HOLD_BACK_MAX_MS)
        ms *= 2;
    if (ms > HOLD_BACK_MAX_MS)
        ms = HOLD_BACK_MAX_MS;
    credit = credit_now(store, author, rate);
    if (credit > -(int64_t)ms * rate)
        credit = -(int64_t)ms * rate;
    author->credit = credit;
    author->credit_time = store->now;
}
