// SPDX-License-Identifier: MIT
// Grant tables: mapping, unmapping and copying between two domains, what the granter's entries say meanwhile,
// and each of them dying first. References and use counts return to what they were.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "faults.h"
#include "harness.h"
#include "random.h"

#include <hv/guest_access.h>
#include <hv/softirq.h>

#define RAM     64
#define ARG     0x1000UL   // where a test puts the operations in the caller's memory
#define ARRAY   0x8000UL   // and an array one of them refers to
#define NOWHERE 0x900000UL // no memory there
#define NEW_GFN 0x1000UL   // free address space
#define PAGE    40UL       // gfn of the page that is granted
#define REF     9U

static struct domain *granter, *mapper, *other;

static int setup(void **state)
{
    mfn_t mfn;

    (void)state;
    harness_init();
    granter = harness_domain(0, 1, RAM);
    mapper = harness_domain(PRIV_HARDWARE, 1, RAM);
    other = harness_domain(0, 1, RAM);
    return gnttab_get_frame(granter, 1, &mfn);
}

static int teardown(void **state)
{
    (void)state;
    faults_fail_allocation(0);
    faults_preempt_every(0);
    if (mapper)
        harness_destroy(mapper);
    if (granter)
        harness_destroy(granter);
    harness_destroy(other);
    harness_init(); // checks that everything is free again
    return 0;
}

static long raw_op(struct domain *d, uint64_t cmd, uint64_t arg, uint64_t count)
{
    return harness_hypercall(d->vcpus[0], __HYPERVISOR_grant_table_op, cmd, arg, count);
}

// Puts operations into the caller's memory and fetches what became of them.
static long op(struct domain *d, uint64_t cmd, void *arg, size_t size, unsigned count)
{
    memcpy(harness_memory(d, ARG), arg, size * count);
    long rc = raw_op(d, cmd, ARG, count);
    memcpy(arg, harness_memory(d, ARG), size * count);
    return rc;
}

static grant_entry_v1_t *entry(grant_ref_t ref)
{
    return &granter->gnttab.shared[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
}

static void grant(grant_ref_t ref, const struct domain *to, uint64_t gfn, uint16_t flags)
{
    entry(ref)->domid = to->id;
    entry(ref)->frame = gfn;
    entry(ref)->flags = GTF_permit_access | flags;
}

static uint16_t in_use(grant_ref_t ref)
{
    return entry(ref)->flags & (GTF_reading | GTF_writing);
}

static uint32_t refs(struct domain *d, uint64_t gfn)
{
    return page_info(p2m_lookup(d, GFN(gfn)).mfn)->refs;
}

static enum p2m_type type_at(struct domain *d, uint64_t gfn)
{
    return p2m_lookup(d, GFN(gfn)).type;
}

static int map_at(grant_ref_t ref, uint32_t flags, uint64_t gfn, grant_handle_t *handle)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = gfn << PAGE_SHIFT, .flags = GNTMAP_host_map | flags, .ref = ref, .dom = granter->id};

    assert_int_equal(op(mapper, GNTTABOP_map_grant_ref, &m, sizeof(m), 1), 0);
    *handle = m.handle;
    return m.status;
}

static int unmap_at(grant_handle_t handle, uint64_t gfn)
{
    struct gnttab_unmap_grant_ref u = {.host_addr = gfn << PAGE_SHIFT, .handle = handle};

    assert_int_equal(op(mapper, GNTTABOP_unmap_grant_ref, &u, sizeof(u), 1), 0);
    return u.status;
}

// --- mapping ---

static void test_a_mapping_shares_the_page(void **state)
{
    grant_handle_t handle;

    (void)state;
    grant(REF, mapper, PAGE, 0);
    assert_int_equal(map_at(REF, 0, NEW_GFN, &handle), GNTST_okay);
    assert_int_equal(type_at(mapper, NEW_GFN), P2M_GRANT_RW);
    assert_ptr_equal(harness_memory(mapper, NEW_GFN << PAGE_SHIFT),
                     harness_memory(granter, PAGE << PAGE_SHIFT));
    assert_int_equal(in_use(REF), GTF_reading | GTF_writing);
    assert_int_equal(refs(granter, PAGE), 2);
    assert_int_equal(mapper->tot_pages, RAM);
    assert_int_equal(unmap_at(handle, NEW_GFN), GNTST_okay);
    assert_int_equal(type_at(mapper, NEW_GFN), P2M_HOLE);
    assert_int_equal(in_use(REF), 0);
    assert_int_equal(refs(granter, PAGE), 1);
    assert_int_equal(unmap_at(handle, NEW_GFN), GNTST_bad_handle);
}

