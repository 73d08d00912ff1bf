// SPDX-License-Identifier: MIT
/*
 * Telling the journal what is about to happen. Each is called when all that can fail has been done, and
 * before anything takes effect; an error (ENOMEM, or what the hook returned) means that it must not.
 */
#ifndef XS_JOURNAL_H
#define XS_JOURNAL_H

#include "change.h"
#include "domain.h"
#include "internal.h"

int xs_journal_change(const struct xs_change *change);
int xs_journal_domain(struct xs_store *store, uint16_t domid, const struct xs_domain_state *state);
int xs_journal_quota(struct xs_store *store, enum xs_quota quota, uint32_t limit);
int xs_journal_special(struct xs_store *store, enum xs_special special, const struct xs_acl *acl);

#endif
