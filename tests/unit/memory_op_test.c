// SPDX-License-Identifier: MIT
// HYPERVISOR_memory_op as guests and the toolstack issue it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "faults.h"
#include "harness.h"

#include <hv/softirq.h>

#include <xen/memory.h>

#define RAM      64         // pages each domain starts with
#define ARG      0x1000UL   // where a test puts the argument in the caller's memory
#define ARRAY    0x2000UL   // and an array it refers to, up to RAM pages
#define NOWHERE  0x900000UL // no memory there
#define NEW_GFN  0x1000UL   // free address space
#define PAGES_2M (1UL << ORDER_2M)

static struct domain *control, *guest, *store;

static int setup(void **state)
{
    (void)state;
    harness_init();
    control = harness_domain(PRIV_CONTROL, 1, RAM);
    guest = harness_domain(0, 1, RAM);
    store = harness_domain(PRIV_STORE, 1, RAM);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    faults_fail_allocation(0);
    faults_preempt_every(0);
    harness_destroy(store);
    if (guest)
        harness_destroy(guest);
    harness_destroy(control);
    harness_init(); // checks that everything is free again
    return 0;
}

static long raw_op(struct domain *d, uint64_t cmd, uint64_t arg)
{
    return harness_hypercall(d->vcpus[0], __HYPERVISOR_memory_op, cmd, arg, 0);
}

// Puts the argument into the caller's memory and fetches what became of it.
static long op(struct domain *d, uint64_t cmd, void *arg, size_t size)
{
    memcpy(harness_memory(d, ARG), arg, size);
    long rc = raw_op(d, cmd, ARG);
    memcpy(arg, harness_memory(d, ARG), size);
    return rc;
}

static uint64_t *array(struct domain *d)
{
    return harness_memory(d, ARRAY);
}

static enum p2m_type type_at(struct domain *d, uint64_t gfn)
{
    return p2m_lookup(d, GFN(gfn)).type;
}

static bool is_zero(struct domain *d, uint64_t gfn, uint64_t pages)
{
    static const char zeros[PAGE_SIZE];

    for (uint64_t i = 0; i < pages; i++)
        if (memcmp(harness_memory(d, (gfn + i) << PAGE_SHIFT), zeros, PAGE_SIZE) != 0)
            return false;
    return true;
}

// Leaves traces of an earlier owner in all free memory.
static void dirty_free_memory(void)
{
    for (uint64_t n = 1; page_info(MFN(n)); n++)
        if (page_info(MFN(n))->flags & PAGE_FREE)
            memset(mfn_to_virt(MFN(n)), 0xa5, PAGE_SIZE << page_info(MFN(n))->order);
}

// --- populate_physmap, decrease_reservation ---

static struct xen_memory_reservation reservation(domid_t domid, unsigned order, uint64_t count)
{
    struct xen_memory_reservation r = {.nr_extents = count, .extent_order = order, .domid = domid};

    set_xen_guest_handle(r.extent_start, (xen_pfn_t *)ARRAY);
    return r;
}

static long reserve(struct domain *d, unsigned cmd, domid_t domid, unsigned order, uint64_t count)
{
    struct xen_memory_reservation r = reservation(domid, order, count);

    return op(d, cmd, &r, sizeof(r));
}

// Asks for `count` extents in a row from NEW_GFN on.
static long populate(struct domain *d, domid_t domid, unsigned order, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        array(d)[i] = NEW_GFN + (i << order);
    return reserve(d, XENMEM_populate_physmap, domid, order, count);
}

static long decrease(struct domain *d, domid_t domid, unsigned order, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        array(d)[i] = NEW_GFN + (i << order);
    return reserve(d, XENMEM_decrease_reservation, domid, order, count);
}

static void test_populated_pages_are_zero_and_charged(void **state)
{
    (void)state;
    guest->max_pages = RAM + 5 + PAGES_2M;
    dirty_free_memory();
    assert_int_equal(populate(guest, DOMID_SELF, 0, 5), 5);
    assert_true(is_zero(guest, NEW_GFN, 5));
    assert_int_equal(guest->tot_pages, RAM + 5);
    array(guest)[0] = 2 * NEW_GFN;
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, DOMID_SELF, ORDER_2M, 1), 1);
    assert_int_equal(p2m_lookup(guest, GFN(2 * NEW_GFN)).order, ORDER_2M);
    assert_true(is_zero(guest, 2 * NEW_GFN, PAGES_2M));
    assert_int_equal(guest->tot_pages, guest->max_pages);
    assert_int_equal(populate(guest, DOMID_SELF, 0, 1), 0);
}

static void test_populate_stops_at_the_limit(void **state)
{
    (void)state;
    guest->max_pages = RAM + 3;
    assert_int_equal(populate(guest, DOMID_SELF, 0, 10), 3);
    assert_int_equal(guest->tot_pages, RAM + 3);
    assert_int_equal(type_at(guest, NEW_GFN + 2), P2M_RAM);
    assert_int_equal(type_at(guest, NEW_GFN + 3), P2M_HOLE);
}

