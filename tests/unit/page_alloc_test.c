// SPDX-License-Identifier: MIT
// The page allocator against a model that knows who has each frame.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory_machine.h"
#include "random.h"

#define MIB     (1UL << 20)
#define GIB     (1UL << 30)
#define FRAMES  (MACHINE_END >> PAGE_SHIFT)
#define BLOCKS  400
#define STEPS   20000
#define BELOW4G (4 * GIB >> PAGE_SHIFT)

// RAM on both sides of 4 GiB, and odd edges.
static const struct mem_region ram[] = {
    {MIB, 24 * MIB + 5 * PAGE_SIZE, MEM_RAM},
    {25 * MIB, 26 * MIB, MEM_RESERVED},
    {4 * GIB - 13 * MIB, 4 * GIB - 3 * PAGE_SIZE, MEM_RAM},
    {4 * GIB, 4 * GIB + 48 * MIB, MEM_RAM},
};

static int start_machine(void **state)
{
    (void)state;
    machine_start(ram, ARRAY_SIZE(ram));
    return 0;
}

// The free blocks as the records tell them: order + 1 at each head, else 0.
static void snapshot(uint8_t heads[FRAMES])
{
    uint64_t pages = 0;

    for (uint64_t i = 0; i < FRAMES; i++) {
        const struct page_info *page = page_info(MFN(i));
        bool head = page && (page->flags & PAGE_FREE);

        heads[i] = head ? page->order + 1 : 0;
        if (head)
            pages += 1UL << page->order;
    }
    assert_int_equal(pages, page_free_count());
}

static uint8_t before[FRAMES], after[FRAMES];

// --- random blocks of the hypervisor and of domains ---

static struct block {
    mfn_t mfn; // MFN_INVALID: none
    unsigned order;
    domid_t owner; // DOMID_HV or a domain
} blocks[BLOCKS];
static bool used[FRAMES];

static void take_frames(const struct block *b)
{
    for (uint64_t i = 0; i < 1UL << b->order; i++) {
        assert_false(used[b->mfn.n + i]);
        used[b->mfn.n + i] = true;
    }
}

