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
#define GNTTAB_DEFAULT_MAPTRACK 1024 // frames of MAPTRACK_PER_FRAME handles
#define GNTTAB_MAX_FRAMES       4096
#define GNTTAB_MAX_MAPTRACK     65536

// The granting side's record of a grant in use.
struct grant_active {
    uint32_t uses;    // mappings and copies in progress
    uint32_t writers; // those of them that write
    mfn_t mfn;        // the frame all of them use
    domid_t grantee;
};

// The mapping side's record of one mapping; its index is the grant handle.
struct maptrack {
    struct domain *granter; // referenced; NULL: free, and `ref` is the next free handle
    uint32_t ref;
    bool readonly;
    gfn_t gfn; // where it is mapped in our p2m
};

#define MAPTRACK_PER_FRAME (PAGE_SIZE / sizeof(struct maptrack))
#define MAPTRACK_END       UINT32_MAX

struct gnttab {
    struct spinlock lock;           // LOCK_GNTTAB
    uint32_t max_frames, nr_frames; // shared frames the guest may have, has
    grant_entry_v1_t **shared;      // [max_frames] direct-map pointers
    struct grant_active **active;   // [max_frames], GRANTS_PER_FRAME each

    struct spinlock maptrack_lock; // LOCK_MAPTRACK
    uint32_t max_maptrack;         // frames allowed
    uint32_t nr_maptrack;          // handles in allocated frames
    uint32_t free_maptrack;        // first free handle or MAPTRACK_END
    uint32_t teardown;             // gnttab_destroy: first handle not looked at yet
    struct maptrack **maptrack;    // [max_maptrack], allocated when the domain first maps a grant
};

// Limits in frames; < 0: default. -XEN_EINVAL beyond the maxima above.
int gnttab_init(struct domain *d, int32_t max_frames, int32_t max_maptrack);
// Undoes the mappings this domain holds, a bounded number at each call: -XEN_ERESTART until done. Others may
// go on using its grants.
int gnttab_destroy(struct domain *d);
// Frees the tables: when the last reference to the domain goes, and every mapping of a grant holds one.
void gnttab_free(struct domain *d);
// Grows the table so that frame `index` exists; its mfn, owned by the hypervisor. -XEN_EINVAL beyond
// max_frames, -XEN_ENOMEM.
int gnttab_get_frame(struct domain *d, uint32_t index, mfn_t *mfn);

// Begins an access of `grantee` to a page that `granter` granted it: checks the entry, marks it in use, takes
// a page reference. Returns GNTST_*; on success *mfn is the page, and gnttab_release() ends the access (not
// the page reference).
int gnttab_acquire(struct domain *granter, domid_t grantee, grant_ref_t ref, bool write, mfn_t *mfn);
void gnttab_release(struct domain *granter, grant_ref_t ref, bool write);

// The operations behind the hypercall: each fills op->status (and its other output) and never fails
// otherwise.
void gnttab_map(struct domain *d, struct gnttab_map_grant_ref *op);
void gnttab_unmap(struct domain *d, struct gnttab_unmap_grant_ref *op);
// Stops where other work is waiting, but behind the first. Returns how many are done.
uint32_t gnttab_copy(struct domain *d, struct gnttab_copy *ops, uint32_t count);