static void test_populate_never_replaces(void **state)
{
    (void)state;
    guest->max_pages = RAM + 10 + PAGES_2M;
    array(guest)[0] = NEW_GFN;
    array(guest)[1] = 7; // RAM already
    array(guest)[2] = NEW_GFN + 1;
    mfn_t there = p2m_lookup(guest, GFN(7)).mfn;
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, DOMID_SELF, 0, 3), 1);
    assert_int_equal(p2m_lookup(guest, GFN(7)).mfn.n, there.n);
    assert_int_equal(guest->tot_pages, RAM + 1);
    array(guest)[0] = ALIGN_DOWN(NEW_GFN, PAGES_2M);
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, DOMID_SELF, ORDER_2M, 1), 0);
    assert_int_equal(guest->tot_pages, RAM + 1);
}

static void test_who_may_populate_whom(void **state)
{
    (void)state;
    guest->max_pages = control->max_pages = RAM + 10;
    assert_int_equal(populate(control, guest->id, 0, 2), 2);
    assert_int_equal(guest->tot_pages, RAM + 2);
    assert_int_equal(populate(guest, control->id, 0, 2), -XEN_EPERM);
    assert_int_equal(populate(store, guest->id, 0, 2), -XEN_EPERM);
    assert_int_equal(populate(guest, guest->id, 0, 2), 0); // may, but it is there already
    assert_int_equal(populate(control, 4711, 0, 2), -XEN_ESRCH);
    assert_int_equal(populate(control, DOMID_IO, 0, 2), -XEN_ESRCH);
    assert_int_equal(decrease(guest, control->id, 0, 1), -XEN_EPERM);
    assert_int_equal(decrease(control, guest->id, 0, 2), 2);
    assert_int_equal(guest->tot_pages, RAM);
}

static void test_hostile_reservations(void **state)
{
    struct xen_memory_reservation r = reservation(DOMID_SELF, 0, ~0UL);

    (void)state;
    guest->max_pages = RAM + 10;
    assert_int_equal(op(guest, XENMEM_populate_physmap, &r, sizeof(r)), -XEN_EINVAL);
    assert_int_equal(populate(guest, DOMID_SELF, ORDER_2M + 1, 1), -XEN_EINVAL);
    assert_int_equal(populate(control, DOMID_SELF, ORDER_1G + 1, 1), -XEN_EINVAL);
    r = reservation(DOMID_SELF, UINT32_MAX, 1);
    assert_int_equal(op(control, XENMEM_populate_physmap, &r, sizeof(r)), -XEN_EINVAL);
    assert_int_equal(raw_op(guest, XENMEM_populate_physmap, NOWHERE), -XEN_EFAULT);
    assert_int_equal(raw_op(guest, XENMEM_populate_physmap, ~0UL), -XEN_EFAULT);
    // More done than there is: no continuation of ours.
    r = reservation(DOMID_SELF, 0, 3);
    assert_int_equal(op(guest, XENMEM_populate_physmap | 4UL << 6, &r, sizeof(r)), -XEN_EINVAL);
    r.extent_start.p = (void *)NOWHERE;
    assert_int_equal(op(guest, XENMEM_populate_physmap, &r, sizeof(r)), 0);
    r.extent_start.p = (void *)~7UL;
    assert_int_equal(op(guest, XENMEM_decrease_reservation, &r, sizeof(r)), 0);
    array(guest)[0] = ~0UL;
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, DOMID_SELF, 0, 1), 0);
    assert_int_equal(reserve(guest, XENMEM_decrease_reservation, DOMID_SELF, ORDER_2M, 1), 0);
    array(guest)[0] = NEW_GFN + 1; // out of step: allowed, in small leaves, if only there is room
    assert_int_equal(reserve(guest, XENMEM_populate_physmap, DOMID_SELF, 3, 1), 1);
    assert_int_equal(guest->tot_pages, RAM + 8);
}

static void test_decrease_gives_back_ram_only(void **state)
{
    uint64_t free_pages;

    (void)state;
    guest->max_pages = RAM + 10;
    assert_int_equal(populate(guest, DOMID_SELF, 0, 4), 4);
    free_pages = page_free_count();
    array(guest)[0] = NEW_GFN;
    array(guest)[1] = NEW_GFN + 3;
    array(guest)[2] = NEW_GFN + 4; // a hole
    array(guest)[3] = NEW_GFN + 1;
    assert_int_equal(reserve(guest, XENMEM_decrease_reservation, DOMID_SELF, 0, 4), 2);
    assert_int_equal(guest->tot_pages, RAM + 2);
    assert_int_equal(page_free_count(), free_pages + 2);
    assert_int_equal(type_at(guest, NEW_GFN), P2M_HOLE);
    struct xen_add_to_physmap shared = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = NEW_GFN};
    assert_int_equal(op(guest, XENMEM_add_to_physmap, &shared, sizeof(shared)), 0);
    array(guest)[0] = NEW_GFN;
    assert_int_equal(reserve(guest, XENMEM_decrease_reservation, DOMID_SELF, 0, 1), 0);
    assert_int_equal(type_at(guest, NEW_GFN), P2M_SHARED);
}

