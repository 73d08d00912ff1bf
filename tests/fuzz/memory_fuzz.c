// SPDX-License-Identifier: MIT
// Memory, grants and the lives of domains: the input is a program of calls by a control domain and two guests
// that makes sense more often than not, with allocations that fail, and calls that are continued only after
// others or not at all. core_fuzz.c is the one without prejudice. Afterwards every domain is destroyed, and
// nothing may be left.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "harness.h"

#include <hv/sched.h>
#include <hv/softirq.h>

#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/sysctl.h>

#define ACTORS    3 // the first one controls the others
#define PAGES     32
#define ARG       0x1000UL
#define ARRAYS    0x2000UL // pages 2 to 4: frame numbers, more of them, error codes
#define MAX_STEPS 100
#define MAX_TURNS 5000 // of one call that asks to be continued
#define PENDING   3
#define GRANTS    24

struct input {
    const uint8_t *data;
    size_t left;
};

static struct domain *actors[ACTORS];
static domid_t created[4]; // by domctl
static struct {
    struct domain *d; // NULL: none
    struct hypercall call;
} pending[PENDING];

static uint8_t take(struct input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->data++;
}

static domid_t take_domid(struct input *in)
{
    uint8_t which = take(in) % 16;

    if (which < 5)
        return DOMID_SELF;
    if (which < 11)
        return actors[which % ACTORS]->id;
    return which < 15 ? created[which - 11] : DOMID_IO;
}

// Frames near each other, at the edges of large leaves, and impossible ones.
static uint64_t take_gfn(struct input *in)
{
    static const uint64_t bases[] = {0, 0x1000, 0x1200, 0x11f0, 0x40000, 0xffff0, 0xfffe0};
    static const uint64_t odd[] = {~0UL, 1UL << 20, 1UL << 52, (1UL << 52) - 1, 0x200, 0x2000};
    uint8_t which = take(in);

    if (which >= 0xf0)
        return odd[which % ARRAY_SIZE(odd)];
    return bases[which / 32 % ARRAY_SIZE(bases)] + which % 32;
}

static bool can_call(const struct domain *d)
{
    return d->state == DOMAIN_LIVE && d->vcpus[0] && vcpu_runnable(d->vcpus[0]);
}

// Goes on with a call until it ends, or, if `patience` runs out first, leaves it pending.
static void run_call(struct domain *d, struct hypercall *call, unsigned patience)
{
    for (unsigned turn = 0; turn < MAX_TURNS && can_call(d); turn++) {
        if (turn == patience) {
            unsigned slot = turn % PENDING;

            pending[slot].d = d;
            pending[slot].call = *call;
            return;
        }
        harness_enter(d->vcpus[0]);
        if (hypercall_dispatch(d->vcpus[0], call) != HYPERCALL_CONTINUE)
            return;
        softirq_run();
    }
}

static void *caller_memory(struct domain *d, gpa_t gpa)
{
    static char nowhere[PAGE_SIZE]; // it gave the page away

    void *at = harness_memory(d, gpa);
    return at ? at : nowhere;
}

static void call(struct input *in, struct domain *d, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
    struct hypercall c = {.nr = nr, .args = {a0, a1, a2}};
    uint8_t patience = take(in);

    run_call(d, &c, patience < 0x80 ? MAX_TURNS : patience % 8);
}

static void memory_op(struct input *in, struct domain *d, uint64_t cmd, const void *arg, size_t size)
{
    memcpy(caller_memory(d, ARG), arg, size);
    call(in, d, __HYPERVISOR_memory_op, cmd, ARG, 0);
}

static void fill_with_frames(struct input *in, struct domain *d, gpa_t array, unsigned count)
{
    uint64_t *frames = caller_memory(d, array), first = take_gfn(in);
    bool row = take(in) % 2;

    for (unsigned i = 0; i < count; i++)
        frames[i] = row ? first + i : take_gfn(in);
}

// --- memory_op ---

static void reserve(struct input *in, struct domain *d)
{
    static const uint8_t orders[] = {0, 0, 0, 1, 4, ORDER_2M, ORDER_2M, 10, 11, 12, 13, ORDER_1G, 31};
    unsigned count = take(in) % 20;
    struct xen_memory_reservation r = {
        .nr_extents = count, .extent_order = orders[take(in) % sizeof(orders)], .domid = take_domid(in)};

    set_xen_guest_handle(r.extent_start, (xen_pfn_t *)ARRAYS);
    fill_with_frames(in, d, ARRAYS, count);
    memory_op(in, d, take(in) % 3 ? XENMEM_populate_physmap : XENMEM_decrease_reservation, &r, sizeof(r));
}