static void test_a_mapping_in_place_of_ram(void **state)
{
    grant_handle_t handle;

    (void)state;
    grant(REF, mapper, PAGE, 0);
    assert_int_equal(map_at(REF, 0, 20, &handle), GNTST_okay);
    assert_int_equal(mapper->tot_pages, RAM - 1);
    assert_int_equal(map_at(REF, 0, 20, &(grant_handle_t){0}),
                     GNTST_general_error); // but not of another mapping
    assert_int_equal(unmap_at(handle, 20), GNTST_okay);
    assert_int_equal(type_at(mapper, 20), P2M_HOLE);
    assert_int_equal(in_use(REF), 0);
}

static void test_read_only_mappings(void **state)
{
    grant_handle_t handle;

    (void)state;
    grant(REF, mapper, PAGE, GTF_readonly);
    assert_int_equal(map_at(REF, 0, NEW_GFN, &handle), GNTST_general_error);
    assert_int_equal(in_use(REF), 0);
    assert_int_equal(map_at(REF, GNTMAP_readonly, NEW_GFN, &handle), GNTST_okay);
    assert_int_equal(type_at(mapper, NEW_GFN), P2M_GRANT_RO);
    assert_int_equal(in_use(REF), GTF_reading);
    assert_int_equal(unmap_at(handle, NEW_GFN), GNTST_okay);
    assert_int_equal(in_use(REF), 0);
    assert_int_equal(refs(granter, PAGE), 1);
}

static void test_bits_follow_the_last_of_several_uses(void **state)
{
    grant_handle_t reader, writer, second;

    (void)state;
    grant(REF, mapper, PAGE, 0);
    assert_int_equal(map_at(REF, GNTMAP_readonly, NEW_GFN, &reader), GNTST_okay);
    assert_int_equal(map_at(REF, 0, NEW_GFN + 1, &writer), GNTST_okay);
    assert_int_equal(map_at(REF, 0, NEW_GFN + 2, &second), GNTST_okay);
    assert_int_equal(in_use(REF), GTF_reading | GTF_writing);
    assert_int_equal(unmap_at(writer, NEW_GFN + 1), GNTST_okay);
    assert_int_equal(in_use(REF), GTF_reading | GTF_writing);
    assert_int_equal(unmap_at(second, NEW_GFN + 2), GNTST_okay);
    assert_int_equal(in_use(REF), GTF_reading);
    assert_int_equal(unmap_at(reader, NEW_GFN), GNTST_okay);
    assert_int_equal(in_use(REF), 0);
    assert_int_equal(refs(granter, PAGE), 1);
}

static void test_what_is_not_granted_cannot_be_mapped(void **state)
{
    grant_handle_t handle;

    (void)state;
    assert_int_equal(map_at(REF, 0, NEW_GFN, &handle), GNTST_bad_gntref); // never granted
    grant(REF, other, PAGE, 0);
    assert_int_equal(map_at(REF, 0, NEW_GFN, &handle), GNTST_bad_gntref); // to somebody else
    grant(REF, mapper, PAGE, 0);
    entry(REF)->flags = GTF_invalid; // revoked
    assert_int_equal(map_at(REF, 0, NEW_GFN, &handle), GNTST_bad_gntref);
    entry(REF)->flags = GTF_accept_transfer;
    assert_int_equal(map_at(REF, 0, NEW_GFN, &handle), GNTST_bad_gntref);
    entry(REF)->flags = GTF_transitive;
    assert_int_equal(map_at(REF, 0, NEW_GFN, &handle), GNTST_bad_gntref);
    assert_int_equal(map_at(2 * GRANTS_PER_FRAME, 0, NEW_GFN, &handle), GNTST_bad_gntref);
    assert_int_equal(map_at(UINT32_MAX, 0, NEW_GFN, &handle), GNTST_bad_gntref);
    grant(REF, mapper, NEW_GFN, 0); // no such page
    assert_int_equal(map_at(REF, 0, NEW_GFN, &handle), GNTST_bad_page);
    grant(REF, mapper, UINT32_MAX, 0);
    assert_int_equal(map_at(REF, 0, NEW_GFN, &handle), GNTST_bad_page);
    assert_int_equal(in_use(REF), 0);
    assert_int_equal(type_at(mapper, NEW_GFN), P2M_HOLE);
}

static void test_only_ram_of_its_own_can_be_granted(void **state)
{
    grant_handle_t handle;
    mfn_t mfn = granter->shared_info_mfn;

    (void)state;
    page_get(mfn);
    assert_int_equal(p2m_replace(granter, GFN(PAGE), mfn, P2M_SHARED), 0);
    grant(REF, mapper, PAGE, 0);
    assert_int_equal(map_at(REF, 0, NEW_GFN, &handle), GNTST_bad_page);
    assert_int_equal(map_at(REF, GNTMAP_readonly, NEW_GFN, &handle), GNTST_bad_page);
    assert_int_equal(in_use(REF), 0);
}