static void test_a_continuation_goes_on_exactly_where_it_was(void **state)
{
    (void)state;
    guest->max_pages = RAM + 200;
    for (unsigned every = 1; every < 8; every++) {
        faults_preempt_every(every);
        assert_int_equal(populate(guest, DOMID_SELF, 0, 150), 150);
        assert_int_equal(faults_preempted, 149 / every);
        assert_int_equal(guest->tot_pages, RAM + 150);
        assert_int_equal(decrease(guest, DOMID_SELF, 0, 150), 150);
        assert_int_equal(guest->tot_pages, RAM);
    }
}

static void test_large_extents_are_scrubbed_across_continuations(void **state)
{
    (void)state;
    guest->max_pages = 100000;
    for (unsigned every = 0; every < 4; every++) {
        dirty_free_memory();
        faults_preempt_every(every);
        assert_int_equal(populate(control, guest->id, 12, 2), 2);
        assert_true(is_zero(guest, NEW_GFN, 2UL << 12));
        assert_int_equal(guest->tot_pages, RAM + (2UL << 12));
        if (every)
            assert_true(faults_preempted >= 8 / every);
        faults_preempt_every(0);
        assert_int_equal(decrease(control, guest->id, ORDER_2M, 16), 16);
    }
}

// Issues the call once, without going on with it.
static long begin_large_populate(struct hypercall *call, unsigned order)
{
    struct xen_memory_reservation r = reservation(guest->id, order, 1);

    array(control)[0] = NEW_GFN;
    memcpy(harness_memory(control, ARG), &r, sizeof(r));
    *call = (struct hypercall){.nr = __HYPERVISOR_memory_op, .args = {XENMEM_populate_physmap, ARG}};
    harness_enter(control->vcpus[0]);
    return hypercall_dispatch(control->vcpus[0], call);
}

static void test_an_extent_nobody_comes_back_for(void **state)
{
    struct hypercall call;

    (void)state;
    guest->max_pages = 100000;
    faults_preempt_every(1);
    assert_int_equal(begin_large_populate(&call, 11), HYPERCALL_CONTINUE);
    assert_int_equal(guest->tot_pages, RAM + (1UL << 11));
    // Another order instead: the first extent is freed.
    assert_int_equal(begin_large_populate(&call, 10), HYPERCALL_CONTINUE);
    assert_int_equal(guest->tot_pages, RAM + (1UL << 10));
    // The domain goes, and the extent with it.
    harness_destroy(guest);
    guest = NULL;
    assert_int_equal(hypercall_dispatch(control->vcpus[0], &call), -XEN_ESRCH);
}

static void test_populate_fails_cleanly_at_every_allocation(void **state)
{
    bool failed = true;

    (void)state;
    guest->max_pages = RAM + 8;
    for (unsigned n = 1; failed; n++) {
        faults_fail_allocation(n);
        long done = populate(guest, DOMID_SELF, 0, 8);
        failed = faults_allocation_failed();
        assert_int_equal(done == 8, !failed);
        assert_int_equal(guest->tot_pages, RAM + done);
        faults_fail_allocation(0);
        if (done)
            assert_int_equal(decrease(guest, DOMID_SELF, 0, done), done);
    }
}

// --- add_to_physmap ---

static long add(struct domain *d, domid_t domid, unsigned space, uint64_t idx, uint64_t gfn)
{
    struct xen_add_to_physmap a = {.domid = domid, .space = space, .idx = idx, .gpfn = gfn};

    return op(d, XENMEM_add_to_physmap, &a, sizeof(a));
}

static void test_shared_info_is_mapped(void **state)
{
    (void)state;
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_shared_info, 0, NEW_GFN), 0);
    assert_ptr_equal(harness_memory(guest, NEW_GFN << PAGE_SHIFT), guest->shared_info);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_shared_info, 1, NEW_GFN + 1), -XEN_EINVAL);
    // In place of RAM, which is freed; and once more, after a kexec.
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_shared_info, 0, 20), 0);
    assert_int_equal(guest->tot_pages, RAM - 1);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_shared_info, 0, 20), 0);
    assert_int_equal(page_info(guest->shared_info_mfn)->refs, 3);
}

static void test_grant_frames_are_mapped_and_grow(void **state)
{
    unsigned max = guest->gnttab.max_frames;

    (void)state;
    assert_int_equal(guest->gnttab.nr_frames, 0);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_grant_table, 2, NEW_GFN), 0);
    assert_int_equal(guest->gnttab.nr_frames, 3);
    assert_ptr_equal(harness_memory(guest, NEW_GFN << PAGE_SHIFT), guest->gnttab.shared[2]);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_grant_table, max - 1, NEW_GFN + 1), 0);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_grant_table, max, NEW_GFN + 2), -XEN_EINVAL);
    assert_int_equal(
        add(guest, DOMID_SELF, XENMAPSPACE_grant_table, XENMAPIDX_grant_table_status, NEW_GFN + 2),
        -XEN_EINVAL);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_grant_table, 1UL << 32, NEW_GFN + 2), -XEN_EINVAL);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_grant_table, ~0UL, NEW_GFN + 2), -XEN_EINVAL);
    assert_int_equal(type_at(guest, NEW_GFN + 2), P2M_HOLE);
}

