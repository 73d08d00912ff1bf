// SPDX-License-Identifier: MIT
// Grant tables, version 1. gnttab.c: frames and active entries of the granting side; gnttab_map.c: maptrack
// of the mapping side; gnttab_copy.c; gnttab_op.c: the hypercall. Public header: grant_table.h.
#pragma once

#include <hv/lock.h>
#include <hv/types.h>

#include <xen/grant_table.h>

struct domain;

#define GRANTS_PER_FRAME        (PAGE_SIZE / sizeof(grant_entry_v1_t)) // 512
#define GNTTAB_DEFAULT_FRAMES   64
#define GNTTAB_DEFAULT_MAPTRACK 1024 // frames' worth, as Xen counts them

struct grant_active {
    uint32_t readers, writers; // mappings and copies in progress
    mfn_t mfn;                 // pinned while in use
    domid_t grantee;
};

struct maptrack {
    domid_t granter; // DOMID_INVALID: free, `ref` is then the next free handle
    uint16_t flags;  // GNTMAP_*
    uint32_t ref;
    gfn_t gfn; // where it is mapped in our p2m
};

struct gnttab {
    struct spinlock lock;           // LOCK_GNTTAB
    uint32_t max_frames, nr_frames; // shared frames the guest may have, has
    grant_entry_v1_t **shared;      // [max_frames] direct-map pointers
    struct grant_active **active;   // [max_frames], GRANTS_PER_FRAME each
    struct spinlock maptrack_lock;  // LOCK_MAPTRACK
    uint32_t max_maptrack, nr_maptrack, free_maptrack, used_maptrack;
    struct maptrack **maptrack;
};

int gnttab_init(struct domain *d, int32_t max_frames, int32_t max_maptrack); // < 0: default
// Undoes every mapping this domain holds, then frees the tables once nobody maps its grants. -XEN_ERESTART
// until done.
int gnttab_destroy(struct domain *d);
// Grows the table so that frame `index` exists; the frame's mfn for XENMAPSPACE_grant_table. -XEN_EINVAL
// beyond max_frames.
int gnttab_get_frame(struct domain *d, uint32_t index, mfn_t *mfn);