static void test_an_entry_that_changes_while_in_use(void **state)
{
    grant_handle_t first, second;

    (void)state;
    grant(REF, mapper, PAGE, 0);
    assert_int_equal(map_at(REF, 0, NEW_GFN, &first), GNTST_okay);
    entry(REF)->frame = PAGE + 1; // another page: not while the first one is in use
    assert_int_equal(map_at(REF, 0, NEW_GFN + 1, &second), GNTST_bad_page);
    assert_int_equal(in_use(REF), GTF_reading | GTF_writing);
    assert_int_equal(refs(granter, PAGE + 1), 1);
    entry(REF)->frame = PAGE;
    entry(REF)->domid = other->id; // another grantee
    struct gnttab_map_grant_ref m = {
        .host_addr = NEW_GFN << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = REF, .dom = granter->id};
    assert_int_equal(op(other, GNTTABOP_map_grant_ref, &m, sizeof(m), 1), 0);
    assert_int_equal(m.status, GNTST_general_error);
    entry(REF)->flags = 0; // all bits wiped, against the rules
    assert_int_equal(unmap_at(first, NEW_GFN), GNTST_okay);
    assert_int_equal(entry(REF)->flags, 0);
    assert_int_equal(refs(granter, PAGE), 1);
}

static void test_the_granter_gives_the_page_away_while_it_is_mapped(void **state)
{
    grant_handle_t handle, again;
    char *page = harness_memory(granter, PAGE << PAGE_SHIFT);

    (void)state;
    strcpy(page, "kept");
    grant(REF, mapper, PAGE, 0);
    assert_int_equal(map_at(REF, 0, NEW_GFN, &handle), GNTST_okay);
    assert_int_equal(p2m_remove(granter, GFN(PAGE)), 0);
    assert_int_equal(granter->tot_pages, RAM); // still charged
    assert_string_equal(harness_memory(mapper, NEW_GFN << PAGE_SHIFT), "kept");
    assert_int_equal(map_at(REF, 0, NEW_GFN + 1, &again), GNTST_bad_page);
    assert_int_equal(unmap_at(handle, NEW_GFN), GNTST_okay);
    assert_int_equal(granter->tot_pages, RAM - 1);
}

static void test_hostile_maps(void **state)
{
    static const struct {
        uint64_t host_addr;
        uint32_t flags;
        domid_t dom; // 0: the granter
        int status;
    } bad[] = {
        {NEW_GFN << PAGE_SHIFT, 0, 0, GNTST_bad_gntref},
        {NEW_GFN << PAGE_SHIFT, GNTMAP_device_map, 0, GNTST_bad_gntref},
        {NEW_GFN << PAGE_SHIFT, GNTMAP_host_map | GNTMAP_contains_pte, 0, GNTST_bad_gntref},
        {(NEW_GFN << PAGE_SHIFT) + 8, GNTMAP_host_map, 0, GNTST_bad_virt_addr},
        {NEW_GFN << PAGE_SHIFT, GNTMAP_host_map, 4711, GNTST_bad_domain},
        {NEW_GFN << PAGE_SHIFT, GNTMAP_host_map, DOMID_IO, GNTST_bad_domain},
        {~0UL << PAGE_SHIFT, GNTMAP_host_map, 0, GNTST_general_error},
        {1UL << 52, GNTMAP_host_map, 0, GNTST_general_error},
    };

    (void)state;
    grant(REF, mapper, PAGE, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct gnttab_map_grant_ref m = {.host_addr = bad[i].host_addr,
                                         .flags = bad[i].flags,
                                         .ref = REF,
                                         .dom = bad[i].dom ? bad[i].dom : granter->id};

        assert_int_equal(op(mapper, GNTTABOP_map_grant_ref, &m, sizeof(m), 1), 0);
        assert_int_equal(m.status, bad[i].status);
        assert_int_equal(in_use(REF), 0);
        assert_int_equal(refs(granter, PAGE), 1);
    }
}

static void test_hostile_unmaps(void **state)
{
    grant_handle_t handle;

    (void)state;
    assert_int_equal(unmap_at(0, NEW_GFN), GNTST_bad_handle); // before there is any
    grant(REF, mapper, PAGE, 0);
    assert_int_equal(map_at(REF, 0, NEW_GFN, &handle), GNTST_okay);
    assert_int_equal(unmap_at(handle, NEW_GFN + 1), GNTST_bad_virt_addr);
    assert_int_equal(unmap_at(handle + 1, NEW_GFN), GNTST_bad_handle);
    assert_int_equal(unmap_at(MAPTRACK_END, NEW_GFN), GNTST_bad_handle);
    assert_int_equal(unmap_at(1U << 31, NEW_GFN), GNTST_bad_handle);
    assert_int_equal(in_use(REF), GTF_reading | GTF_writing);
    assert_int_equal(unmap_at(handle, 0), GNTST_okay); // wherever it is
    assert_int_equal(type_at(mapper, NEW_GFN), P2M_HOLE);
}

