// SPDX-License-Identifier: MIT
//
// memory_op: giving pages back and taking new ones, mapping Xen's pages over RAM and at high gfns, wild
// arguments.

#include <stdint.h>
#include <string.h>
#include <guest/cpu.h>
#include <guest/hypercall.h>
#include <guest/mem.h>
#include "../test.h"

static long reserve(unsigned op, xen_pfn_t *gfns, unsigned long count, unsigned order)
{
    struct xen_memory_reservation reservation = {
        .nr_extents = count, .extent_order = order, .domid = DOMID_SELF};
    set_xen_guest_handle(reservation.extent_start, gfns);
    return HYPERVISOR_memory_op(op, &reservation);
}

static long reservation_now(void)
{
    domid_t self = DOMID_SELF;
    return HYPERVISOR_memory_op(XENMEM_current_reservation, &self);
}

static void test_give_and_take(void)
{
    enum { COUNT = 64 };
    xen_pfn_t gfns[COUNT];
    uint64_t *pages = page_alloc(COUNT);
    long before = reservation_now();
    size_t dirty = 0;
    memset(pages, 0xa5, COUNT * PAGE_SIZE);
    for (int i = 0; i < COUNT; i++)
        gfns[i] = mem_gfn_of(pages) + (uint64_t)i;
    CHECK_EQUAL(reserve(XENMEM_decrease_reservation, gfns, COUNT, 0), COUNT);
    CHECK_EQUAL(reservation_now(), before - COUNT);
    CHECK_EQUAL(reserve(XENMEM_decrease_reservation, gfns, 1, 0), 0); // nothing there any more
    CHECK_EQUAL(reserve(XENMEM_populate_physmap, gfns, COUNT, 0), COUNT);
    CHECK_EQUAL(reservation_now(), before);
    for (size_t i = 0; i < COUNT * PAGE_SIZE / sizeof(*pages); i++)
        dirty += pages[i] != 0;
    // What another owner left would show here. Real Xen clears pages of dead domains only.
    if (test_on_proxenos())
        CHECK_EQUAL(dirty, 0);
    memset(pages, 0x5a, COUNT * PAGE_SIZE);
    page_free(pages, COUNT);
}

// Linux frees RAM here and there, and puts RAM at any gfn.
static void test_populate_high(void)
{
    uint64_t page = (uintptr_t)page_alloc(1) >> 12;
    unsigned bits = cpuid(0x80000000, 0).eax >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xff : 36;
    uint64_t highest = (UINT64_C(1) << ((bits < 46 ? bits : 46) - 12)) - 1;
    xen_pfn_t targets[] = {UINT64_C(1) << 21, (UINT64_C(1) << 21) + 511, UINT64_C(1) << 23, highest - 1};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        xen_pfn_t gfn = page, high = targets[i];
        CHECK_EQUAL(reserve(XENMEM_decrease_reservation, &gfn, 1, 0), 1);
        if (reserve(XENMEM_populate_physmap, &high, 1, 0) != 1) {
            test_note(TEST_FAIL, "no page at gfn %lx", high);
        } else {
            CHECK_EQUAL(mem_map_window(high << 12, PAGE_SIZE, 0), 0);
            volatile uint64_t *word = mem_of_gfn(high);
            *word = 0x1234567890abcdef;
            CHECK(*word == 0x1234567890abcdef);
            CHECK_EQUAL(reserve(XENMEM_decrease_reservation, &high, 1, 0), 1);
        }
        gfn = page;
        CHECK_EQUAL(reserve(XENMEM_populate_physmap, &gfn, 1, 0), 1);
    }
    page_free(mem_of_gfn(page), 1);
}

static void test_large_extents(void)
{
    char *pages = page_alloc(1024);
    uint64_t first = (mem_gfn_of(pages) + 511) & ~UINT64_C(511);
    xen_pfn_t gfn = first;
    long before = reservation_now();
    CHECK_EQUAL(reserve(XENMEM_decrease_reservation, &gfn, 1, 9), 1);
    CHECK_EQUAL(reservation_now(), before - 512);
    gfn = first;
    CHECK_EQUAL(reserve(XENMEM_populate_physmap, &gfn, 1, 9), 1);
    CHECK_EQUAL(reservation_now(), before);
    memset(mem_of_gfn(first), 1, 512 * PAGE_SIZE);
    page_free(pages, 1024);
}

