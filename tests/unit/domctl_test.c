// SPDX-License-Identifier: MIT
// HYPERVISOR_domctl and HYPERVISOR_sysctl: who may, what each checks, and that domains come and go without a
// trace, whichever allocation fails and however often destruction is interrupted.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "faults.h"
#include "harness.h"

#include <hv/printk.h>
#include <hv/softirq.h>

#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/sysctl.h>

#define RAM     64
#define ARG     0x1000UL   // where a test puts the request in the caller's memory
#define BUFFER  0x8000UL   // and a buffer it refers to
#define NOWHERE 0x900000UL // no memory there
#define NEW_GFN 0x1000UL

static struct domain *control, *guest;

static int setup(void **state)
{
    (void)state;
    harness_init();
    control = harness_domain(PRIV_CONTROL, 1, RAM);
    guest = harness_domain(0, 1, RAM);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    faults_fail_allocation(0);
    faults_preempt_every(0);
    if (guest)
        harness_destroy(guest);
    harness_destroy(control);
    harness_init(); // checks that everything is free again
    return 0;
}

static long op_by(struct domain *d, struct xen_domctl *op)
{
    memcpy(harness_memory(d, ARG), op, sizeof(*op));
    long rc = harness_hypercall(d->vcpus[0], __HYPERVISOR_domctl, ARG, 0, 0);
    memcpy(op, harness_memory(d, ARG), sizeof(*op));
    return rc;
}

static long op(struct xen_domctl *op, uint32_t cmd, domid_t domid)
{
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = domid;
    return op_by(control, op);
}

static long simple(uint32_t cmd, domid_t domid)
{
    struct xen_domctl o = {0};

    return op(&o, cmd, domid);
}

static struct xen_domctl creation(void)
{
    return (struct xen_domctl){.u.createdomain = {.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
                                                  .max_vcpus = 1,
                                                  .max_evtchn_port = 1023,
                                                  .max_grant_frames = -1,
                                                  .max_maptrack_frames = -1,
                                                  .grant_opts = XEN_DOMCTL_GRANT_version(1),
                                                  .handle = {1, 2, 3},
                                                  .arch.emulation_flags = XEN_X86_EMU_LAPIC}};
}

static domid_t create(void)
{
    struct xen_domctl o = creation();

    assert_int_equal(op(&o, XEN_DOMCTL_createdomain, 0), 0);
    return o.domain;
}

static long destroy(domid_t domid)
{
    return simple(XEN_DOMCTL_destroydomain, domid);
}

static const uint32_t known[] = {
    XEN_DOMCTL_createdomain,
    XEN_DOMCTL_destroydomain,
    XEN_DOMCTL_pausedomain,
    XEN_DOMCTL_unpausedomain,
    XEN_DOMCTL_getdomaininfo,
    XEN_DOMCTL_shadow_op,
    XEN_DOMCTL_max_mem,
    XEN_DOMCTL_getvcpuinfo,
    XEN_DOMCTL_max_vcpus,
    XEN_DOMCTL_setdomainhandle,
    XEN_DOMCTL_settimeoffset,
    XEN_DOMCTL_resumedomain,
    XEN_DOMCTL_gethvmcontext,
    XEN_DOMCTL_sethvmcontext,
    XEN_DOMCTL_get_paging_mempool_size,
    XEN_DOMCTL_set_paging_mempool_size,
};

static bool is_known(uint32_t cmd)
{
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
        if (known[i] == cmd)
            return true;
    return false;
}

// --- the envelope ---

static void test_a_wrong_version_is_refused(void **state)
{
    (void)state;
    for (uint32_t cmd = 0; cmd < 1100; cmd++) {
        struct xen_domctl o = {
            .cmd = cmd, .interface_version = XEN_DOMCTL_INTERFACE_VERSION - 1, .domain = guest->id};

        assert_int_equal(op_by(control, &o), -XEN_EACCES);
        o.interface_version = XEN_DOMCTL_INTERFACE_VERSION + 1;
        assert_int_equal(op_by(control, &o), -XEN_EACCES);
    }
}