static void add_to_physmap(struct input *in, struct domain *d)
{
    struct xen_add_to_physmap a = {
        .domid = take_domid(in), .size = take(in) % 40, .space = take(in) % 7, .gpfn = take_gfn(in)};

    a.idx = a.space == XENMAPSPACE_grant_table ? take(in) % 70 : take_gfn(in);
    memory_op(in, d, XENMEM_add_to_physmap, &a, sizeof(a));
}

static void add_to_physmap_batch(struct input *in, struct domain *d)
{
    struct xen_add_to_physmap_batch b = {.domid = take_domid(in),
                                         .space = take(in) % 4 ? XENMAPSPACE_gmfn_foreign : take(in) % 7,
                                         .size = take(in) % 100,
                                         .u.foreign_domid = take_domid(in)};

    set_xen_guest_handle(b.idxs, (xen_ulong_t *)ARRAYS);
    set_xen_guest_handle(b.gpfns, (xen_pfn_t *)(ARRAYS + PAGE_SIZE));
    set_xen_guest_handle(b.errs, (int *)(ARRAYS + 2 * PAGE_SIZE));
    fill_with_frames(in, d, ARRAYS, b.size);
    fill_with_frames(in, d, ARRAYS + PAGE_SIZE, b.size);
    memory_op(in, d, XENMEM_add_to_physmap_batch, &b, sizeof(b));
}

static void remove_from_physmap(struct input *in, struct domain *d)
{
    struct xen_remove_from_physmap r = {.domid = take_domid(in), .gpfn = take_gfn(in)};

    memory_op(in, d, XENMEM_remove_from_physmap, &r, sizeof(r));
}

static void acquire_resource(struct input *in, struct domain *d)
{
    struct xen_mem_acquire_resource r = {.domid = take_domid(in),
                                         .type = take(in) % 8 ? XENMEM_resource_grant_table : take(in),
                                         .frame = take(in) % 66,
                                         .nr_frames = take(in) % 10};

    set_xen_guest_handle(r.frame_list, (xen_pfn_t *)(take(in) % 8 ? ARRAYS : 0));
    fill_with_frames(in, d, ARRAYS, r.nr_frames);
    memory_op(in, d, XENMEM_acquire_resource, &r, sizeof(r));
}

static void memory_map(struct input *in, struct domain *d)
{
    struct xen_foreign_memory_map m = {.domid = take_domid(in), .map.nr_entries = take(in)};

    set_xen_guest_handle(m.map.buffer, (void *)ARRAYS);
    if (take(in) % 2)
        memory_op(in, d, XENMEM_set_memory_map, &m, sizeof(m));
    else
        memory_op(in, d, XENMEM_memory_map, &m.map, sizeof(m.map));
}

// --- grants ---

static void write_grant(struct input *in, struct domain *d)
{
    grant_ref_t ref = take(in) % GRANTS;

    grant_entry_v1_t *entry = &d->gnttab.shared[0][ref];
    if (take(in) % 4)
        entry->domid = actors[take(in) % ACTORS]->id;
    entry->frame = take_gfn(in);
    entry->flags = take(in) % 4 ? GTF_permit_access | (take(in) % 2 ? GTF_readonly : 0) : take(in);
}

static void grant_op(struct input *in, struct domain *d, unsigned cmd, const void *ops, size_t size,
                     unsigned count)
{
    memcpy(caller_memory(d, ARG), ops, size * count);
    call(in, d, __HYPERVISOR_grant_table_op, cmd, ARG, count);
}

static void map_grants(struct input *in, struct domain *d)
{
    struct gnttab_map_grant_ref ops[4];
    unsigned count = take(in) % 5;

    for (unsigned i = 0; i < count; i++)
        ops[i] = (struct gnttab_map_grant_ref){
            .host_addr = take_gfn(in) << PAGE_SHIFT,
            .flags = take(in) % 16 ? GNTMAP_host_map | (take(in) & GNTMAP_readonly) : take(in),
            .ref = take(in) % (GRANTS + 1),
            .dom = take_domid(in)};
    grant_op(in, d, GNTTABOP_map_grant_ref, ops, sizeof(ops[0]), count);
}

