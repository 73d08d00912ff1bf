// SPDX-License-Identifier: MIT
/* Limits on what unprivileged domains may hold. */
#ifndef XS_QUOTA_H
#define XS_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include <stddef.h>

#include <xenstore/store.h>

struct xs_domain;

enum xs_quota xs_quota_of(const char *name); /* XS_QUOTA_COUNT: there is none of that name */

/* A domain's limit: its own, or everybody's. 0: none. */
uint32_t xs_quota_limit(const struct xs_store *store, const struct xs_domain *domain, enum xs_quota quota);

void xs_quota_defaults(uint32_t limits[XS_QUOTA_COUNT]);

/* Sets the limit of a domain, or with NULL of all, for an administrator who typed both words. 0, EINVAL, or
 * an error of the journal. */
int xs_quota_set(struct xs_store *store, struct xs_domain *domain, const char *name, const char *value);

/*
 * May the client have `amount` in all of what this quota limits? If not, it is reported. `conn` NULL is the
 * store itself, which like a privileged client has no limits.
 */
bool xs_quota_admits(const struct xs_conn *conn, enum xs_quota quota, uint64_t amount, const char *path);

/* The same for `bytes` more memory. */
bool xs_quota_admits_memory(const struct xs_conn *conn, size_t bytes, const char *path);

/* Reports that the domain met a limit, if it is time to (see struct xs_quota_report). */
void xs_quota_refuse(struct xs_store *store, struct xs_domain *domain, enum xs_quota quota, const char *path);

#endif