// A mapper that removes or covers the mapping by other means still has to unmap it; that harms nobody.
static void test_the_entry_is_gone_before_the_mapping(void **state)
{
    grant_handle_t first, second;

    (void)state;
    grant(REF, mapper, PAGE, 0);
    grant(REF + 1, mapper, PAGE + 1, 0);
    assert_int_equal(map_at(REF, 0, NEW_GFN, &first), GNTST_okay);
    assert_int_equal(p2m_remove(mapper, GFN(NEW_GFN)), 0);
    assert_int_equal(in_use(REF), GTF_reading | GTF_writing);
    assert_int_equal(refs(granter, PAGE), 1);
    assert_int_equal(map_at(REF + 1, 0, NEW_GFN, &second), GNTST_okay);
    assert_int_equal(unmap_at(first, NEW_GFN), GNTST_okay);
    assert_int_equal(in_use(REF), 0);
    assert_int_equal(unmap_at(second, NEW_GFN), GNTST_okay);
    assert_int_equal(in_use(REF + 1), 0);
    assert_int_equal(refs(granter, PAGE + 1), 1);
}

static void test_maptrack_has_a_limit(void **state)
{
    struct domain_config config = {
        .max_vcpus = 1, .max_evtchn_port = 100, .max_grant_frames = 1, .max_maptrack_frames = 1};
    struct domain *small;
    uint64_t n = 0;

    (void)state;
    assert_int_equal(domain_create(DOMID_INVALID, &config, &small), 0);
    grant(REF, small, PAGE, 0);
    for (;; n++) {
        struct gnttab_map_grant_ref m = {.host_addr = (NEW_GFN + n) << PAGE_SHIFT,
                                         .flags = GNTMAP_host_map,
                                         .ref = REF,
                                         .dom = granter->id};

        gnttab_map(small, &m);
        if (m.status == GNTST_no_device_space)
            break;
        assert_int_equal(m.status, GNTST_okay);
    }
    assert_int_equal(n, MAPTRACK_PER_FRAME);
    assert_int_equal(refs(granter, PAGE), 1 + n);
    harness_destroy(small);
    assert_int_equal(in_use(REF), 0);
    assert_int_equal(refs(granter, PAGE), 1);
    config.max_maptrack_frames = 0; // may map none
    assert_int_equal(domain_create(DOMID_INVALID, &config, &small), 0);
    grant(REF, small, PAGE, 0);
    struct gnttab_map_grant_ref m = {
        .host_addr = NEW_GFN << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = REF, .dom = granter->id};
    gnttab_map(small, &m);
    assert_int_equal(m.status, GNTST_no_device_space);
    harness_destroy(small);
}

static void test_mapping_fails_cleanly_at_every_allocation(void **state)
{
    bool failed = true;

    (void)state;
    grant(REF, mapper, PAGE, 0);
    for (unsigned n = 1; failed; n++) {
        grant_handle_t handle;

        faults_fail_allocation(n);
        int status = map_at(REF, 0, NEW_GFN, &handle);
        failed = faults_allocation_failed();
        faults_fail_allocation(0);
        if (!failed) {
            assert_int_equal(status, GNTST_okay);
            assert_int_equal(unmap_at(handle, NEW_GFN), GNTST_okay);
        } else {
            assert_int_not_equal(status, GNTST_okay);
        }
        assert_int_equal(in_use(REF), 0);
        assert_int_equal(refs(granter, PAGE), 1);
    }
}

static void test_the_granter_dies_first(void **state)
{
    grant_handle_t handle;
    domid_t id = granter->id;

    (void)state;
    strcpy(harness_memory(granter, PAGE << PAGE_SHIFT), "still here");
    grant(REF, mapper, PAGE, 0);
    assert_int_equal(map_at(REF, 0, NEW_GFN, &handle), GNTST_okay);
    harness_destroy(granter);
    assert_string_equal(harness_memory(mapper, NEW_GFN << PAGE_SHIFT), "still here");
    granter = domain_lookup_dying_too(id);
    assert_int_equal(granter->tot_pages, 1);
    domain_put(granter);
    granter = NULL;
    assert_null(domain_lookup(id));
    struct gnttab_map_grant_ref m = {
        .host_addr = (NEW_GFN + 1) << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = REF, .dom = id};
    assert_int_equal(op(mapper, GNTTABOP_map_grant_ref, &m, sizeof(m), 1), 0);
    assert_int_equal(m.status, GNTST_bad_domain);
    assert_int_equal(unmap_at(handle, NEW_GFN), GNTST_okay);
    softirq_run();
    assert_null(domain_lookup_dying_too(id));
}

static void test_the_mapper_dies_first(void **state)
{
    grant_handle_t handle;

    (void)state;
    for (unsigned i = 0; i < 300; i++) { // more than one step of its teardown
        grant(i, mapper, i % RAM, i % 2 ? GTF_readonly : 0);
        assert_int_equal(map_at(i, i % 2 ? GNTMAP_readonly : 0, NEW_GFN + i, &handle), GNTST_okay);
    }
    harness_destroy(mapper);
    mapper = NULL;
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(in_use(i), 0);
    for (unsigned i = 0; i < RAM; i++)
        assert_int_equal(refs(granter, i), 1);
}