static void test_only_the_control_domain_may(void **state)
{
    (void)state;
    for (uint32_t cmd = 0; cmd < 1100; cmd++) {
        struct xen_domctl o = creation();

        o.cmd = cmd;
        o.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
        o.domain = guest->id;
        assert_int_equal(op_by(guest, &o), -XEN_EPERM);
    }
    assert_int_equal(harness_hypercall(guest->vcpus[0], __HYPERVISOR_domctl, NOWHERE, 0, 0), -XEN_EPERM);
    assert_int_equal(guest->state, DOMAIN_LIVE);
}

static void test_what_it_does_not_know(void **state)
{
    (void)state;
    for (uint32_t cmd = 0; cmd < 1100; cmd++)
        if (!is_known(cmd))
            assert_int_equal(simple(cmd, guest->id), -XEN_ENOSYS);
    assert_int_equal(simple(UINT32_MAX, guest->id), -XEN_ENOSYS);
    assert_int_equal(harness_hypercall(control->vcpus[0], __HYPERVISOR_domctl, NOWHERE, 0, 0), -XEN_EFAULT);
    assert_int_equal(harness_hypercall(control->vcpus[0], __HYPERVISOR_domctl, ~0UL, 0, 0), -XEN_EFAULT);
}

static void test_a_domain_that_is_not_there(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        if (known[i] == XEN_DOMCTL_createdomain)
            continue;
        assert_int_equal(simple(known[i], 4711), -XEN_ESRCH);
        assert_int_equal(simple(known[i], DOMID_IO), -XEN_ESRCH);
        assert_int_equal(simple(known[i], DOMID_INVALID), -XEN_ESRCH);
    }
}

// --- creation and destruction ---

static void test_ids_of_new_domains(void **state)
{
    struct xen_domctl o = creation();
    domid_t first = create(), second = create();

    (void)state;
    assert_true(first != second && first > 0 && second > 0);
    assert_int_equal(op(&o, XEN_DOMCTL_createdomain, 1234), 0);
    assert_int_equal(o.domain, 1234);
    o = creation();
    assert_int_equal(op(&o, XEN_DOMCTL_createdomain, 1234), -XEN_EEXIST);
    assert_int_equal(destroy(1234), 0);
    o = creation();
    assert_int_equal(op(&o, XEN_DOMCTL_createdomain, DOMID_FIRST_RESERVED), 0); // as 0: any
    assert_true(o.domain < DOMID_FIRST_RESERVED);
    assert_int_equal(destroy(o.domain), 0);
    assert_int_equal(destroy(first), 0);
    assert_int_equal(destroy(second), 0);
    assert_int_equal(destroy(second), -XEN_ESRCH);
}

static long create_with(void (*change)(struct xen_domctl_createdomain *c))
{
    struct xen_domctl o = creation();

    change(&o.u.createdomain);
    return op(&o, XEN_DOMCTL_createdomain, 0);
}

static void pv(struct xen_domctl_createdomain *c)
{
    c->flags = 0;
}
static void no_hap(struct xen_domctl_createdomain *c)
{
    c->flags = XEN_DOMCTL_CDF_hvm;
}
static void nested(struct xen_domctl_createdomain *c)
{
    c->flags |= XEN_DOMCTL_CDF_nested_virt;
}
static void iommu(struct xen_domctl_createdomain *c)
{
    c->flags |= XEN_DOMCTL_CDF_iommu;
}
static void devices(struct xen_domctl_createdomain *c)
{
    c->arch.emulation_flags |= XEN_X86_EMU_HPET;
}
static void no_lapic(struct xen_domctl_createdomain *c)
{
    c->arch.emulation_flags = 0;
}
static void misc(struct xen_domctl_createdomain *c)
{
    c->arch.misc_flags = 1;
}
static void no_vcpu(struct xen_domctl_createdomain *c)
{
    c->max_vcpus = 0;
}
static void too_many_vcpus(struct xen_domctl_createdomain *c)
{
    c->max_vcpus = UINT32_MAX;
}
static void no_grant_version(struct xen_domctl_createdomain *c)
{
    c->grant_opts = 0;
}
static void another_pool(struct xen_domctl_createdomain *c)
{
    c->cpupool_id = 1;
}
static void trace(struct xen_domctl_createdomain *c)
{
    c->vmtrace_size = 4096;
}
static void many_grants(struct xen_domctl_createdomain *c)
{
    c->max_grant_frames = INT32_MAX;
}
static void many_handles(struct xen_domctl_createdomain *c)
{
    c->max_maptrack_frames = INT32_MAX;
}

