// SPDX-License-Identifier: MIT
/*
 * What the store knows of a domain: whether it is introduced, what it is charged for, when its number last
 * changed hands. A record once made stays until the store goes, so that pointers to it need no counting.
 */
#ifndef XS_DOMAIN_H
#define XS_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include <xenstore/store.h>

#include "hash.h"

/* What is kept of a domain over a restart. */
struct xs_domain_state {
    bool introduced;
    bool shut_down;           /* @releaseDomain fired for its shutdown, and it wasn't resumed */
    uint32_t features;        /* XENSTORE_SERVER_FEATURE_* that it may use */
    struct xs_domain *target; /* it serves this one and may do what that may; NULL: none */
    uint32_t limited;         /* the quotas that it has a limit of its own for: a bit for each */
    uint32_t limits[XS_QUOTA_COUNT];
};

struct xs_domain {
    struct xs_hash_entry entry; /* in store->domains */
    uint16_t domid;
    struct xs_domain_state state;
    uint64_t death_gen;   /* permissions granted at or before this generation are void */
    struct xs_conn *conn; /* its ring's connection, or NULL */
    uint32_t usage[XS_QUOTA_COUNT];
    uint64_t refusals[XS_QUOTA_COUNT]; /* of requests beyond a quota */
    uint64_t failures;                 /* of its connections */
    uint32_t faults_told;              /* kinds of malformed requests that have been logged: a bit for each */
    int64_t credit;                    /* thousandths of a write, at credit_time; see rate.c */
    uint64_t credit_time;              /* 0: it never wrote */
    struct xs_activity activity;
    uint32_t counted[XS_QUOTA_COUNT]; /* what CONTROL's check found of usage[] */
};

struct xs_domain *xs_domain_find(const struct xs_store *store, uint16_t domid);

/* Makes the record if there is none. NULL: out of memory. */
struct xs_domain *xs_domain_get(struct xs_store *store, uint16_t domid);

/* Gives a domain another state. 0, or an error of the journal: it keeps the old one. */
int xs_domain_change(struct xs_store *store, struct xs_domain *domain, const struct xs_domain_state *state);

/* Notes that the domain is gone: permissions that name it are void from now on. */
void xs_domain_bury(struct xs_store *store, struct xs_domain *domain);

/* INTRODUCE, RELEASE, RESUME and SET_TARGET of a domain; 0 or a positive errno, then nothing happened. */
int xs_domain_introduce(struct xs_store *store, uint16_t domid, uint64_t gfn, uint32_t port);
int xs_domain_release(struct xs_store *store, uint16_t domid);
int xs_domain_resume(struct xs_store *store, uint16_t domid);
int xs_domain_set_target(struct xs_store *store, uint16_t domid, uint16_t target);

#endif
