// SPDX-License-Identifier: MIT
// A domain: identity, privileges, limits and the tables it owns.
#pragma once

#include <hv/evtchn.h>
#include <hv/gnttab.h>
#include <hv/list.h>
#include <hv/p2m.h>
#include <hv/priv.h>
#include <hv/types.h>
#include <hv/vcpu.h>

#include <xen/hvm/params.h>
#include <xen/sched.h>

struct arch_domain;

// One entry of XENMEM_memory_map, as firmware lays it out (ACPI 6.5, 15.1).
struct e820_entry {
    uint64_t addr, size;
    uint32_t type;
} __attribute__((packed));

#define MAX_VCPUS_PER_DOMAIN 64
#define DEATH_REASON_MAX     160

enum domain_state {
    DOMAIN_LIVE,  // may run
    DOMAIN_DYING, // being torn down (or not yet complete): no new references to its pages, ports or grants
    DOMAIN_DEAD,  // resources gone; the struct stays until its last reference
};

// Creation parameters, validated by domctl.c.
struct domain_config {
    uint8_t uuid[16];
    uint32_t privileges;         // PRIV_* (priv.h)
    uint32_t max_vcpus;          // 1..MAX_VCPUS_PER_DOMAIN
    uint32_t max_evtchn_port;    // highest port
    int32_t max_grant_frames;    // < 0: default
    int32_t max_maptrack_frames; // < 0: default
};

// The line an unprivileged guest is writing through CONSOLEIO_write, and what it may still write.
#define GUEST_LOG_LINE 160
struct guest_log {
    char line[GUEST_LOG_LINE];
    uint32_t length;
    uint32_t credit;    // bytes
    uint64_t credit_at; // when credit was last topped up, ns
};

// One large extent that XENMEM_populate_physmap is still scrubbing across continuations.
struct pending_extent {
    mfn_t mfn;
    unsigned order;    // 0: none
    uint64_t scrubbed; // pages
};

struct domain {
    domid_t id;
    uint32_t refs; // domain_get/put, atomic
    enum domain_state state;
    uint32_t privileges;   // PRIV_*
    struct spinlock lock;  // LOCK_DOMAIN
    struct list_node link; // list of domains, in domid order
    uint8_t uuid[16];
    int pause_count;           // all vcpus are paused while it is > 0
    unsigned toolstack_pauses; // XEN_DOMCTL_pausedomain less unpausedomain; 1 at creation; > 0 counts once in
                               // pause_count
    bool shutting_down;
    uint8_t shutdown_code;               // SHUTDOWN_*
    char death_reason[DEATH_REASON_MAX]; // first line of the crash record, "" if none

    unsigned max_vcpus;
    struct vcpu **vcpus; // [max_vcpus], NULL where not created

    uint64_t tot_pages, max_pages; // own RAM pages: in use, allowed. Atomic
    struct p2m p2m;
    struct evtchn_domain evtchn;
    struct gnttab gnttab;
    uint64_t hvm_params[HVM_NR_PARAMS];
    struct shared_info *shared_info; // a P2M_SHARED page; always there
    mfn_t shared_info_mfn;
    int64_t wallclock_offset_s;           // XEN_DOMCTL_settimeoffset
    uint32_t vm_assist;                   // VMASST_TYPE_* bits
    struct timer watchdog[2];             // SCHEDOP_watchdog
    struct guest_log log;                 // under `lock`
    unsigned destroy_stage;               // how far domain_destroy() has come
    struct domain *next_free;             // list of domains whose last reference is gone
    struct pending_extent pending_extent; // under `lock`
    struct e820_entry *memory_map;        // XENMEM_set_memory_map's copy, NULL: none; under `lock`
    uint32_t nr_memory_map;
    struct arch_domain *arch;
};

// Creates a paused domain with no memory and no vcpus. domid DOMID_INVALID: the next free one (ids are not
// reused before the others have been). 0 or -XEN_E*, nothing left behind on failure.
// *out carries no reference: the domain lives until domain_destroy(), whose caller holds one.
int domain_create(domid_t domid, const struct domain_config *config, struct domain **out);
// Marks dying and releases everything. Preemptible: -XEN_ERESTART until done, then 0. Pages that other
// domains still map go when those mappings do.
int domain_destroy(struct domain *d);

// By id, with a reference, or NULL (also for dying and dead ones unless `dying_too`). DOMID_SELF: the
// caller's own.
// All of these may be called under any lock up to LOCK_TIMER; what follows the last domain_put() is left to a
// softirq.
struct domain *domain_lookup(domid_t domid);
struct domain *domain_lookup_dying_too(domid_t domid);
struct domain *domain_next(domid_t at_least); // first domain with id >= at_least, referenced; NULL at the end
void domain_get(struct domain *d);
// The last one frees the struct, the grant tables (gnttab_free) and the memory map.
void domain_put(struct domain *d);
void domain_free_softirq(void); // SOFTIRQ_DOMAIN_FREE

void domain_pause(struct domain *d);
void domain_unpause(struct domain *d);
int domain_pause_by_toolstack(struct domain *d);   // -XEN_EINVAL at 255
int domain_unpause_by_toolstack(struct domain *d); // -XEN_EINVAL when it is not paused
// The guest is finished (SHUTDOWN_*): stops its vcpus and raises VIRQ_DOM_EXC. When the hardware domain does
// it, the machine powers off, resets or halts.
void domain_shutdown(struct domain *d, uint8_t code);
int domain_resume(struct domain *d); // undoes a shutdown (XEN_DOMCTL_resumedomain)

// Ends the current vcpu's domain for a reason that goes to the log with its registers, to death_reason, and
// to xl as SHUTDOWN_crash. Returns; the caller returns to the run loop at once.
void domain_crash(struct vcpu *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// Writes the wall clock at system time 0 into shared_info, from boot time and wallclock_offset_s.
void domain_update_wallclock(struct domain *d);

extern struct domain *hardware_domain; // dom0, NULL before it is built
extern struct domain *control_domain;  // receives the global VIRQs: dom0

// dom0_build.c. The first, before page_alloc_init, takes the frames that dom0's image is linked to, and its
// RAM. Both panic with the reason when they can't.
void dom0_reserve(void);
void dom0_build(void);

void memory_drop_pending_extent(struct domain *d); // memory_op.c: when the domain is torn down