static void allocate(struct block *b)
{
    unsigned flags = random_below(4) ? 0 : PAGE_ALLOC_BELOW_4G;

    b->order = random_below(random_below(8) ? 4 : 12);
    b->owner = random_below(2) ? DOMID_HV : 1 + random_below(MACHINE_DOMAINS);
    if (b->owner == DOMID_HV && random_below(4) == 0)
        flags |= PAGE_ALLOC_ZERO;
    b->mfn = b->owner == DOMID_HV ? page_alloc(b->order, flags)
                                  : page_alloc_domain(machine_domain(b->owner), b->order, flags);
    if (!mfn_valid(b->mfn))
        return;
    assert_int_equal(b->mfn.n & ((1UL << b->order) - 1), 0);
    if (flags & PAGE_ALLOC_BELOW_4G)
        assert_true(b->mfn.n + (1UL << b->order) <= BELOW4G);
    take_frames(b);
    char *bytes = mfn_to_virt(b->mfn);
    size_t size = PAGE_SIZE << b->order;
    if (flags & PAGE_ALLOC_ZERO)
        assert_true(bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
    memset(bytes, 0x5a, size);
}

static void release(struct block *b)
{
    for (uint64_t i = 0; i < 1UL << b->order; i++)
        used[b->mfn.n + i] = false;
    if (b->owner == DOMID_HV)
        page_free(b->mfn, b->order);
    else if (random_below(4) == 0)
        page_free_domain(machine_domain(b->owner), b->mfn, b->order);
    else
        for (uint64_t i = 0; i < 1UL << b->order; i++)
            page_put(mfn_add(b->mfn, i));
    b->mfn = MFN_INVALID;
}

static void check_sums(void)
{
    uint64_t charged[MACHINE_DOMAINS + 1] = {0};

    for (unsigned i = 0; i < BLOCKS; i++)
        if (mfn_valid(blocks[i].mfn) && blocks[i].owner != DOMID_HV)
            charged[blocks[i].owner] += 1UL << blocks[i].order;
    for (domid_t id = 1; id <= MACHINE_DOMAINS; id++) {
        assert_int_equal(machine_domain(id)->tot_pages, charged[id]);
        assert_int_equal(machine_domain(id)->refs, 1 + (charged[id] > 0));
    }
}

static void test_random_blocks_merge_back(void **state)
{
    uint64_t hv_before = page_hv_count();

    (void)state;
    snapshot(before);
    for (unsigned i = 0; i < BLOCKS; i++)
        blocks[i].mfn = MFN_INVALID;
    for (unsigned step = 0; step < STEPS; step++) {
        struct block *b = &blocks[random_below(BLOCKS)];

        if (mfn_valid(b->mfn))
            release(b);
        else
            allocate(b);
        if (step % 1000 == 0)
            check_sums();
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        if (mfn_valid(blocks[i].mfn))
            release(&blocks[i]);
    check_sums();
    snapshot(after);
    assert_memory_equal(before, after, sizeof(before));
    assert_int_equal(page_hv_count(), hv_before);
}

static void test_it_gives_out_all_there_is(void **state)
{
    uint64_t pages = page_free_count(), taken = 0, low = 0;

    (void)state;
    snapshot(before);
    while (mfn_valid(page_alloc(0, PAGE_ALLOC_BELOW_4G)))
        low++;
    assert_int_equal(low, (23 * MIB + 5 * PAGE_SIZE + 13 * MIB - 3 * PAGE_SIZE) >> PAGE_SHIFT);
    while (mfn_valid(page_alloc(0, 0)))
        taken++;
    assert_int_equal(low + taken, pages);
    assert_int_equal(page_free_count(), 0);
    for (uint64_t i = 0; i < FRAMES; i++)
        if (page_info(MFN(i)) && page_info(MFN(i))->refs)
            page_free(MFN(i), 0);
    snapshot(after);
    assert_memory_equal(before, after, sizeof(before));
}

static void test_what_cannot_be_had(void **state)
{
    (void)state;
    assert_false(mfn_valid(page_alloc(MAX_ORDER + 1, 0)));
    assert_false(mfn_valid(page_alloc(MAX_ORDER, 0)));
    assert_false(mfn_valid(page_alloc_domain(machine_domain(1), MAX_ORDER + 1, 0)));
    assert_false(mfn_valid(page_alloc_domain(machine_domain(1), MAX_ORDER, 0)));
    assert_int_equal(machine_domain(1)->tot_pages, 0);
    assert_int_equal(machine_domain(1)->refs, 1);
}

static void test_a_domain_gets_no_more_than_it_may(void **state)
{
    struct domain *d = machine_domain(1);

    (void)state;
    d->max_pages = 5;
    mfn_t four = page_alloc_domain(d, 2, 0);
    assert_true(mfn_valid(four));
    assert_false(mfn_valid(page_alloc_domain(d, 1, 0)));
    mfn_t one = page_alloc_domain(d, 0, 0);
    assert_true(mfn_valid(one));
    assert_false(mfn_valid(page_alloc_domain(d, 0, 0)));
    d->max_pages = 2; // less than it has: it keeps them, but gets no more
    page_put(one);
    assert_false(mfn_valid(page_alloc_domain(d, 0, 0)));
    page_free_domain(d, four, 2);
    assert_int_equal(d->tot_pages, 0);
    one = page_alloc_domain(d, 0, 0);
    assert_true(mfn_valid(one));
    page_put(one);
    d->max_pages = FRAMES;
}

static void test_references_keep_a_page_and_its_owner(void **state)
{
    struct domain *d = machine_domain(2);
    mfn_t mfn = page_alloc_domain(d, 0, 0);
    uint64_t free_pages = page_free_count();

    (void)state;
    assert_int_equal(d->refs, 2);
    domain_put(d); // destroyed, but for this page
    assert_true(page_get(mfn));
    page_put(mfn);
    assert_int_equal(page_free_count(), free_pages);
    assert_int_equal(page_info(mfn)->owner, 2);
    assert_int_equal(d->refs, 1);
    page_put(mfn);
    assert_int_equal(page_free_count(), free_pages + 1);
    assert_int_equal(d->refs, 0);
    domain_get(d); // for the other tests
}

static void test_no_reference_to_what_is_free_or_no_ram(void **state)
{
    mfn_t mfn = page_alloc(0, 0);

    (void)state;
    assert_true(page_get(mfn));
    page_put(mfn);
    page_info(mfn)->refs = UINT32_MAX; // it must not wrap around
    assert_false(page_get(mfn));
    page_info(mfn)->refs = 1;
    page_free(mfn, 0);
    assert_false(page_get(mfn));
    assert_false(page_get(MFN(0)));
    assert_false(page_get(MFN(25 * MIB >> PAGE_SHIFT)));
    assert_false(page_get(MFN(FRAMES)));
    assert_false(page_get(MFN_INVALID));
}

static void put_a_free_page(void *unused)
{
    (void)unused;
    page_put(MFN(2 * MIB >> PAGE_SHIFT));
}

static void free_a_guests_page(void *unused)
{
    (void)unused;
    page_free(page_alloc_domain(machine_domain(1), 0, 0), 0);
}

static void free_a_page_in_use(void *unused)
{
    mfn_t mfn = page_alloc_domain(machine_domain(1), 1, 0);

    (void)unused;
    page_get(mfn_add(mfn, 1));
    page_free_domain(machine_domain(1), mfn, 1);
}

static void test_misuse_panics(void **state)
{
    (void)state;
    assert_true(machine_panics(put_a_free_page, NULL));
    assert_true(machine_panics(free_a_guests_page, NULL));
    assert_true(machine_panics(free_a_page_in_use, NULL));
}

static void test_scrubbing_reaches_every_byte(void **state)
{
    mfn_t mfn = page_alloc_domain(machine_domain(1), 3, 0);
    char *bytes = mfn_to_virt(mfn);

    (void)state;
    memset(bytes, 0xff, PAGE_SIZE << 3);
    page_scrub(mfn, 3);
    assert_true(bytes[0] == 0 && memcmp(bytes, bytes + 1, (PAGE_SIZE << 3) - 1) == 0);
    page_free_domain(machine_domain(1), mfn, 3);
}

static void test_the_hypervisors_share_is_what_was_not_given_away(void **state)
{
    uint64_t ram_pages = (71 * MIB + 5 * PAGE_SIZE + 13 * MIB - 3 * PAGE_SIZE) >> PAGE_SHIFT;
    uint64_t kept = page_hv_count();
    struct domain *d = machine_domain(3);

    (void)state;
    assert_int_equal(page_total(), ram_pages);
    assert_int_equal(page_free_count() + kept, ram_pages);
    // Frames that were taken before the allocator started: here the last ones of the records, for want of
    // others.
    mfn_t for_dom0 = MFN(((4 * GIB + 48 * MIB) >> PAGE_SHIFT) - 1), file = MFN(for_dom0.n - 1);
    page_assign(for_dom0, d);
    page_mark_boot_file(file);
    assert_int_equal(page_hv_count(), kept - 2);
    assert_int_equal(d->tot_pages, 1);
    assert_int_equal(d->refs, 2);
    assert_int_equal(page_info(file)->owner, DOMID_HV);
    page_put(for_dom0);
    page_put(file);
    assert_int_equal(page_hv_count(), kept - 2);
    assert_int_equal(page_free_count() + kept - 2, ram_pages);
    assert_int_equal(d->tot_pages, 0);
    assert_int_equal(d->refs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_blocks_merge_back),
        cmocka_unit_test(test_it_gives_out_all_there_is),
        cmocka_unit_test(test_what_cannot_be_had),
        cmocka_unit_test(test_a_domain_gets_no_more_than_it_may),
        cmocka_unit_test(test_references_keep_a_page_and_its_owner),
        cmocka_unit_test(test_no_reference_to_what_is_free_or_no_ram),
        cmocka_unit_test(test_scrubbing_reaches_every_byte),
        cmocka_unit_test(test_the_hypervisors_share_is_what_was_not_given_away),
        cmocka_unit_test(test_misuse_panics), // leaves damage behind
    };

    return cmocka_run_group_tests(tests, start_machine, NULL);
}