static void test_shared_info_over_ram(void)
{
    uint64_t *page = page_alloc(1);
    struct xen_add_to_physmap op = {.domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .idx = 0};
    xen_pfn_t gfn = mem_gfn_of(page);
    memset(page, 0xff, PAGE_SIZE);
    op.gpfn = gfn;
    CHECK_EQUAL(HYPERVISOR_memory_op(XENMEM_add_to_physmap, &op), 0);
    CHECK(page[511] != UINT64_MAX); // a grant frame, where RAM was
    struct xen_remove_from_physmap remove = {.domid = DOMID_SELF, .gpfn = gfn};
    CHECK_EQUAL(HYPERVISOR_memory_op(XENMEM_remove_from_physmap, &remove), 0);
    CHECK_EQUAL(reserve(XENMEM_populate_physmap, &gfn, 1, 0), 1);
    page[0] = 1;
    page_free(page, 1);
}

static void test_wild_arguments(void)
{
    static const xen_pfn_t wild[] = {UINT64_C(1) << 36, UINT64_C(1) << 40, UINT64_C(1) << 52,
                                     UINT64_MAX >> 12, UINT64_MAX};
    long before = reservation_now();
    for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        xen_pfn_t gfn = wild[i];
        struct xen_add_to_physmap add = {
            .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = wild[i]};
        struct xen_remove_from_physmap remove = {.domid = DOMID_SELF, .gpfn = wild[i]};
        CHECK_EQUAL(reserve(XENMEM_decrease_reservation, &gfn, 1, 0), 0);
        CHECK(HYPERVISOR_memory_op(XENMEM_remove_from_physmap, &remove) < 0);
        if (wild[i] >= UINT64_C(1) << 40)
            CHECK(HYPERVISOR_memory_op(XENMEM_add_to_physmap, &add) < 0);
    }
    xen_pfn_t gfn = mem_gfn_of(page_alloc(1));
    CHECK(reserve(XENMEM_populate_physmap, (xen_pfn_t *)0x8000000000000000, 1, 0) <= 0);
    CHECK(reserve(XENMEM_decrease_reservation, (xen_pfn_t *)0x400000000000, 1, 0) <= 0);
    CHECK(reserve(XENMEM_populate_physmap, &gfn, 1, 60) <= 0); // an extent beyond any size
    CHECK(reserve(XENMEM_populate_physmap, &gfn, UINT64_MAX, 0) <= 0);
    CHECK_EQUAL(reserve(XENMEM_populate_physmap, &gfn, 0, 0), 0);
    CHECK_EQUAL(reservation_now(), before);

    struct xen_add_to_physmap add = {.domid = DOMID_SELF, .space = 77, .gpfn = gfn};
    CHECK(HYPERVISOR_memory_op(XENMEM_add_to_physmap, &add) < 0);
    add = (struct xen_add_to_physmap){
        .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .idx = 1u << 20, .gpfn = gfn};
    CHECK(HYPERVISOR_memory_op(XENMEM_add_to_physmap, &add) < 0);
    add = (struct xen_add_to_physmap){.domid = 0, .space = XENMAPSPACE_shared_info, .gpfn = gfn};
    CHECK(HYPERVISOR_memory_op(XENMEM_add_to_physmap, &add) < 0); // another domain's
    page_free(mem_of_gfn(gfn), 1);
}

// Foreign pages are for the privileged.
static void test_foreign_refused(void)
{
    uint64_t gfn = 1;
    int error = 0;
    CHECK(!foreign_map(0, &gfn, 1, NULL));
    CHECK(!foreign_map(0, &gfn, 1, &error) && error < 0);
}

// More than the domain may have: some extents or none, then an honest count.
static void test_limit(void)
{
    static xen_pfn_t gfns[4096];
    uint64_t window = gfn_window_alloc(4096);
    for (unsigned i = 0; i < 4096; i++)
        gfns[i] = window + i;
    long before = reservation_now();
    long got = reserve(XENMEM_populate_physmap, gfns, 4096, 0);
    CHECK(got >= 0 && got < 4096);
    CHECK_EQUAL(reservation_now(), before + got);
    CHECK_EQUAL(reserve(XENMEM_decrease_reservation, gfns, (unsigned long)got, 0), got);
    gfn_window_free(window, 4096);
}

int main(void)
{
    test_give_and_take();
    test_populate_high();
    test_large_extents();
    test_shared_info_over_ram();
    test_wild_arguments();
    test_foreign_refused();
    test_limit();
    return test_end("memory");
}
