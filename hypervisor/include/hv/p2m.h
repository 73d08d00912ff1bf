// SPDX-License-Identifier: MIT
// The guest-physical address space of a domain: gfn -> (mfn, type). Every entry but a hole and MMIO holds one reference
// to its page. Table pages are charged to the domain's pool.
#pragma once

#include <hv/lock.h>
#include <hv/types.h>

struct domain;

enum p2m_type {
    P2M_HOLE = 0,   // nothing there
    P2M_RAM,        // the domain's own page, read, write, execute
    P2M_RAM_RO,     // its own, read and execute
    P2M_SHARED,     // a hypervisor page shown to the guest: shared_info, grant table frames
    P2M_FOREIGN,    // another domain's page, mapped by a privileged one
    P2M_GRANT_RW,   // another domain's granted page
    P2M_GRANT_RO,
    P2M_MMIO,       // machine memory that is not RAM, uncached, hardware domain only
    P2M_BOOT_FILE,  // frame of a boot module, read-only, hardware domain only; holds no reference
    P2M_NR_TYPES,
};

struct p2m_entry {
    mfn_t mfn;          // of the gfn asked for, even inside a large leaf; MFN_INVALID for a hole
    enum p2m_type type;
    unsigned order;     // of the leaf the gfn lies in
};

struct p2m {
    struct spinlock lock;    // LOCK_P2M
    uint64_t root;           // maddr of the top table, arch format
    uint32_t pool_pages;     // table pages in use, root included
    uint32_t pool_limit;     // most it may have (XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION / paging_mempool); default: see p2m_init
    uint64_t max_gfn;        // highest gfn ever mapped (XENMEM_maximum_gpfn)
    uint64_t flushes;        // TLB flushes asked for: tests count them
    uint64_t nr_foreign;     // FOREIGN and GRANT entries
};

int p2m_init(struct domain *d);
// Drops all entries and tables. Preemptible: returns -XEN_ERESTART until it is done.
int p2m_destroy(struct domain *d);

struct p2m_entry p2m_lookup(struct domain *d, gfn_t gfn);

// Puts 2^order pages at gfn. Takes over the caller's page references; all slots must be holes, else -XEN_EEXIST (and the
// caller keeps its references). -XEN_ENOMEM when the pool is exhausted. -XEN_EINVAL beyond the guest's address width.
int p2m_insert(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned order, enum p2m_type type);
// Removes one page's entry and drops its reference. -XEN_ENOENT for a hole.
int p2m_remove(struct domain *d, gfn_t gfn);
// Removes one entry and hands its reference to the caller instead.
int p2m_take(struct domain *d, gfn_t gfn, struct p2m_entry *entry);

// Looks up a page the guest may use as memory of its own (RAM, or RAM_RO unless `write`) and takes a page reference.
// Returns false for anything else. page_put() when done.
bool p2m_get_page(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn);

// From arch on a nested page fault that the guest's own instruction caused. True: retry the instruction. False: no
// memory there (arch then tries its MMIO emulation, or crashes the domain).
bool p2m_fault(struct vcpu *v, gpa_t gpa, bool write);

// Table pages for arch's page-table code: zeroed, charged to the pool. MFN_INVALID when the pool is exhausted.
mfn_t p2m_table_alloc(struct domain *d);
void p2m_table_free(struct domain *d, mfn_t mfn);