static void test_a_domain_maps_its_own_grant(void **state)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = NEW_GFN << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = REF, .dom = DOMID_SELF};

    (void)state;
    grant(REF, granter, PAGE, 0);
    assert_int_equal(op(granter, GNTTABOP_map_grant_ref, &m, sizeof(m), 1), 0);
    assert_int_equal(m.status, GNTST_okay);
    assert_int_equal(refs(granter, PAGE), 2);
    harness_destroy(granter); // it is its own last mapper
    granter = NULL;
}

static void test_bus_addresses_are_for_who_programs_devices(void **state)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = NEW_GFN << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = REF, .dom = granter->id};

    (void)state;
    grant(REF, mapper, PAGE, 0);
    assert_int_equal(op(mapper, GNTTABOP_map_grant_ref, &m, sizeof(m), 1), 0);
    assert_int_equal(m.dev_bus_addr, p2m_lookup(granter, GFN(PAGE)).mfn.n << PAGE_SHIFT);
    grant(REF + 1, other, PAGE, 0);
    m.ref = REF + 1;
    assert_int_equal(op(other, GNTTABOP_map_grant_ref, &m, sizeof(m), 1), 0);
    assert_int_equal(m.status, GNTST_okay);
    assert_int_equal(m.dev_bus_addr, 0);
}

// --- copying ---

static struct gnttab_copy copy_in(grant_ref_t ref, uint16_t offset, uint64_t gfn, uint16_t to, uint16_t len)
{
    return (struct gnttab_copy){.source = {.u.ref = ref, .domid = granter->id, .offset = offset},
                                .dest = {.u.gmfn = gfn, .domid = DOMID_SELF, .offset = to},
                                .len = len,
                                .flags = GNTCOPY_source_gref};
}

static struct gnttab_copy copy_out(uint64_t gfn, grant_ref_t ref)
{
    return (struct gnttab_copy){.source = {.u.gmfn = gfn, .domid = DOMID_SELF},
                                .dest = {.u.ref = ref, .domid = granter->id},
                                .len = PAGE_SIZE,
                                .flags = GNTCOPY_dest_gref};
}

static int copy(struct domain *d, struct gnttab_copy c)
{
    c.status = 99;
    assert_int_equal(op(d, GNTTABOP_copy, &c, sizeof(c), 1), 0);
    return c.status;
}

static void assert_unused(void)
{
    assert_int_equal(in_use(REF), 0);
    assert_int_equal(refs(granter, PAGE), 1);
    assert_int_equal(refs(mapper, 30), 1);
}

static void test_copies_in_both_directions(void **state)
{
    char *theirs = harness_memory(granter, PAGE << PAGE_SHIFT),
         *ours = harness_memory(mapper, 30UL << PAGE_SHIFT);

    (void)state;
    memset(theirs, 1, PAGE_SIZE);
    memset(ours, 2, PAGE_SIZE);
    grant(REF, mapper, PAGE, 0);
    assert_int_equal(copy(mapper, copy_in(REF, 100, 30, 200, 50)), GNTST_okay);
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        assert_int_equal(ours[i], i >= 200 && i < 250 ? 1 : 2);
    assert_unused();
    assert_int_equal(copy(mapper, copy_out(30, REF)), GNTST_okay);
    assert_memory_equal(theirs, ours, PAGE_SIZE);
    assert_unused();
    assert_int_equal(copy(mapper, copy_in(REF, 0, 30, 0, PAGE_SIZE)), GNTST_okay);
    assert_int_equal(copy(mapper, copy_in(REF, PAGE_SIZE, 30, PAGE_SIZE, 0)), GNTST_okay); // nothing
    assert_unused();
}

static void test_copies_between_two_grants(void **state)
{
    char *from = harness_memory(granter, PAGE << PAGE_SHIFT),
         *to = harness_memory(granter, (PAGE + 1) << PAGE_SHIFT);
    struct gnttab_copy c = {.source = {.u.ref = REF, .domid = granter->id},
                            .dest = {.u.ref = REF + 1, .domid = granter->id},
                            .len = 100,
                            .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref};

    (void)state;
    strcpy(from, "across");
    grant(REF, mapper, PAGE, GTF_readonly);
    grant(REF + 1, mapper, PAGE + 1, 0);
    assert_int_equal(copy(mapper, c), GNTST_okay);
    assert_string_equal(to, "across");
    // One page on both sides, overlapping.
    c.dest = (struct gnttab_copy_ptr){.u.ref = REF + 1, .domid = granter->id, .offset = 3};
    c.source = (struct gnttab_copy_ptr){.u.ref = REF + 1, .domid = granter->id};
    c.len = 7;
    assert_int_equal(copy(mapper, c), GNTST_okay);
    assert_string_equal(to, "acracross");
    assert_int_equal(in_use(REF) | in_use(REF + 1), 0);
}

