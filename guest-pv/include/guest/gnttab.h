// SPDX-License-Identifier: MIT
//
// Grant tables, version 1. Granting side: give another domain access to a page of ours and take it back.
// Mapping side: map pages granted to us into the gfn window, or let Xen copy. Functions return 0 or more, or
// a negative errno.
#ifndef GUEST_GNTTAB_H
#define GUEST_GNTTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/grant_table.h>

// Grants `dom` access to a page (gfn: mem_gfn_of). Returns the grant reference; -ENOSPC when the table is
// full.
int grant_access(domid_t dom, uint64_t gfn, bool readonly);

// Revokes a grant. -EBUSY while the other side has it mapped: nothing changes then, try again later.
int grant_end(grant_ref_t ref);

// A page granted by another domain, mapped by us.
struct grant_mapping {
    void *address;
    grant_handle_t handle;
};

// Maps `count` grants of `dom` at consecutive addresses, mappings[0].address first. All or none.
int grant_map(domid_t dom, const grant_ref_t *refs, size_t count, bool readonly,
              struct grant_mapping *mappings);
void grant_unmap(struct grant_mapping *mappings, size_t count);

// Copies as the operations say; 0 if every status is GNTST_okay, else the negative errno of the first that
// isn't (each operation's own status stays in it).
int grant_copy(struct gnttab_copy *ops, size_t count);

// Translates a GNTST_* status: 0 or a negative errno.
int grant_error(int16_t status);

#endif