static void test_hostile_places_and_spaces(void **state)
{
    (void)state;
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_shared_info, 0, ~0UL), -XEN_EINVAL);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_shared_info, 0, 1UL << 52), -XEN_EINVAL);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_gmfn_foreign, 0, NEW_GFN), -XEN_ENOSYS);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_dev_mmio, 0, NEW_GFN), -XEN_ENOSYS);
    assert_int_equal(add(guest, DOMID_SELF, 99, 0, NEW_GFN), -XEN_ENOSYS);
    assert_int_equal(add(guest, control->id, XENMAPSPACE_shared_info, 0, NEW_GFN), -XEN_EPERM);
    assert_int_equal(add(control, 4711, XENMAPSPACE_shared_info, 0, NEW_GFN), -XEN_ESRCH);
    assert_int_equal(raw_op(guest, XENMEM_add_to_physmap, NOWHERE), -XEN_EFAULT);
    assert_int_equal(page_info(guest->shared_info_mfn)->refs, 1);
}

static void test_a_page_is_moved(void **state)
{
    mfn_t mfn = p2m_lookup(guest, GFN(20)).mfn;

    (void)state;
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_gmfn, 20, NEW_GFN), 0);
    assert_int_equal(type_at(guest, 20), P2M_HOLE);
    assert_int_equal(p2m_lookup(guest, GFN(NEW_GFN)).mfn.n, mfn.n);
    assert_int_equal(page_info(mfn)->refs, 1);
    assert_int_equal(guest->tot_pages, RAM);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_gmfn, NEW_GFN, NEW_GFN), 0); // onto itself
    assert_int_equal(page_info(mfn)->refs, 1);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_gmfn, NEW_GFN, 21), 0); // over another
    assert_int_equal(guest->tot_pages, RAM - 1);
    assert_int_equal(p2m_lookup(guest, GFN(21)).mfn.n, mfn.n);
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_gmfn, 20, NEW_GFN), -XEN_EINVAL); // from a hole
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_gmfn, ~0UL, NEW_GFN), -XEN_EINVAL);
    // A page is never lost for want of a place.
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_gmfn, 21, ~0UL), -XEN_EINVAL);
    guest->p2m.pool_limit = guest->p2m.pool_pages;
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_gmfn, 21, 16 * NEW_GFN), -XEN_ENOMEM);
    assert_int_equal(p2m_lookup(guest, GFN(21)).mfn.n, mfn.n);
    assert_int_equal(page_info(mfn)->refs, 1);
}

static void test_a_page_that_cannot_leave_is_not_at_two_places(void **state)
{
    (void)state;
    guest->max_pages = RAM + PAGES_2M;
    assert_int_equal(populate(guest, DOMID_SELF, ORDER_2M, 1), 1);
    mfn_t mfn = p2m_lookup(guest, GFN(NEW_GFN + 5)).mfn;
    guest->p2m.pool_limit = guest->p2m.pool_pages; // the large leaf can't be cut
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_gmfn, NEW_GFN + 5, RAM), -XEN_ENOMEM);
    assert_int_equal(type_at(guest, RAM), P2M_HOLE);
    assert_int_equal(p2m_lookup(guest, GFN(NEW_GFN + 5)).mfn.n, mfn.n);
    assert_int_equal(page_info(mfn)->refs, 1);
}

static void test_a_range_is_moved_across_continuations(void **state)
{
    struct xen_add_to_physmap a = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_range, .size = 30, .idx = 20, .gpfn = NEW_GFN};
    mfn_t first = p2m_lookup(guest, GFN(20)).mfn, last = p2m_lookup(guest, GFN(49)).mfn;

    (void)state;
    faults_preempt_every(1);
    assert_int_equal(op(guest, XENMEM_add_to_physmap, &a, sizeof(a)), 0);
    assert_int_equal(faults_preempted, 29);
    assert_int_equal(p2m_lookup(guest, GFN(NEW_GFN)).mfn.n, first.n);
    assert_int_equal(p2m_lookup(guest, GFN(NEW_GFN + 29)).mfn.n, last.n);
    assert_int_equal(type_at(guest, 49), P2M_HOLE);
    assert_int_equal(guest->tot_pages, RAM);
    a.size = 0;
    assert_int_equal(op(guest, XENMEM_add_to_physmap, &a, sizeof(a)), 0);
}

// --- add_to_physmap_batch ---

#define IDXS  0x4000UL
#define GPFNS 0x6000UL
#define ERRS  0x8000UL

static struct xen_add_to_physmap_batch batch(domid_t domid, unsigned space, domid_t foreign, unsigned size)
{
    struct xen_add_to_physmap_batch b = {
        .domid = domid, .space = space, .size = size, .u.foreign_domid = foreign};