static void test_hostile_copies(void **state)
{
    struct gnttab_copy c;

    (void)state;
    grant(REF, mapper, PAGE, GTF_readonly);
    assert_int_equal(copy(mapper, copy_out(30, REF)), GNTST_general_error);
    assert_int_equal(copy(mapper, copy_in(REF + 1, 0, 30, 0, 1)), GNTST_bad_gntref);
    assert_int_equal(copy(mapper, copy_in(UINT32_MAX, 0, 30, 0, 1)), GNTST_bad_gntref);
    assert_int_equal(copy(other, copy_in(REF, 0, 30, 0, 1)), GNTST_bad_gntref);
    assert_int_equal(copy(mapper, copy_in(REF, 1, 30, 0, PAGE_SIZE)), GNTST_bad_copy_arg);
    assert_int_equal(copy(mapper, copy_in(REF, 0, 30, PAGE_SIZE - 1, 2)), GNTST_bad_copy_arg);
    assert_int_equal(copy(mapper, copy_in(REF, UINT16_MAX, 30, 0, UINT16_MAX)), GNTST_bad_copy_arg);
    assert_int_equal(copy(mapper, copy_in(REF, 0, NEW_GFN, 0, 1)), GNTST_bad_page);
    assert_int_equal(copy(mapper, copy_in(REF, 0, ~0UL, 0, 1)), GNTST_bad_page);
    c = copy_in(REF, 0, 30, 0, 1);
    c.source.domid = 4711;
    assert_int_equal(copy(mapper, c), GNTST_bad_domain);
    c = copy_in(REF, 0, 30, 0, 1);
    c.dest.domid = other->id; // somebody else's page without a grant
    assert_int_equal(copy(mapper, c), GNTST_permission_denied);
    c = copy_in(REF, 0, 30, 0, 1);
    c.flags = 0;
    assert_int_equal(copy(mapper, c), GNTST_permission_denied);
    assert_unused();
}

// --- the other operations, and arrays of them ---

static int setup_table(struct domain *d, domid_t domid, uint32_t frames, uint64_t list)
{
    struct gnttab_setup_table s = {.dom = domid, .nr_frames = frames};

    set_xen_guest_handle(s.frame_list, (xen_pfn_t *)list);
    assert_int_equal(op(d, GNTTABOP_setup_table, &s, sizeof(s), 1), 0);
    return s.status;
}

static void test_setup_and_query(void **state)
{
    struct gnttab_query_size q = {.dom = DOMID_SELF};

    (void)state;
    assert_int_equal(setup_table(other, DOMID_SELF, 4, ARRAY), GNTST_okay);
    assert_int_equal(other->gnttab.nr_frames, 4);
    assert_int_equal(setup_table(other, DOMID_SELF, 2, ARRAY), GNTST_okay); // never fewer
    assert_int_equal(setup_table(other, DOMID_SELF, 0, NOWHERE), GNTST_okay);
    assert_int_equal(other->gnttab.nr_frames, 4);
    assert_int_equal(op(other, GNTTABOP_query_size, &q, sizeof(q), 1), 0);
    assert_int_equal(q.status, GNTST_okay);
    assert_int_equal(q.nr_frames, 4);
    assert_int_equal(q.max_nr_frames, GNTTAB_DEFAULT_FRAMES);
    assert_int_equal(setup_table(other, DOMID_SELF, GNTTAB_DEFAULT_FRAMES + 1, ARRAY), GNTST_general_error);
    assert_int_equal(setup_table(other, DOMID_SELF, UINT32_MAX, ARRAY), GNTST_general_error);
    assert_int_equal(setup_table(other, granter->id, 1, ARRAY), GNTST_permission_denied);
    assert_int_equal(setup_table(other, 4711, 1, ARRAY), GNTST_bad_domain);
    q.dom = granter->id;
    assert_int_equal(op(other, GNTTABOP_query_size, &q, sizeof(q), 1), 0);
    assert_int_equal(q.status, GNTST_permission_denied);
    struct gnttab_setup_table s = {.dom = DOMID_SELF, .nr_frames = 1};
    set_xen_guest_handle(s.frame_list, (xen_pfn_t *)NOWHERE);
    assert_int_equal(op(other, GNTTABOP_setup_table, &s, sizeof(s), 1), -XEN_EFAULT);
}

static void test_versions(void **state)
{
    struct gnttab_set_version set = {.version = 1};
    struct gnttab_get_version get = {.dom = DOMID_SELF};

    (void)state;
    assert_int_equal(op(other, GNTTABOP_set_version, &set, sizeof(set), 1), 0);
    set.version = 2;
    assert_int_equal(op(other, GNTTABOP_set_version, &set, sizeof(set), 1), -XEN_ENOSYS);
    assert_int_equal(set.version, 1);
    set.version = 3;
    assert_int_equal(op(other, GNTTABOP_set_version, &set, sizeof(set), 1), -XEN_EINVAL);
    assert_int_equal(op(other, GNTTABOP_get_version, &get, sizeof(get), 1), 0);
    assert_int_equal(get.version, 1);
    get.dom = granter->id;
    assert_int_equal(op(other, GNTTABOP_get_version, &get, sizeof(get), 1), -XEN_EPERM);
    get.dom = 4711;
    assert_int_equal(op(other, GNTTABOP_get_version, &get, sizeof(get), 1), -XEN_ESRCH);
}

