// SPDX-License-Identifier: MIT
/* What the files of the toolstack share among themselves. */
#ifndef TOOLSTACKD_H
#define TOOLSTACKD_H

#include <stdbool.h>
#include <stdint.h>

#include <dom0/ctl.h>
#include <dom0/toolstack.h>
#include <xenstore/local.h>

extern struct xs_local *toolstack_store; /* the toolstack's connection to XenStore */

/* The first live record the hypervisor says has shut down or vanished, and its state then; NULL: none. */
struct domain_record *record_needing_attention(struct xen_domctl_getdomaininfo *info, bool *vanished);

/* A record for these settings, in the list, building, with a console; NULL without memory. */
struct domain_record *record_create(const struct domain_settings *settings);

/* Build the record's domain, announce it, and start it unless `paused`. On failure nothing remains of the
 * domain. */
int record_start(struct domain_record *record, bool paused, const struct build_hooks *hooks,
                 struct create_times *times, struct error *err);

/* Take the record's domain down and free all it has; the record stays. */
int record_dismantle(struct domain_record *record, struct error *err);

/* Nothing more will come of this record: drop it from the list. */
void record_retire(struct domain_record *record);

/* Give a domain another name and, if `new_uuid`, a new identity. */
int record_rename(struct domain_record *record, const char *name, bool new_uuid, struct error *err);

/* Whether the domain of this name is being made, for the first time or again. */
bool record_is_building(const char *name);

/* 0, or -EEXIST if another domain has this name or this UUID (NULL: don't ask). */
int record_check_unique(const char *name, const uint8_t uuid[16], struct error *err);

#define CRASH_REASON_MAX 160

/* What the hypervisor's log says about a domain's crash, or that it says nothing. */
void crash_reason_read(domid_t domid, char reason[CRASH_REASON_MAX]);

/* The last such remark in a log (a string); false if there is none. */
bool crash_reason_find(const char *log, domid_t domid, char reason[CRASH_REASON_MAX]);

void uuid_choose(uint8_t uuid[16]);

#endif