    set_xen_guest_handle(b.idxs, (xen_ulong_t *)IDXS);
    set_xen_guest_handle(b.gpfns, (xen_pfn_t *)GPFNS);
    set_xen_guest_handle(b.errs, (int *)ERRS);
    return b;
}

// Maps the foreign domain's pages from gfn 30 on at NEW_GFN.
static long map_foreign(struct domain *d, domid_t domid, domid_t foreign, unsigned count)
{
    struct xen_add_to_physmap_batch b = batch(domid, XENMAPSPACE_gmfn_foreign, foreign, count);
    uint64_t *idxs = harness_memory(d, IDXS), *gpfns = harness_memory(d, GPFNS);
    int *errs = harness_memory(d, ERRS);

    for (unsigned i = 0; i < count; i++) {
        idxs[i] = 30 + i;
        gpfns[i] = NEW_GFN + i;
        errs[i] = 99;
    }
    return op(d, XENMEM_add_to_physmap_batch, &b, sizeof(b));
}

static int err(struct domain *d, unsigned i)
{
    return ((int *)harness_memory(d, ERRS))[i];
}

static void test_foreign_pages_are_shared_and_outlive_their_owner(void **state)
{
    char *theirs = harness_memory(guest, 30UL << PAGE_SHIFT);
    uint64_t free_pages;

    (void)state;
    assert_int_equal(map_foreign(control, DOMID_SELF, guest->id, 2), 0);
    assert_int_equal(err(control, 0), 0);
    assert_int_equal(err(control, 1), 0);
    assert_int_equal(type_at(control, NEW_GFN), P2M_FOREIGN);
    assert_ptr_equal(harness_memory(control, NEW_GFN << PAGE_SHIFT), theirs);
    assert_int_equal(map_foreign(control, DOMID_SELF, guest->id, 1), 0);
    assert_int_equal(err(control, 0), -XEN_EEXIST); // a mapping is not replaced by another
    assert_int_equal(control->tot_pages, RAM);
    domid_t id = guest->id;
    strcpy(theirs, "still here");
    harness_destroy(guest);
    assert_string_equal(harness_memory(control, NEW_GFN << PAGE_SHIFT), "still here");
    guest = domain_lookup_dying_too(id);
    assert_int_equal(guest->tot_pages, 2);
    domain_put(guest);
    guest = NULL;
    free_pages = page_free_count();
    for (unsigned i = 0; i < 2; i++) {
        struct xen_remove_from_physmap r = {.domid = DOMID_SELF, .gpfn = NEW_GFN + i};

        assert_int_equal(op(control, XENMEM_remove_from_physmap, &r, sizeof(r)), 0);
    }
    assert_true(page_free_count() >= free_pages + 2);
    assert_null(domain_lookup_dying_too(id));
}

static void test_who_may_map_whom(void **state)
{
    (void)state;
    assert_int_equal(map_foreign(guest, DOMID_SELF, control->id, 1), -XEN_EPERM);
    assert_int_equal(map_foreign(guest, DOMID_SELF, store->id, 1), -XEN_EPERM);
    assert_int_equal(err(guest, 0), 99);
    assert_int_equal(map_foreign(store, DOMID_SELF, guest->id, 1), 0);
    assert_int_equal(err(store, 0), 0);
    assert_int_equal(map_foreign(store, guest->id, control->id, 1), -XEN_EPERM); // into another
    assert_int_equal(map_foreign(control, DOMID_SELF, 4711, 1), -XEN_ESRCH);
    assert_int_equal(map_foreign(control, 4711, guest->id, 1), -XEN_ESRCH);
}

static void test_only_ram_is_mapped_by_others(void **state)
{
    (void)state;
    assert_int_equal(add(guest, DOMID_SELF, XENMAPSPACE_shared_info, 0, 31), 0);
    struct xen_remove_from_physmap r = {.domid = DOMID_SELF, .gpfn = 32};
    assert_int_equal(op(guest, XENMEM_remove_from_physmap, &r, sizeof(r)), 0);
    assert_int_equal(map_foreign(control, DOMID_SELF, guest->id, 4), 0);
    assert_int_equal(err(control, 0), 0);
    assert_int_equal(err(control, 1), -XEN_EINVAL); // the hypervisor's
    assert_int_equal(err(control, 2), -XEN_EINVAL); // nothing
    assert_int_equal(err(control, 3), 0);
    // Nor can a mapping be passed on.
    assert_int_equal(add(control, DOMID_SELF, XENMAPSPACE_gmfn, NEW_GFN, NEW_GFN + 10), -XEN_EINVAL);
    array(control)[0] = NEW_GFN;
    assert_int_equal(reserve(control, XENMEM_decrease_reservation, DOMID_SELF, 0, 1), 0);
}