static void test_hostile_arrays(void **state)
{
    (void)state;
    for (uint64_t cmd = 0; cmd < 64; cmd++) {
        long rc = raw_op(other, cmd, NOWHERE, 1);

        assert_true(rc == -XEN_EFAULT || rc == -XEN_ENOSYS);
        rc = raw_op(other, cmd, NOWHERE, UINT32_MAX);
        assert_true(rc == -XEN_EINVAL || rc == -XEN_ENOSYS);
    }
    assert_int_equal(raw_op(other, GNTTABOP_setup_table, ARG, 2), -XEN_EINVAL);
    assert_int_equal(raw_op(other, GNTTABOP_copy, ~0UL - 8, 2), -XEN_EFAULT);
    assert_int_equal(raw_op(other, GNTTABOP_map_grant_ref, NOWHERE, 0), 0);
    assert_int_equal(raw_op(other, GNTTABOP_transfer, ARG, 1), -XEN_ENOSYS);
    assert_int_equal(raw_op(other, ~0UL, ARG, 1), -XEN_ENOSYS);
}

static void test_arrays_go_on_after_other_work(void **state)
{
    static struct gnttab_map_grant_ref maps[60];
    static struct gnttab_unmap_grant_ref unmaps[60];

    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        grant(i, mapper, i, 0);
        maps[i] = (struct gnttab_map_grant_ref){
            .host_addr = (NEW_GFN + i) << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = i, .dom = granter->id};
    }
    maps[17].ref = UINT32_MAX; // fails alone
    faults_preempt_every(1);
    assert_int_equal(op(mapper, GNTTABOP_map_grant_ref, maps, sizeof(maps[0]), 60), 0);
    assert_int_equal(faults_preempted, 59);
    for (unsigned i = 0; i < 60; i++) {
        assert_int_equal(maps[i].status, i == 17 ? GNTST_bad_gntref : GNTST_okay);
        unmaps[i] = (struct gnttab_unmap_grant_ref){.host_addr = (NEW_GFN + i) << PAGE_SHIFT,
                                                    .handle = maps[i].handle};
    }
    unmaps[17].handle = MAPTRACK_END;
    assert_int_equal(op(mapper, GNTTABOP_unmap_grant_ref, unmaps, sizeof(unmaps[0]), 60), 0);
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(unmaps[i].status, i == 17 ? GNTST_bad_handle : GNTST_okay);
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(in_use(i), 0);
}

// In an array that lies across two pages, with granters taking turns, one of them unknown.
static void test_arrays_of_copies(void **state)
{
    struct gnttab_copy ops[40];
    gpa_t at = ARG + PAGE_SIZE - 5 * sizeof(ops[0]) - 12;
    mfn_t mfn;

    (void)state;
    assert_int_equal(gnttab_get_frame(other, 0, &mfn), 0);
    other->gnttab.shared[0][REF] =
        (grant_entry_v1_t){.flags = GTF_permit_access, .domid = mapper->id, .frame = PAGE};
    grant(REF, mapper, PAGE, 0);
    strcpy(harness_memory(granter, PAGE << PAGE_SHIFT), "granter's");
    strcpy(harness_memory(other, PAGE << PAGE_SHIFT), "other's");
    for (unsigned every = 0; every < 5; every++) {
        memset(harness_memory(mapper, 30UL << PAGE_SHIFT), 0, PAGE_SIZE);
        for (unsigned i = 0; i < 40; i++) {
            ops[i] = copy_in(REF, 0, 30, i * 16, 10);
            ops[i].source.domid = i == 7 ? 4711 : i / 2 % 2 ? other->id : granter->id;
            ops[i].status = 99;
        }
        harness_enter(mapper->vcpus[0]);
        assert_int_equal(copy_to_guest(GVA(at), ops, sizeof(ops)), 0);
        faults_preempt_every(every);
        assert_int_equal(raw_op(mapper, GNTTABOP_copy, at, 40), 0);
        assert_int_equal(faults_preempted, every ? 39 / every : 0);
        assert_int_equal(copy_from_guest(ops, GVA(at), sizeof(ops)), 0);
        for (unsigned i = 0; i < 40; i++) {
            assert_int_equal(ops[i].status, i == 7 ? GNTST_bad_domain : GNTST_okay);
            assert_string_equal((char *)harness_memory(mapper, 30UL << PAGE_SHIFT) + i * 16,
                                i == 7      ? ""
                                : i / 2 % 2 ? "other's"
                                            : "granter's");
        }
        assert_unused();
    }
    // The array ends in nowhere: what comes before has been done.
    faults_preempt_every(0);
    at = RAM * PAGE_SIZE - 2 * sizeof(ops[0]) - 12;
    ops[1].status = 99;
    assert_int_equal(copy_to_guest(GVA(at), ops, 2 * sizeof(ops[0])), 0);
    assert_int_equal(raw_op(mapper, GNTTABOP_copy, at, 3), -XEN_EFAULT);
    assert_int_equal(copy_from_guest(ops, GVA(at), 2 * sizeof(ops[0])), 0);
    assert_int_equal(ops[1].status, GNTST_okay);
    assert_unused();
}