static void test_unsupported_domains(void **state)
{
    static void (*const changes[])(struct xen_domctl_createdomain * c) = {
        pv,      no_hap,         nested,           iommu,        devices, no_lapic,    misc,
        no_vcpu, too_many_vcpus, no_grant_version, another_pool, trace,   many_grants, many_handles};
    uint64_t free_pages = page_free_count();

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(changes); i++)
        assert_int_equal(create_with(changes[i]), -XEN_EINVAL);
    softirq_run();
    assert_int_equal(page_free_count(), free_pages);
}

static long populate(domid_t domid, unsigned order)
{
    struct xen_memory_reservation r = {.nr_extents = 1, .extent_order = order, .domid = domid};

    set_xen_guest_handle(r.extent_start, (xen_pfn_t *)BUFFER);
    *(uint64_t *)harness_memory(control, BUFFER) = NEW_GFN;
    memcpy(harness_memory(control, ARG), &r, sizeof(r));
    return harness_hypercall(control->vcpus[0], __HYPERVISOR_memory_op, XENMEM_populate_physmap, ARG, 0);
}

static long call_with_size(uint32_t cmd, domid_t domid, uint64_t size)
{
    struct xen_domctl o = {0};

    switch (cmd) {
    case XEN_DOMCTL_max_mem: o.u.max_mem.max_memkb = size; break;
    case XEN_DOMCTL_max_vcpus: o.u.max_vcpus.max = size; break;
    case XEN_DOMCTL_set_paging_mempool_size: o.u.paging_mempool.size = size; break;
    }
    return op(&o, cmd, domid);
}

static struct xen_domctl_getdomaininfo info(domid_t domid)
{
    struct xen_domctl o = {0};

    assert_int_equal(op(&o, XEN_DOMCTL_getdomaininfo, domid), 0);
    return o.u.getdomaininfo;
}

// What the toolstack does to start a domain. The first error ends it.
static long build(domid_t *domid)
{
    struct xen_domctl o = creation();
    long rc = op(&o, XEN_DOMCTL_createdomain, 0);

    if (rc)
        return rc;
    *domid = o.domain;
    rc = call_with_size(XEN_DOMCTL_max_vcpus, *domid, 1);
    if (rc == 0)
        rc = call_with_size(XEN_DOMCTL_max_mem, *domid, 8192);
    if (rc == 0)
        rc = call_with_size(XEN_DOMCTL_set_paging_mempool_size, *domid, 1UL << 20);
    if (rc == 0 && populate(*domid, ORDER_2M) != 1)
        rc = -XEN_ENOMEM;
    return rc;
}

