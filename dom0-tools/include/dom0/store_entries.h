// SPDX-License-Identifier: MIT
/*
 * The XenStore nodes of a domain: what the toolstack writes when it makes one, where a guest and its devices
 * look, and what goes away with it.
 */
#ifndef DOM0_STORE_ENTRIES_H
#define DOM0_STORE_ENTRIES_H

#include <stdint.h>

#include <xenstore/local.h>

#include <dom0/error.h>

#define DOM0_NAME "Domain-0"

struct store_entries {
    uint16_t domid;
    const char *name;
    const uint8_t *uuid; /* 16 bytes */
    uint64_t memory_kib, maxmem_kib;
    unsigned vcpus;
    uint32_t store_port, console_port; /* the guest's ends */
    uint64_t store_gfn, console_gfn;
    uint64_t start_time; /* seconds since 1970 */
};

/* Write all nodes of a new domain in one transaction: all of them or none. 0 or a negative errno with *err.
 */
int store_entries_write(struct xs_local *xs, const struct store_entries *entries, struct error *err);

/* Remove all that store_entries_write() made and what the domain added below, leaving no empty parents. */
void store_entries_remove(struct xs_local *xs, uint16_t domid, const uint8_t uuid[16]);

/* Change the name a domain goes by and, if `uuid` differs from `old_uuid`, what it is filed under in /vm. */
int store_entries_rename(struct xs_local *xs, uint16_t domid, const char *name, const uint8_t old_uuid[16],
                         const uint8_t uuid[16], struct error *err);

/* What a domain has for a name: malloc'ed, NULL if it has none. */
char *store_domain_name(struct xs_local *xs, uint16_t domid);

/* The nodes that describe dom0 itself, at its start. */
int store_entries_write_dom0(struct xs_local *xs, struct error *err);

#endif