static void test_batches_go_on_after_other_work(void **state)
{
    struct xen_add_to_physmap_batch b = batch(DOMID_SELF, XENMAPSPACE_grant_table, 0, 500);
    uint64_t *idxs = harness_memory(guest, IDXS), *gpfns = harness_memory(guest, GPFNS);

    (void)state;
    for (unsigned i = 0; i < 500; i++) {
        idxs[i] = i % 64;
        gpfns[i] = NEW_GFN + i;
    }
    faults_preempt_every(1);
    assert_int_equal(op(guest, XENMEM_add_to_physmap_batch, &b, sizeof(b)), 0);
    assert_int_equal(faults_preempted, 500 / 64);
    for (unsigned i = 0; i < 500; i++) {
        assert_int_equal(err(guest, i), 0);
        assert_ptr_equal(harness_memory(guest, (NEW_GFN + i) << PAGE_SHIFT), guest->gnttab.shared[i % 64]);
    }
}

static void test_hostile_batches(void **state)
{
    struct xen_add_to_physmap_batch b = batch(DOMID_SELF, XENMAPSPACE_shared_info, 0, 1);

    (void)state;
    memset(harness_memory(guest, IDXS), 0, 8);
    *(uint64_t *)harness_memory(guest, GPFNS) = NEW_GFN;
    b.idxs.p = (void *)NOWHERE;
    assert_int_equal(op(guest, XENMEM_add_to_physmap_batch, &b, sizeof(b)), -XEN_EFAULT);
    b = batch(DOMID_SELF, XENMAPSPACE_shared_info, 0, 1);
    b.gpfns.p = (void *)~0UL;
    assert_int_equal(op(guest, XENMEM_add_to_physmap_batch, &b, sizeof(b)), -XEN_EFAULT);
    assert_int_equal(type_at(guest, NEW_GFN), P2M_HOLE);
    b = batch(DOMID_SELF, XENMAPSPACE_shared_info, 0, 1);
    b.errs.p = (void *)NOWHERE;
    assert_int_equal(op(guest, XENMEM_add_to_physmap_batch, &b, sizeof(b)), -XEN_EFAULT);
    b = batch(DOMID_SELF, XENMAPSPACE_gmfn_range, 0, 1);
    assert_int_equal(op(guest, XENMEM_add_to_physmap_batch, &b, sizeof(b)), -XEN_ENOSYS);
    b = batch(DOMID_SELF, XENMAPSPACE_shared_info, 0, 0);
    assert_int_equal(op(guest, XENMEM_add_to_physmap_batch, &b, sizeof(b)), 0);
    b = batch(DOMID_SELF, XENMAPSPACE_shared_info, 0, 1);
    assert_int_equal(op(guest, XENMEM_add_to_physmap_batch | 99UL << 6, &b, sizeof(b)), 0);
    assert_int_equal(raw_op(guest, XENMEM_add_to_physmap_batch, NOWHERE), -XEN_EFAULT);
}

static void test_remove_from_physmap(void **state)
{
    struct xen_remove_from_physmap r = {.domid = DOMID_SELF, .gpfn = 33};

    (void)state;
    assert_int_equal(op(guest, XENMEM_remove_from_physmap, &r, sizeof(r)), 0);
    assert_int_equal(guest->tot_pages, RAM - 1);
    assert_int_equal(op(guest, XENMEM_remove_from_physmap, &r, sizeof(r)), -XEN_ENOENT);
    r.gpfn = ~0UL;
    assert_int_equal(op(guest, XENMEM_remove_from_physmap, &r, sizeof(r)), -XEN_ENOENT);
    r.domid = control->id;
    assert_int_equal(op(guest, XENMEM_remove_from_physmap, &r, sizeof(r)), -XEN_EPERM);
    r = (struct xen_remove_from_physmap){.domid = guest->id, .gpfn = 34};
    assert_int_equal(op(control, XENMEM_remove_from_physmap, &r, sizeof(r)), 0);
    assert_int_equal(guest->tot_pages, RAM - 2);
}

// --- acquire_resource ---

static struct xen_mem_acquire_resource resource(domid_t domid, uint64_t frame, uint32_t count)
{
    struct xen_mem_acquire_resource r = {
        .domid = domid, .type = XENMEM_resource_grant_table, .frame = frame, .nr_frames = count};

    set_xen_guest_handle(r.frame_list, (xen_pfn_t *)ARRAY);
    return r;
}

static long acquire(struct domain *d, struct xen_mem_acquire_resource r)
{
    return op(d, XENMEM_acquire_resource, &r, sizeof(r));
}

static void test_the_toolstack_maps_grant_frames(void **state)
{
    struct xen_mem_acquire_resource r = resource(guest->id, 0, 0);

    (void)state;
    r.frame_list.p = NULL;
    assert_int_equal(op(control, XENMEM_acquire_resource, &r, sizeof(r)), 0);
    assert_int_equal(r.nr_frames, guest->gnttab.max_frames);
    array(control)[0] = NEW_GFN;
    array(control)[1] = NEW_GFN + 1;
    assert_int_equal(acquire(control, resource(guest->id, 3, 2)), 0);
    assert_ptr_equal(harness_memory(control, (NEW_GFN + 1) << PAGE_SHIFT), guest->gnttab.shared[4]);
    assert_int_equal(type_at(control, NEW_GFN), P2M_FOREIGN);
    // The frames stay while the toolstack has them.
    harness_destroy(guest);
    guest = NULL;
    memset(harness_memory(control, NEW_GFN << PAGE_SHIFT), 1, PAGE_SIZE);
}