static void test_the_life_of_a_domain(void **state)
{
    domid_t id;

    (void)state;
    assert_int_equal(build(&id), 0);
    struct xen_domctl_getdomaininfo i = info(id);
    assert_int_equal(i.domain, id);
    assert_int_equal(i.tot_pages, 1UL << ORDER_2M);
    assert_int_equal(i.max_pages, 2048);
    assert_int_equal(i.flags & (XEN_DOMINF_paused | XEN_DOMINF_dying | XEN_DOMINF_shutdown),
                     XEN_DOMINF_paused);
    assert_int_equal(i.flags & (XEN_DOMINF_hvm_guest | XEN_DOMINF_hap),
                     XEN_DOMINF_hvm_guest | XEN_DOMINF_hap);
    assert_int_equal(i.handle[2], 3);
    assert_int_equal(i.max_vcpu_id, 0);
    assert_int_equal(simple(XEN_DOMCTL_unpausedomain, id), 0);
    assert_false(info(id).flags & XEN_DOMINF_paused);
    assert_int_equal(simple(XEN_DOMCTL_unpausedomain, id), -XEN_EINVAL);
    assert_int_equal(simple(XEN_DOMCTL_pausedomain, id), 0);
    struct domain *d = domain_lookup(id);
    domain_shutdown(d, SHUTDOWN_reboot);
    domain_put(d);
    i = info(id);
    assert_true(i.flags & XEN_DOMINF_shutdown);
    assert_int_equal(i.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask, SHUTDOWN_reboot);
    assert_int_equal(simple(XEN_DOMCTL_resumedomain, id), 0);
    assert_false(info(id).flags & XEN_DOMINF_shutdown);
    assert_int_equal(destroy(id), 0);
    softirq_run();
    assert_null(domain_lookup_dying_too(id));
}

static void test_nothing_stays_behind_when_an_allocation_fails(void **state)
{
    bool failed = true;

    (void)state;
    for (unsigned n = 1; failed; n++) {
        uint64_t free_pages = page_free_count();
        domid_t id = DOMID_INVALID;

        faults_fail_allocation(n);
        long rc = build(&id);
        failed = faults_allocation_failed();
        faults_fail_allocation(0);
        assert_int_equal(rc, failed ? -XEN_ENOMEM : 0);
        if (id != DOMID_INVALID)
            assert_int_equal(destroy(id), 0);
        softirq_run();
        assert_int_equal(page_free_count(), free_pages);
    }
}

static void test_destruction_is_interrupted_as_often_as_need_be(void **state)
{
    uint64_t free_pages = page_free_count();
    struct hypercall call = {.nr = __HYPERVISOR_domctl, .args = {ARG}};
    struct xen_domctl o;
    unsigned steps = 0;
    domid_t id;
    long rc;

    (void)state;
    assert_int_equal(build(&id), 0);
    faults_preempt_every(1);
    do {
        o = (struct xen_domctl){
            .cmd = XEN_DOMCTL_destroydomain, .interface_version = XEN_DOMCTL_INTERFACE_VERSION, .domain = id};
        memcpy(harness_memory(control, ARG), &o, sizeof(o));
        harness_enter(control->vcpus[0]);
        rc = hypercall_dispatch(control->vcpus[0], &call);
        softirq_run();
        if (rc != HYPERCALL_CONTINUE)
            break;
        // Meanwhile it can be seen, but no longer used.
        steps++;
        assert_true(info(id).flags & XEN_DOMINF_dying);
        assert_int_equal(simple(XEN_DOMCTL_unpausedomain, id), -XEN_ESRCH);
        assert_int_equal(call_with_size(XEN_DOMCTL_max_mem, id, 8192), -XEN_ESRCH);
        assert_int_equal(populate(id, 0), -XEN_ESRCH);
    } while (steps < 1000);
    assert_int_equal(rc, 0);
    faults_preempt_every(0);
    assert_int_equal(page_free_count(), free_pages);
}

static void test_large_domains_take_several_steps(void **state)
{
    struct xen_domctl o = creation();

    (void)state;
    assert_int_equal(op(&o, XEN_DOMCTL_createdomain, 0), 0);
    assert_int_equal(call_with_size(XEN_DOMCTL_max_mem, o.domain, 1UL << 20), 0);
    assert_int_equal(populate(o.domain, 13), 1);
    faults_preempt_every(1);
    assert_int_equal(destroy(o.domain), 0);
    assert_true(faults_preempted >= (1U << 13) / 1024);
}

static void test_it_cannot_destroy_or_stop_itself(void **state)
{
    static const uint32_t cmds[] = {XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain,
                                    XEN_DOMCTL_resumedomain,  XEN_DOMCTL_sethvmcontext,
                                    XEN_DOMCTL_gethvmcontext, XEN_DOMCTL_max_vcpus};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cmds); i++) {
        assert_int_equal(simple(cmds[i], control->id), -XEN_EINVAL);
        assert_int_equal(simple(cmds[i], DOMID_SELF), -XEN_EINVAL);
    }
    assert_int_equal(call_with_size(XEN_DOMCTL_max_vcpus, control->id, 1), -XEN_EINVAL);
}

