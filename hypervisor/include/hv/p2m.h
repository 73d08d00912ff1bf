// SPDX-License-Identifier: MIT
// The guest-physical address space of a domain: gfn -> (mfn, type). Every entry but a hole and MMIO holds one
// reference to its page. Table pages are charged to the domain's pool.
#pragma once

#include <hv/lock.h>
#include <hv/types.h>

struct domain;
struct vcpu;

enum p2m_type {
    P2M_HOLE = 0, // nothing there
    P2M_RAM,      // the domain's own page, read, write, execute
    P2M_RAM_RO,   // its own, read and execute
    P2M_SHARED,   // a hypervisor page shown to the guest: shared_info, grant table frames
    P2M_FOREIGN,  // another domain's page, mapped by a privileged one
    P2M_GRANT_RW, // another domain's granted page
    P2M_GRANT_RO,
    P2M_MMIO,      // machine memory that is not RAM, uncached, hardware domain only
    P2M_BOOT_FILE, // frame of a boot module, read-only, hardware domain only
    P2M_NR_TYPES,
};

struct p2m_entry {
    mfn_t mfn; // of the gfn asked for, even inside a large leaf; MFN_INVALID for a hole
    enum p2m_type type;
    unsigned order; // of the leaf the gfn lies in
};

#define P2M_ADDRESSED 512 // bits, one per frame number modulo this

struct p2m {
    struct spinlock lock; // LOCK_P2M
    uint64_t root;        // maddr of the top table, arch format
    uint32_t pool_pages;  // table pages in use, root included
    uint32_t pool_limit;  // most it may have (XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION / paging_mempool); default:
                          // see p2m_init
    uint64_t max_gfn;     // highest gfn ever mapped (XENMEM_maximum_gpfn)
    uint64_t flushes;     // TLB flushes asked for, one at least whenever entries went: tests count them
    // An address that p2m_memory() gave is good until `epoch` changes, which it does when the entry of a
    // frame that somebody may have the address of goes: `addressed` has the bits of all of these.
    uint64_t epoch, addressed[P2M_ADDRESSED / 64];
    uint64_t teardown; // p2m_destroy: first gfn not torn down yet
    mfn_t drain;       // p2m_destroy: a large leaf's pages still to be put, and how many
    uint64_t drain_left;
};

int p2m_init(struct domain *d);
// Drops all entries and tables, a bounded number at each call: -XEN_ERESTART until it is done.
int p2m_destroy(struct domain *d);

// Any gfn: what lies beyond the guest's address width is a hole.
struct p2m_entry p2m_lookup(struct domain *d, gfn_t gfn);

// Puts `count` pages at gfn, in the largest leaves that alignment allows. Takes over one reference to each
// page. All slots must be holes, else -XEN_EEXIST; -XEN_ENOMEM when the pool is exhausted; -XEN_EINVAL beyond
// the guest's address width, or when the domain is dying. On failure nothing is mapped and the caller keeps
// its references.
int p2m_insert(struct domain *d, gfn_t gfn, mfn_t mfn, uint64_t count, enum p2m_type type);
// The same for one page, in place of a hole, the domain's own RAM (which is freed) or a hypervisor page.
int p2m_replace(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type);
// Removes one page's entry and drops its reference. -XEN_ENOENT for a hole; -XEN_ENOMEM when a large leaf
// can't be cut.
int p2m_remove(struct domain *d, gfn_t gfn);
// Looks up a page of the domain's own (RAM, or RAM_RO unless `write`) and takes a page reference: what may be
// granted, mapped by others, or registered as a shared area. MFN_INVALID for anything else. page_put() when
// done.
mfn_t p2m_get_page(struct domain *d, gfn_t gfn, bool write);
// The host address of guest-physical memory: anything the guest itself may read (or write) there, foreign and
// granted pages, shared_info, boot files too, but not MMIO. NULL for anything else. The caller holds the p2m
// lock, and uses the rest of that page until it releases it; or under the lock later, in the same epoch.
void *p2m_memory(struct domain *d, gpa_t gpa, bool write);

// From arch on a nested page fault that the guest's own instruction caused. True: retry the instruction.
// False: no memory there (arch then tries its MMIO emulation, or crashes the domain).
bool p2m_fault(struct vcpu *v, gpa_t gpa, bool write);

// Table pages for arch's page-table code: zeroed, charged to the pool. MFN_INVALID when the pool is
// exhausted.
mfn_t p2m_table_alloc(struct domain *d);
void p2m_table_free(struct domain *d, mfn_t mfn);