static void unmap_grants(struct input *in, struct domain *d)
{
    struct gnttab_unmap_grant_ref ops[4];
    unsigned count = take(in) % 5;

    for (unsigned i = 0; i < count; i++)
        ops[i] = (struct gnttab_unmap_grant_ref){.host_addr = take(in) % 4 ? 0 : take_gfn(in) << PAGE_SHIFT,
                                                 .handle = take(in) % 16};
    grant_op(in, d, GNTTABOP_unmap_grant_ref, ops, sizeof(ops[0]), count);
}

static struct gnttab_copy_ptr copy_side(struct input *in, bool granted)
{
    struct gnttab_copy_ptr side = {.domid = take_domid(in), .offset = take(in) * 20};

    if (granted)
        side.u.ref = take(in) % GRANTS;
    else
        side.u.gmfn = take_gfn(in);
    return side;
}

static void copy_grants(struct input *in, struct domain *d)
{
    struct gnttab_copy op = {.flags = take(in) % 4, .len = take(in) * 17};

    op.source = copy_side(in, op.flags & GNTCOPY_source_gref);
    op.dest = copy_side(in, op.flags & GNTCOPY_dest_gref);
    grant_op(in, d, GNTTABOP_copy, &op, sizeof(op), 1);
}

static void set_up_grants(struct input *in, struct domain *d)
{
    struct gnttab_setup_table op = {.dom = take_domid(in), .nr_frames = take(in) % 70};

    set_xen_guest_handle(op.frame_list, (xen_pfn_t *)ARRAYS);
    grant_op(in, d, GNTTABOP_setup_table, &op, sizeof(op), 1);
}

// --- domctl, sysctl ---

static void domctl(struct input *in, struct domain *d, struct xen_domctl *op)
{
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    memcpy(caller_memory(d, ARG), op, sizeof(*op));
    call(in, d, __HYPERVISOR_domctl, ARG, 0, 0);
    memcpy(op, caller_memory(d, ARG), sizeof(*op));
}

static void create(struct input *in, struct domain *d)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_createdomain,
                            .domain = take(in) % 4 ? 0 : take(in),
                            .u.createdomain = {.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
                                               .max_vcpus = 1,
                                               .max_evtchn_port = 1023,
                                               .max_grant_frames = (int8_t)take(in),
                                               .max_maptrack_frames = (int8_t)take(in),
                                               .grant_opts = XEN_DOMCTL_GRANT_version(1),
                                               .arch.emulation_flags = XEN_X86_EMU_LAPIC}};

    domctl(in, d, &op);
    created[take(in) % ARRAY_SIZE(created)] = op.domain;
}

static void destroy(struct input *in, struct domain *d)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_destroydomain,
                            .domain = created[take(in) % ARRAY_SIZE(created)]};

    if (take(in) % 16 == 0)
        op.domain = take_domid(in); // an actor, perhaps
    domctl(in, d, &op);
}

static void other_domctl(struct input *in, struct domain *d)
{
    static const uint8_t cmds[] = {
        XEN_DOMCTL_pausedomain,
        XEN_DOMCTL_unpausedomain,
        XEN_DOMCTL_getdomaininfo,
        XEN_DOMCTL_shadow_op,
        XEN_DOMCTL_getvcpuinfo,
        XEN_DOMCTL_max_vcpus,
        XEN_DOMCTL_setdomainhandle,
        XEN_DOMCTL_settimeoffset,
        XEN_DOMCTL_resumedomain,
        XEN_DOMCTL_gethvmcontext,
        XEN_DOMCTL_set_paging_mempool_size,
        XEN_DOMCTL_sethvmcontext,
    };
    struct xen_domctl op = {.cmd = cmds[take(in) % sizeof(cmds)], .domain = take_domid(in)};

    for (unsigned i = take(in) % 5 * 4, at = 0; i > 0; i--, at++)
        op.u.pad[at] = take(in);
    domctl(in, d, &op);
}

static void max_mem(struct input *in, struct domain *d)
{
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_max_mem, .domain = take_domid(in), .u.max_mem.max_memkb = take(in) * 512UL};

    domctl(in, d, &op);
}

static void sysctl(struct input *in, struct domain *d)
{
    struct xen_sysctl op = {.cmd = take(in) % 20, .interface_version = XEN_SYSCTL_INTERFACE_VERSION};

    op.u.getdomaininfolist.max_domains = take(in) % 16;
    set_xen_guest_handle(op.u.getdomaininfolist.buffer, (void *)ARRAYS);
    memcpy(caller_memory(d, ARG), &op, sizeof(op));
    call(in, d, __HYPERVISOR_sysctl, ARG, 0, 0);
}