// --- the rest ---

static void test_info_of_the_next_domain(void **state)
{
    struct xen_domctl o = {0};

    (void)state;
    assert_int_equal(op(&o, XEN_DOMCTL_getdomaininfo, 0), 0);
    assert_int_equal(o.domain, control->id);
    assert_int_equal(o.u.getdomaininfo.domain, control->id);
    assert_int_equal(op(&o, XEN_DOMCTL_getdomaininfo, control->id + 1), 0);
    assert_int_equal(o.domain, guest->id);
    assert_int_equal(op(&o, XEN_DOMCTL_getdomaininfo, guest->id + 1), -XEN_ESRCH);
    assert_int_equal(op(&o, XEN_DOMCTL_getdomaininfo, DOMID_IO), -XEN_ESRCH);
}

static void test_info_of_a_vcpu(void **state)
{
    struct xen_domctl o = {0};

    (void)state;
    assert_int_equal(op(&o, XEN_DOMCTL_getvcpuinfo, control->id), 0);
    assert_true(o.u.getvcpuinfo.online && o.u.getvcpuinfo.running && !o.u.getvcpuinfo.blocked);
    o.u.getvcpuinfo.vcpu = 1;
    assert_int_equal(op(&o, XEN_DOMCTL_getvcpuinfo, control->id), -XEN_EINVAL);
    o.u.getvcpuinfo.vcpu = UINT32_MAX;
    assert_int_equal(op(&o, XEN_DOMCTL_getvcpuinfo, control->id), -XEN_EINVAL);
    domid_t id = create();
    o.u.getvcpuinfo.vcpu = 0;
    assert_int_equal(op(&o, XEN_DOMCTL_getvcpuinfo, id), -XEN_ESRCH); // not there yet
    assert_int_equal(destroy(id), 0);
}

static void test_number_of_vcpus(void **state)
{
    domid_t id = create();

    (void)state;
    assert_int_equal(call_with_size(XEN_DOMCTL_max_vcpus, id, 0), -XEN_EINVAL);
    assert_int_equal(call_with_size(XEN_DOMCTL_max_vcpus, id, 2), -XEN_EINVAL);
    assert_int_equal(call_with_size(XEN_DOMCTL_max_vcpus, id, UINT32_MAX), -XEN_EINVAL);
    assert_int_equal(call_with_size(XEN_DOMCTL_max_vcpus, id, 1), 0);
    assert_int_equal(call_with_size(XEN_DOMCTL_max_vcpus, id, 1), 0); // again: nothing to do
    assert_int_equal(destroy(id), 0);
    struct xen_domctl o = creation();
    o.u.createdomain.max_vcpus = 2;
    assert_int_equal(op(&o, XEN_DOMCTL_createdomain, 0), -XEN_EOPNOTSUPP);
}

static void test_memory_limits(void **state)
{
    (void)state;
    assert_int_equal(call_with_size(XEN_DOMCTL_max_mem, guest->id, ~0UL), 0);
    assert_int_equal(guest->max_pages, ~0UL >> 2);
    assert_int_equal(populate(guest->id, 0), 1);
    assert_int_equal(call_with_size(XEN_DOMCTL_max_mem, guest->id, 0), 0);
    *(uint64_t *)harness_memory(control, BUFFER) = NEW_GFN + 1;
    assert_int_equal(populate(guest->id, 0), 0);
}