static void test_hostile_resources(void **state)
{
    struct xen_mem_acquire_resource r;
    uint32_t max = guest->gnttab.max_frames;

    (void)state;
    array(control)[0] = array(guest)[0] = NEW_GFN;
    assert_int_equal(acquire(guest, resource(control->id, 0, 1)), -XEN_EPERM);
    assert_int_equal(acquire(guest, resource(DOMID_SELF, 0, 1)), -XEN_EPERM);
    assert_int_equal(acquire(control, resource(4711, 0, 1)), -XEN_ESRCH);
    assert_int_equal(acquire(control, resource(guest->id, max, 1)), -XEN_EINVAL);
    assert_int_equal(acquire(control, resource(guest->id, ~0UL, 1)), -XEN_EINVAL);
    assert_int_equal(acquire(control, resource(guest->id, 1, UINT32_MAX)), -XEN_EINVAL);
    r = resource(guest->id, 0, 1);
    r.pad = 1;
    assert_int_equal(acquire(control, r), -XEN_EINVAL);
    r = resource(guest->id, 0, 1);
    r.frame_list.p = NULL;
    assert_int_equal(acquire(control, r), -XEN_EINVAL);
    r = resource(guest->id, 0, 1);
    r.type = XENMEM_resource_ioreq_server;
    assert_int_equal(acquire(control, r), -XEN_EOPNOTSUPP);
    r = resource(guest->id, 0, 1);
    r.id = XENMEM_resource_grant_table_id_status;
    assert_int_equal(acquire(control, r), -XEN_EOPNOTSUPP);
    r = resource(guest->id, 0, 1);
    r.frame_list.p = (void *)NOWHERE;
    assert_int_equal(acquire(control, r), -XEN_EFAULT);
    assert_int_equal(raw_op(control, XENMEM_acquire_resource, NOWHERE), -XEN_EFAULT);
    array(control)[0] = ~0UL;
    assert_int_equal(acquire(control, resource(guest->id, 0, 1)), -XEN_EINVAL);
    array(control)[0] = NEW_GFN;
    array(control)[1] = ~0UL;
    assert_int_equal(acquire(control, resource(guest->id, 0, 2)), -XEN_EIO); // the first one is mapped
    assert_int_equal(type_at(control, NEW_GFN), P2M_FOREIGN);
}

// --- memory maps, figures ---

static long set_map(struct domain *d, domid_t domid, uint32_t entries)
{
    struct xen_foreign_memory_map m = {.domid = domid, .map.nr_entries = entries};

    set_xen_guest_handle(m.map.buffer, (void *)ARRAY);
    return op(d, XENMEM_set_memory_map, &m, sizeof(m));
}

static long get_map(struct domain *d, unsigned cmd, uint32_t *entries, uint64_t buffer)
{
    struct xen_memory_map m = {.nr_entries = *entries};

    set_xen_guest_handle(m.buffer, (void *)buffer);
    long rc = op(d, cmd, &m, sizeof(m));
    *entries = m.nr_entries;
    return rc;
}

static void test_memory_maps(void **state)
{
    struct e820_entry *map = harness_memory(control, ARRAY), *got = harness_memory(guest, ARRAY);
    uint32_t n = 10;

    (void)state;
    assert_int_equal(get_map(guest, XENMEM_memory_map, &n, ARRAY), -XEN_ENOSYS);
    map[0] = (struct e820_entry){0, 0x10000, 1};
    map[1] = (struct e820_entry){0xfee00000, 0x1000, 2};
    assert_int_equal(set_map(control, guest->id, 2), 0);
    assert_int_equal(get_map(guest, XENMEM_memory_map, &n, ARRAY), 0);
    assert_int_equal(n, 2);
    assert_memory_equal(got, map, 2 * sizeof(*map));
    n = 1; // as many as there is room for
    memset(got, 0xff, 2 * sizeof(*got));
    assert_int_equal(get_map(guest, XENMEM_memory_map, &n, ARRAY), 0);
    assert_int_equal(n, 1);
    assert_int_equal(got[0].size, 0x10000);
    assert_int_equal(got[1].type, UINT32_MAX);
    assert_int_equal(set_map(control, guest->id, 128), 0); // in place of the first
    n = 1000;
    assert_int_equal(get_map(guest, XENMEM_memory_map, &n, ARRAY), 0);
    assert_int_equal(n, 128);
}