static void test_limits_of_the_tables(void **state)
{
    struct domain_config config = {.max_vcpus = 1,
                                   .max_evtchn_port = 100,
                                   .max_grant_frames = GNTTAB_MAX_FRAMES + 1,
                                   .max_maptrack_frames = -1};
    struct domain *d;

    (void)state;
    assert_int_equal(domain_create(DOMID_INVALID, &config, &d), -XEN_EINVAL);
    config.max_grant_frames = INT32_MAX;
    assert_int_equal(domain_create(DOMID_INVALID, &config, &d), -XEN_EINVAL);
    config.max_grant_frames = -1;
    config.max_maptrack_frames = GNTTAB_MAX_MAPTRACK + 1;
    assert_int_equal(domain_create(DOMID_INVALID, &config, &d), -XEN_EINVAL);
    config.max_grant_frames = GNTTAB_MAX_FRAMES;
    config.max_maptrack_frames = GNTTAB_MAX_MAPTRACK;
    assert_int_equal(domain_create(DOMID_INVALID, &config, &d), 0);
    harness_destroy(d);
}

// --- random ---

#define REFS     64
#define MAPPINGS 200

static void test_random_mappings_leave_exact_counts(void **state)
{
    static struct {
        bool live, write;
        grant_handle_t handle;
        grant_ref_t ref;
    } maps[MAPPINGS];
    unsigned readers[REFS] = {0}, writers[REFS] = {0};

    (void)state;
    memset(maps, 0, sizeof(maps));
    for (unsigned i = 0; i < REFS; i++)
        grant(i, mapper, random_below(RAM), random_below(3) ? 0 : GTF_readonly);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = random_below(MAPPINGS);

        if (maps[i].live) {
            assert_int_equal(unmap_at(maps[i].handle, NEW_GFN + i), GNTST_okay);
            --*(maps[i].write ? &writers[maps[i].ref] : &readers[maps[i].ref]);
            maps[i].live = false;
        } else {
            maps[i].ref = random_below(REFS);
            maps[i].write = random_below(2);
            int expected = maps[i].write && (entry(maps[i].ref)->flags & GTF_readonly) ? GNTST_general_error
                                                                                       : GNTST_okay;
            int status =
                map_at(maps[i].ref, maps[i].write ? 0 : GNTMAP_readonly, NEW_GFN + i, &maps[i].handle);

            assert_int_equal(status, expected);
            maps[i].live = status == GNTST_okay;
            if (maps[i].live)
                ++*(maps[i].write ? &writers[maps[i].ref] : &readers[maps[i].ref]);
        }
        grant_ref_t ref = maps[i].ref;
        assert_int_equal(in_use(ref),
                         (readers[ref] + writers[ref] ? GTF_reading : 0) | (writers[ref] ? GTF_writing : 0));
    }
    for (unsigned gfn = 0; gfn < RAM; gfn++) {
        unsigned expected = 1;

        for (unsigned i = 0; i < REFS; i++)
            if (entry(i)->frame == gfn)
                expected += readers[i] + writers[i];
        assert_int_equal(refs(granter, gfn), expected);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_mapping_shares_the_page),
        TEST(test_a_mapping_in_place_of_ram),
        TEST(test_read_only_mappings),
        TEST(test_bits_follow_the_last_of_several_uses),
        TEST(test_what_is_not_granted_cannot_be_mapped),
        TEST(test_only_ram_of_its_own_can_be_granted),
        TEST(test_an_entry_that_changes_while_in_use),
        TEST(test_the_granter_gives_the_page_away_while_it_is_mapped),
        TEST(test_hostile_maps),
        TEST(test_hostile_unmaps),
        TEST(test_the_entry_is_gone_before_the_mapping),
        TEST(test_maptrack_has_a_limit),
        TEST(test_mapping_fails_cleanly_at_every_allocation),
        TEST(test_the_granter_dies_first),
        TEST(test_the_mapper_dies_first),
        TEST(test_a_domain_maps_its_own_grant),
        TEST(test_bus_addresses_are_for_who_programs_devices),
        TEST(test_copies_in_both_directions),
        TEST(test_copies_between_two_grants),
        TEST(test_hostile_copies),
        TEST(test_setup_and_query),
        TEST(test_versions),
        TEST(test_hostile_arrays),
        TEST(test_arrays_go_on_after_other_work),
        TEST(test_arrays_of_copies),
        TEST(test_limits_of_the_tables),
        TEST(test_random_mappings_leave_exact_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