static void test_the_pool_of_table_pages(void **state)
{
    struct xen_domctl o = {.u.shadow_op = {.op = XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION, .mb = 3}};

    (void)state;
    assert_int_equal(op(&o, XEN_DOMCTL_shadow_op, guest->id), 0);
    assert_int_equal(guest->p2m.pool_limit, 3 * 256);
    assert_int_equal(call_with_size(XEN_DOMCTL_set_paging_mempool_size, guest->id, PAGE_SIZE * 257), 0);
    o.u.shadow_op = (struct xen_domctl_shadow_op){.op = XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION};
    assert_int_equal(op(&o, XEN_DOMCTL_shadow_op, guest->id), 0);
    assert_int_equal(o.u.shadow_op.mb, 2); // rounded up
    assert_int_equal(op(&o, XEN_DOMCTL_get_paging_mempool_size, guest->id), 0);
    assert_int_equal(o.u.paging_mempool.size, PAGE_SIZE * 257);
    assert_int_equal(call_with_size(XEN_DOMCTL_set_paging_mempool_size, guest->id, PAGE_SIZE + 1),
                     -XEN_EINVAL);
    assert_int_equal(call_with_size(XEN_DOMCTL_set_paging_mempool_size, guest->id, 0), -XEN_EINVAL);
    assert_int_equal(call_with_size(XEN_DOMCTL_set_paging_mempool_size, guest->id, ~0UL << PAGE_SHIFT),
                     -XEN_EINVAL);
    assert_int_equal(guest->p2m.pool_limit, 257);
    o.u.shadow_op = (struct xen_domctl_shadow_op){.op = XEN_DOMCTL_SHADOW_OP_ENABLE};
    assert_int_equal(op(&o, XEN_DOMCTL_shadow_op, guest->id), -XEN_EOPNOTSUPP);
}

static long context(uint32_t cmd, uint32_t size, uint64_t buffer)
{
    struct xen_domctl o = {.u.hvmcontext.size = size};

    set_xen_guest_handle(o.u.hvmcontext.buffer, (uint8_t *)buffer);
    return op(&o, cmd, guest->id);
}

static void test_hvm_contexts(void **state)
{
    (void)state;
    assert_int_equal(context(XEN_DOMCTL_sethvmcontext, 100, BUFFER), 0);
    assert_int_equal(context(XEN_DOMCTL_sethvmcontext, 0, BUFFER), -XEN_EINVAL);
    assert_int_equal(context(XEN_DOMCTL_sethvmcontext, ARCH_HVM_CONTEXT_MAX + 1, BUFFER), -XEN_EINVAL);
    assert_int_equal(context(XEN_DOMCTL_sethvmcontext, UINT32_MAX, BUFFER), -XEN_EINVAL);
    assert_int_equal(context(XEN_DOMCTL_sethvmcontext, 100, NOWHERE), -XEN_EFAULT);
    assert_int_equal(context(XEN_DOMCTL_gethvmcontext, 0, 0), 0);
    faults_fail_allocation(1);
    assert_int_equal(context(XEN_DOMCTL_sethvmcontext, 100, BUFFER), -XEN_ENOMEM);
    faults_fail_allocation(1);
    assert_int_equal(context(XEN_DOMCTL_gethvmcontext, 100, BUFFER), -XEN_ENOMEM);
    assert_int_equal(guest->pause_count, 0);
}

static void test_handle_and_time_offset(void **state)
{
    struct xen_domctl o = {.u.setdomainhandle.handle = {9, 8, 7}};
    uint32_t before = guest->shared_info->wc_sec;

    (void)state;
    assert_int_equal(op(&o, XEN_DOMCTL_setdomainhandle, guest->id), 0);
    assert_memory_equal(info(guest->id).handle, o.u.setdomainhandle.handle, 16);
    o = (struct xen_domctl){.u.settimeoffset.time_offset_seconds = 3600};
    assert_int_equal(op(&o, XEN_DOMCTL_settimeoffset, guest->id), 0);
    assert_int_equal(guest->shared_info->wc_sec, before + 3600);
}

// --- sysctl ---

static long sysctl_by(struct domain *d, struct xen_sysctl *o)
{
    memcpy(harness_memory(d, ARG), o, sizeof(*o));
    long rc = harness_hypercall(d->vcpus[0], __HYPERVISOR_sysctl, ARG, 0, 0);
    memcpy(o, harness_memory(d, ARG), sizeof(*o));
    return rc;
}