static void test_hostile_memory_maps(void **state)
{
    struct xen_foreign_memory_map m = {.domid = guest->id, .map.nr_entries = 5};
    uint32_t n = 5;

    (void)state;
    assert_int_equal(set_map(control, guest->id, 129), -XEN_EINVAL);
    assert_int_equal(set_map(control, guest->id, UINT32_MAX), -XEN_EINVAL);
    assert_int_equal(set_map(guest, control->id, 1), -XEN_EPERM);
    assert_int_equal(set_map(control, 4711, 1), -XEN_ESRCH);
    m.map.buffer.p = (void *)NOWHERE;
    assert_int_equal(op(control, XENMEM_set_memory_map, &m, sizeof(m)), -XEN_EFAULT);
    assert_int_equal(raw_op(control, XENMEM_set_memory_map, NOWHERE), -XEN_EFAULT);
    assert_int_equal(set_map(control, guest->id, 5), 0);
    assert_int_equal(get_map(guest, XENMEM_memory_map, &n, NOWHERE), -XEN_EFAULT);
    assert_int_equal(raw_op(guest, XENMEM_memory_map, NOWHERE), -XEN_EFAULT);
    faults_fail_allocation(1);
    assert_int_equal(set_map(control, guest->id, 3), -XEN_ENOMEM);
    assert_int_equal(guest->nr_memory_map, 5);
}

static void test_the_machines_map_is_for_its_owner(void **state)
{
    struct e820_entry *got;
    uint32_t n = 10;

    (void)state;
    assert_int_equal(get_map(guest, XENMEM_machine_memory_map, &n, ARRAY), -XEN_EPERM);
    assert_int_equal(get_map(control, XENMEM_machine_memory_map, &n, ARRAY), -XEN_EPERM);
    struct domain *hardware = harness_domain(PRIV_HARDWARE, 1, RAM);
    assert_int_equal(get_map(hardware, XENMEM_machine_memory_map, &n, ARRAY), 0);
    assert_int_equal(n, 1);
    got = harness_memory(hardware, ARRAY);
    assert_int_equal(got[0].size, HARNESS_RAM);
    assert_int_equal(get_map(hardware, XENMEM_machine_memory_map, &n, NOWHERE), -XEN_EFAULT);
    harness_destroy(hardware);
}

static void test_figures(void **state)
{
    domid_t self = DOMID_SELF, theirs = guest->id, nobody = 4711;

    (void)state;
    guest->max_pages = 1000;
    assert_int_equal(op(guest, XENMEM_current_reservation, &self, sizeof(self)), RAM);
    assert_int_equal(op(guest, XENMEM_maximum_reservation, &self, sizeof(self)), 1000);
    assert_int_equal(op(guest, XENMEM_maximum_gpfn, &self, sizeof(self)), RAM - 1);
    assert_int_equal(op(control, XENMEM_maximum_reservation, &theirs, sizeof(theirs)), 1000);
    assert_int_equal(op(store, XENMEM_maximum_reservation, &theirs, sizeof(theirs)), -XEN_EPERM);
    assert_int_equal(op(control, XENMEM_maximum_gpfn, &nobody, sizeof(nobody)), -XEN_ESRCH);
    assert_int_equal(raw_op(guest, XENMEM_current_reservation, NOWHERE), -XEN_EFAULT);
    assert_int_equal(raw_op(guest, XENMEM_maximum_ram_page, 0), (HARNESS_RAM >> PAGE_SHIFT) - 1);
    assert_int_equal(raw_op(guest, XENMEM_get_sharing_freed_pages, 0), 0);
    assert_int_equal(raw_op(guest, XENMEM_get_sharing_shared_pages, 0), 0);
    for (unsigned cmd = 29; cmd < 64; cmd++)
        assert_int_equal(raw_op(guest, cmd, ARG), -XEN_ENOSYS);
    assert_int_equal(raw_op(guest, XENMEM_exchange, ARG), -XEN_ENOSYS);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_populated_pages_are_zero_and_charged),
        TEST(test_populate_stops_at_the_limit),
        TEST(test_populate_never_replaces),
        TEST(test_who_may_populate_whom),
        TEST(test_hostile_reservations),
        TEST(test_decrease_gives_back_ram_only),
        TEST(test_a_continuation_goes_on_exactly_where_it_was),
        TEST(test_large_extents_are_scrubbed_across_continuations),
        TEST(test_an_extent_nobody_comes_back_for),
        TEST(test_populate_fails_cleanly_at_every_allocation),
        TEST(test_shared_info_is_mapped),
        TEST(test_grant_frames_are_mapped_and_grow),
        TEST(test_hostile_places_and_spaces),
        TEST(test_a_page_is_moved),
        TEST(test_a_page_that_cannot_leave_is_not_at_two_places),
        TEST(test_a_range_is_moved_across_continuations),
        TEST(test_foreign_pages_are_shared_and_outlive_their_owner),
        TEST(test_who_may_map_whom),
        TEST(test_only_ram_is_mapped_by_others),
        TEST(test_batches_go_on_after_other_work),
        TEST(test_hostile_batches),
        TEST(test_remove_from_physmap),
        TEST(test_the_toolstack_maps_grant_frames),
        TEST(test_hostile_resources),
        TEST(test_memory_maps),
        TEST(test_hostile_memory_maps),
        TEST(test_the_machines_map_is_for_its_owner),
        TEST(test_figures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