// --- the world around ---

static void cause_trouble(struct input *in, struct domain *d)
{
    (void)d;
    if (take(in) % 2)
        faults_preempt_every(take(in) % 4);
    else
        faults_fail_allocation(take(in) % 32);
}

static void resume_pending(struct input *in, struct domain *unused)
{
    unsigned slot = take(in) % PENDING;
    struct domain *d = pending[slot].d;

    (void)unused;
    pending[slot].d = NULL;
    if (d)
        run_call(d, &pending[slot].call, MAX_TURNS);
}

static void (*const steps[])(struct input *in, struct domain *d) = {
    reserve,
    reserve,
    add_to_physmap,
    add_to_physmap_batch,
    remove_from_physmap,
    acquire_resource,
    memory_map,
    write_grant,
    write_grant,
    map_grants,
    map_grants,
    unmap_grants,
    copy_grants,
    set_up_grants,
    create,
    destroy,
    other_domctl,
    max_mem,
    sysctl,
    cause_trouble,
    resume_pending,
};

// So that the program does not end where the toolstack stopped an actor.
static void revive_actors(void)
{
    for (unsigned i = 0; i < ACTORS; i++) {
        if (actors[i]->state != DOMAIN_LIVE)
            continue;
        if (actors[i]->shutting_down)
            domain_resume(actors[i]);
        while (domain_unpause_by_toolstack(actors[i]) == 0)
            ;
    }
}

// What each domain is charged for must be what it has. (A loop over all frames is nothing to learn from.)
__attribute__((no_sanitize("coverage"))) static void check_charges(void)
{
    static uint64_t pages[DOMID_FIRST_RESERVED];
    const struct page_info *records = page_info(MFN(0));
    struct domain *d;

    memset(pages, 0, sizeof(pages));
    for (uint64_t n = 0; n < HARNESS_RAM >> PAGE_SHIFT; n++)
        if (records[n].refs && records[n].owner < DOMID_FIRST_RESERVED)
            pages[records[n].owner]++;
    for (domid_t id = 0; (d = domain_next(id)) != NULL; id = d->id + 1) {
        if (d->tot_pages != pages[d->id]) {
            fprintf(stderr, "d%d is charged for %lu pages and has %lu\n", d->id, d->tot_pages, pages[d->id]);
            abort();
        }
        domain_put(d);
    }
}

static void destroy_all(void)
{
    struct domain *d;

    for (unsigned i = 0; i < ACTORS; i++)
        domain_put(actors[i]);
    control_domain = NULL;
    for (domid_t id = 0; (d = domain_next(id)) != NULL; id++) {
        id = d->id;
        domain_pause(d);
        softirq_run();
        while (domain_destroy(d) == -XEN_ERESTART)
            softirq_run();
        domain_put(d);
    }
    softirq_run();
}

// Each domain begins with pages granted to all of them, so that a program of few steps gets somewhere.
static void create_actors(void)
{
    mfn_t mfn;

    for (unsigned i = 0; i < ACTORS; i++) {
        actors[i] = harness_domain(i == 0 ? PRIV_CONTROL : 0, 1, PAGES);
        actors[i]->max_pages = 20000;
        domain_get(actors[i]); // an actor stays nameable when another one destroys it
        if (gnttab_get_frame(actors[i], 0, &mfn))
            abort();
    }
    for (unsigned i = 0; i < ACTORS; i++)
        for (unsigned ref = 0; ref < GRANTS; ref++)
            actors[i]->gnttab.shared[0][ref] = (grant_entry_v1_t){
                GTF_permit_access | (ref < 16 ? 0 : GTF_readonly), actors[ref % ACTORS]->id, 8 + ref};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    harness_init();
    memset(pending, 0, sizeof(pending));
    memset(created, 0, sizeof(created));
    create_actors();
    for (unsigned i = 0; i < MAX_STEPS && in.left; i++) {
        uint8_t which = take(&in);
        struct domain *d = actors[take(&in) % ACTORS];

        if (can_call(d))
            steps[which % ARRAY_SIZE(steps)](&in, d);
        harness_console_clear();
        revive_actors();
        softirq_run();
    }
    faults_fail_allocation(0);
    faults_preempt_every(0);
    check_charges();
    destroy_all();
    harness_init(); // complains about what is left
    return 0;
}