static long sysctl(struct xen_sysctl *o, uint32_t cmd)
{
    o->cmd = cmd;
    o->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return sysctl_by(control, o);
}

static void test_debug_keys(void **state)
{
    struct xen_sysctl o = {.u.debug_keys = {.nr_keys = 2}};

    (void)state;
    memcpy(harness_memory(control, BUFFER), "dv", 2);
    set_xen_guest_handle(o.u.debug_keys.keys, (void *)BUFFER);
    assert_int_equal(sysctl(&o, XEN_SYSCTL_debug_keys), 0);
    assert_string_equal(harness_debug_keys, "vd");
    o.u.debug_keys.nr_keys = 65;
    assert_int_equal(sysctl(&o, XEN_SYSCTL_debug_keys), -XEN_EINVAL);
    o.u.debug_keys.nr_keys = 1;
    set_xen_guest_handle(o.u.debug_keys.keys, (void *)NOWHERE);
    assert_int_equal(sysctl(&o, XEN_SYSCTL_debug_keys), -XEN_EFAULT);
}

static void test_the_envelope_of_sysctl(void **state)
{
    (void)state;
    for (uint32_t cmd = 0; cmd < 64; cmd++) {
        struct xen_sysctl o = {.cmd = cmd, .interface_version = XEN_SYSCTL_INTERFACE_VERSION};

        assert_int_equal(sysctl_by(guest, &o), -XEN_EPERM);
        o.interface_version++;
        assert_int_equal(sysctl_by(control, &o), -XEN_EACCES);
    }
    struct xen_sysctl o = {0};
    assert_int_equal(sysctl(&o, 0), -XEN_ENOSYS);
    assert_int_equal(sysctl(&o, XEN_SYSCTL_tbuf_op), -XEN_ENOSYS);
    assert_int_equal(sysctl(&o, UINT32_MAX), -XEN_ENOSYS);
    assert_int_equal(harness_hypercall(control->vcpus[0], __HYPERVISOR_sysctl, NOWHERE, 0, 0), -XEN_EFAULT);
}

static void test_figures_of_the_machine(void **state)
{
    struct xen_sysctl o = {0};

    (void)state;
    assert_int_equal(sysctl(&o, XEN_SYSCTL_physinfo), 0);
    assert_int_equal(o.u.physinfo.nr_cpus, 1);
    assert_int_equal(o.u.physinfo.total_pages, HARNESS_RAM >> PAGE_SHIFT);
    assert_int_equal(o.u.physinfo.free_pages, page_free_count());
    assert_int_equal(o.u.physinfo.max_mfn, (HARNESS_RAM >> PAGE_SHIFT) - 1);
    assert_true(o.u.physinfo.capabilities & XEN_SYSCTL_PHYSCAP_hap);
    assert_int_equal(sysctl(&o, XEN_SYSCTL_availheap), 0);
    assert_int_equal(o.u.availheap.avail_bytes, page_free_count() << PAGE_SHIFT);
    assert_int_equal(sysctl(&o, XEN_SYSCTL_sched_id), 0);
    assert_int_equal(o.u.sched_id.sched_id, 6);
    o.u.getcpuinfo.max_cpus = 100;
    set_xen_guest_handle(o.u.getcpuinfo.info, (void *)BUFFER);
    assert_int_equal(sysctl(&o, XEN_SYSCTL_getcpuinfo), 0);
    assert_int_equal(o.u.getcpuinfo.nr_cpus, 1);
    set_xen_guest_handle(o.u.getcpuinfo.info, (void *)NOWHERE);
    assert_int_equal(sysctl(&o, XEN_SYSCTL_getcpuinfo), -XEN_EFAULT);
}

static void test_list_of_domains(void **state)
{
    struct xen_domctl_getdomaininfo *list = harness_memory(control, BUFFER);
    struct xen_sysctl o = {.u.getdomaininfolist = {.max_domains = 20}};

    (void)state;
    set_xen_guest_handle(o.u.getdomaininfolist.buffer, (void *)BUFFER);
    assert_int_equal(sysctl(&o, XEN_SYSCTL_getdomaininfolist), 0);
    assert_int_equal(o.u.getdomaininfolist.num_domains, 2);
    assert_int_equal(list[0].domain, control->id);
    assert_int_equal(list[1].domain, guest->id);
    assert_int_equal(list[1].tot_pages, RAM);
    o.u.getdomaininfolist.max_domains = 1;
    o.u.getdomaininfolist.first_domain = control->id + 1;
    assert_int_equal(sysctl(&o, XEN_SYSCTL_getdomaininfolist), 0);
    assert_int_equal(o.u.getdomaininfolist.num_domains, 1);
    assert_int_equal(list[0].domain, guest->id);
    o.u.getdomaininfolist.first_domain = UINT16_MAX;
    assert_int_equal(sysctl(&o, XEN_SYSCTL_getdomaininfolist), 0);
    assert_int_equal(o.u.getdomaininfolist.num_domains, 0);
    o.u.getdomaininfolist.first_domain = 0;
    set_xen_guest_handle(o.u.getdomaininfolist.buffer, (void *)NOWHERE);
    assert_int_equal(sysctl(&o, XEN_SYSCTL_getdomaininfolist), -XEN_EFAULT);
}

static struct xen_sysctl read_console(bool clear, bool incremental, uint32_t index, uint32_t count)
{
    struct xen_sysctl o = {
        .u.readconsole = {.clear = clear, .incremental = incremental, .index = index, .count = count}};

    set_xen_guest_handle(o.u.readconsole.buffer, (void *)BUFFER);
    memset(harness_memory(control, BUFFER), 0, 100);
    assert_int_equal(sysctl(&o, XEN_SYSCTL_readconsole), 0);
    return o;
}

static void test_reading_the_log(void **state)
{
    char *text = harness_memory(control, BUFFER);
    struct xen_sysctl o;

    (void)state;
    o = read_console(true, false, 0, 0); // empties it
    log_info("first");
    o = read_console(false, false, 0, 100);
    assert_non_null(strstr(text, "first\n"));
    assert_int_equal(o.u.readconsole.count, strlen(text));
    log_info("second");
    o = read_console(false, true, o.u.readconsole.index, 100);
    assert_null(strstr(text, "first"));
    assert_non_null(strstr(text, "second\n"));
    o = read_console(false, true, o.u.readconsole.index, 100);
    assert_int_equal(o.u.readconsole.count, 0);
    o = read_console(true, false, 0, 5); // only so many bytes
    assert_int_equal(o.u.readconsole.count, 5);
    o = read_console(false, false, 0, 100);
    assert_int_equal(o.u.readconsole.count, 0);
    log_info("third");
    o = (struct xen_sysctl){.u.readconsole.count = 100};
    set_xen_guest_handle(o.u.readconsole.buffer, (void *)NOWHERE);
    assert_int_equal(sysctl(&o, XEN_SYSCTL_readconsole), -XEN_EFAULT);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_wrong_version_is_refused),
        TEST(test_only_the_control_domain_may),
        TEST(test_what_it_does_not_know),
        TEST(test_a_domain_that_is_not_there),
        TEST(test_ids_of_new_domains),
        TEST(test_unsupported_domains),
        TEST(test_the_life_of_a_domain),
        TEST(test_nothing_stays_behind_when_an_allocation_fails),
        TEST(test_destruction_is_interrupted_as_often_as_need_be),
        TEST(test_large_domains_take_several_steps),
        TEST(test_it_cannot_destroy_or_stop_itself),
        TEST(test_info_of_the_next_domain),
        TEST(test_info_of_a_vcpu),
        TEST(test_number_of_vcpus),
        TEST(test_memory_limits),
        TEST(test_the_pool_of_table_pages),
        TEST(test_hvm_contexts),
        TEST(test_handle_and_time_offset),
        TEST(test_the_envelope_of_sysctl),
        TEST(test_debug_keys),
        TEST(test_figures_of_the_machine),
        TEST(test_list_of_domains),
        TEST(test_reading_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
