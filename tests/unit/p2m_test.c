// SPDX-License-Identifier: MIT
// Guest-physical address spaces on the real page tables of AMD-V: entries, references, undoing and teardown.
// Each test runs with 1 GiB leaves and without.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <asm/cpu.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>

#include "memory_machine.h"
#include "random.h"

#include <hv/arch.h>

#define GIB        (1UL << 30)
#define RAM_END    (3 * GIB)
#define PHYS_BITS  40
#define GFN_LIMIT  (1UL << (PHYS_BITS - PAGE_SHIFT))
#define PAGES_2M   (1UL << ORDER_2M)
#define PAGES_1G   (1UL << ORDER_1G)
#define MMIO_FRAME (RAM_END >> PAGE_SHIFT)

static const struct virt_ops ops = {.p2m_format = &pt_format_npt};
const struct virt_ops *virt_ops = &ops;
struct host_cpu host_cpu = {.phys_bits = PHYS_BITS};

static struct domain *d, *other; // ours, and one whose pages we map
static uint64_t free_before;

// No vcpu is there to be told of changes.
void arch_kick_cpu(unsigned cpu)
{
    (void)cpu;
    abort();
}

void hvm_attention(struct vcpu *v, uint32_t bits)
{
    (void)v, (void)bits;
    abort();
}

struct vcpu *domain_vcpu(const struct domain *owner, uint32_t id)
{
    (void)owner, (void)id;
    return NULL;
}

bool arch_mmio_allowed(mfn_t mfn)
{
    return mfn.n >= MMIO_FRAME;
}

static int start_machine(void **state)
{
    static const struct mem_region ram = {1UL << 20, RAM_END, MEM_RAM};

    (void)state;
    machine_start(&ram, 1);
    d = machine_domain(1);
    other = machine_domain(2);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    free_before = page_free_count();
    d->arch = calloc(1, sizeof(*d->arch));
    d->privileges = 0;
    d->state = DOMAIN_LIVE;
    d->p2m = (struct p2m){0};
    return p2m_init(d);
}

// Everything must be gone once the domain's address space is.
static int teardown(void **state)
{
    (void)state;
    d->state = DOMAIN_DYING;
    while (p2m_destroy(d) == -XEN_ERESTART)
        ;
    free(d->arch);
    assert_int_equal(d->p2m.pool_pages, 0);
    assert_int_equal(d->tot_pages, 0);
    assert_int_equal(other->tot_pages, 0);
    assert_int_equal(d->refs, 1);
    assert_int_equal(other->refs, 1);
    assert_int_equal(page_free_count(), free_before);
    return 0;
}

static mfn_t new_extent(struct domain *owner, unsigned order)
{
    mfn_t mfn = page_alloc_domain(owner, order, 0);

    assert_true(mfn_valid(mfn));
    return mfn;
}

static void *memory(uint64_t gfn, bool write)
{
    spin_lock(&d->p2m.lock);
    void *at = p2m_memory(d, gfn << PAGE_SHIFT | 0x123, write);
    spin_unlock(&d->p2m.lock);
    return at;
}

static uint32_t refs(mfn_t mfn)
{
    return page_info(mfn)->refs;
}

static void assert_entry(uint64_t gfn, enum p2m_type type, uint64_t mfn, unsigned order)
{
    struct p2m_entry entry = p2m_lookup(d, GFN(gfn));

    assert_int_equal(entry.type, type);
    assert_int_equal(entry.order, order);
    assert_int_equal(entry.mfn.n, mfn);
}

static void assert_hole(uint64_t gfn)
{
    assert_int_equal(p2m_lookup(d, GFN(gfn)).type, P2M_HOLE);
    assert_false(mfn_valid(p2m_lookup(d, GFN(gfn)).mfn));
}

// A page of `type` at gfn: ours, the hypervisor's, the other domain's or the machine's.
static mfn_t put_page_of_type(uint64_t gfn, enum p2m_type type)
{
    mfn_t mfn = MFN(MMIO_FRAME);

    switch (type) {
    case P2M_RAM:
    case P2M_RAM_RO: mfn = new_extent(d, 0); break;
    case P2M_SHARED:
    case P2M_BOOT_FILE: mfn = page_alloc(0, 0); break;
    case P2M_FOREIGN:
    case P2M_GRANT_RW:
    case P2M_GRANT_RO: mfn = new_extent(other, 0); break;
    default: break;
    }
    assert_int_equal(p2m_insert(d, GFN(gfn), mfn, 1, type), 0);
    return mfn;
}

static unsigned largest_order(void)
{
    return pt_format_npt.max_order;
}

static void test_pages_are_found_where_they_were_put(void **state)
{
    mfn_t mfn = new_extent(d, 0);
    uint64_t flushes = d->p2m.flushes;

    (void)state;
    assert_hole(0x1234);
    assert_int_equal(p2m_insert(d, GFN(0x1234), mfn, 1, P2M_RAM), 0);
    assert_entry(0x1234, P2M_RAM, mfn.n, ORDER_4K);
    assert_hole(0x1233);
    assert_hole(0x1235);
    assert_int_equal(d->p2m.max_gfn, 0x1234);
    assert_int_equal(refs(mfn), 1);
    assert_int_equal(d->p2m.flushes, flushes);
}

static void test_ranges_get_the_largest_leaves(void **state)
{
    mfn_t mfn = new_extent(d, ORDER_1G);

    (void)state;
    assert_int_equal(p2m_insert(d, GFN(PAGES_1G), mfn, PAGES_1G, P2M_RAM), 0);
    assert_entry(PAGES_1G, P2M_RAM, mfn.n, largest_order());
    assert_entry(2 * PAGES_1G - 1, P2M_RAM, mfn.n + PAGES_1G - 1, largest_order());
    assert_hole(PAGES_1G - 1);
    assert_hole(2 * PAGES_1G);
    mfn_t four = new_extent(d, ORDER_2M + 2);
    assert_int_equal(p2m_insert(d, GFN(4 * PAGES_2M - 1), MFN(four.n + PAGES_2M - 1), 2 * PAGES_2M, P2M_RAM),
                     0);
    assert_entry(4 * PAGES_2M - 1, P2M_RAM, four.n + PAGES_2M - 1, ORDER_4K);
    assert_entry(4 * PAGES_2M + 7, P2M_RAM, four.n + PAGES_2M + 7, ORDER_2M);
    assert_entry(6 * PAGES_2M - 2, P2M_RAM, four.n + 3 * PAGES_2M - 2, ORDER_4K);
    assert_hole(6 * PAGES_2M - 1);
    for (uint64_t i = 0; i < PAGES_2M - 1; i++) {
        page_put(MFN(four.n + i));
        page_put(MFN(four.n + 4 * PAGES_2M - 1 - i));
    }
    page_put(MFN(four.n + 3 * PAGES_2M));
    page_put(MFN(four.n + 3 * PAGES_2M - 1));
}

static void test_nothing_beyond_the_address_width(void **state)
{
    static const struct {
        uint64_t gfn, count;
    } bad[] = {{GFN_LIMIT, 1}, {GFN_LIMIT - 1, 2},  {0, GFN_LIMIT + 1}, {~0UL, 1}, {~0UL, 2}, {1, ~0UL},
               {5, 0},         {GFN_LIMIT << 9, 1}, {1UL << 51, 1}};
    mfn_t mfn = new_extent(d, 0);

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(p2m_insert(d, GFN(bad[i].gfn), mfn, bad[i].count, P2M_RAM), -XEN_EINVAL);
    assert_int_equal(p2m_insert(d, GFN(GFN_LIMIT - 1), mfn, 1, P2M_RAM), 0);
    assert_int_equal(p2m_replace(d, GFN(GFN_LIMIT), mfn, P2M_RAM), -XEN_EINVAL);
    // Seen as holes: not as what a truncated number would name.
    assert_hole(GFN_LIMIT + GFN_LIMIT - 1);
    assert_hole(~0UL);
    assert_int_equal(p2m_remove(d, GFN(2 * GFN_LIMIT - 1)), -XEN_ENOENT);
    assert_false(mfn_valid(p2m_get_page(d, GFN(2 * GFN_LIMIT - 1), false)));
    assert_null(memory(~0UL >> PAGE_SHIFT, false));
}

static void test_insert_never_replaces(void **state)
{
    mfn_t there = put_page_of_type(3 * PAGES_2M - 1, P2M_SHARED), mfn = new_extent(d, ORDER_2M + 1);

    (void)state;
    assert_int_equal(p2m_insert(d, GFN(3 * PAGES_2M - 1), mfn, 1, P2M_RAM), -XEN_EEXIST);
    // The last page of the range, and one in the middle of it: what came before is undone.
    assert_int_equal(p2m_insert(d, GFN(PAGES_2M), mfn, 2 * PAGES_2M, P2M_RAM), -XEN_EEXIST);
    assert_int_equal(p2m_insert(d, GFN(3 * PAGES_2M - 5), mfn, 10, P2M_RAM), -XEN_EEXIST);
    for (uint64_t gfn = 0; gfn < 4 * PAGES_2M; gfn++)
        if (gfn != 3 * PAGES_2M - 1)
            assert_hole(gfn);
    assert_entry(3 * PAGES_2M - 1, P2M_SHARED, there.n, ORDER_4K);
    for (uint64_t i = 0; i < 2 * PAGES_2M; i++)
        assert_int_equal(refs(mfn_add(mfn, i)), 1);
    page_free_domain(d, mfn, ORDER_2M + 1);
}

static void test_replace_frees_ram_and_keeps_others_pages(void **state)
{
    (void)state;
    for (enum p2m_type type = P2M_HOLE; type < P2M_NR_TYPES; type++) {
        bool allowed = type == P2M_HOLE || type == P2M_RAM || type == P2M_RAM_RO || type == P2M_SHARED;
        mfn_t old = type == P2M_HOLE ? MFN_INVALID : put_page_of_type(77, type), new = page_alloc(0, 0);
        uint64_t flushes = d->p2m.flushes;

        assert_int_equal(p2m_replace(d, GFN(77), new, P2M_SHARED), allowed ? 0 : -XEN_EEXIST);
        assert_int_equal(refs(new), 1);
        if (allowed)
            assert_entry(77, P2M_SHARED, new.n, ORDER_4K);
        else
            page_put(new);
        if (allowed && type != P2M_HOLE) {
            assert_int_equal(refs(old), 0);
            assert_int_equal(d->p2m.flushes, flushes + 1);
        }
        assert_int_equal(p2m_remove(d, GFN(77)), 0);
    }
}

static void test_remove_cuts_large_leaves(void **state)
{
    mfn_t mfn = new_extent(d, ORDER_1G);
    uint64_t at = PAGES_1G + 3 * PAGES_2M + 17, flushes = d->p2m.flushes;

    (void)state;
    assert_int_equal(p2m_insert(d, GFN(PAGES_1G), mfn, PAGES_1G, P2M_RAM), 0);
    assert_int_equal(p2m_remove(d, GFN(at)), 0);
    assert_int_equal(d->p2m.flushes, flushes + 1);
    assert_hole(at);
    assert_int_equal(refs(MFN(mfn.n + 3 * PAGES_2M + 17)), 0);
    assert_entry(at - 1, P2M_RAM, mfn.n + 3 * PAGES_2M + 16, ORDER_4K);
    assert_entry(at + PAGES_2M, P2M_RAM, mfn.n + 4 * PAGES_2M + 17, ORDER_2M);
    assert_entry(2 * PAGES_1G - 1, P2M_RAM, mfn.n + PAGES_1G - 1, ORDER_2M);
    assert_int_equal(p2m_remove(d, GFN(at)), -XEN_ENOENT);
    assert_int_equal(d->tot_pages, PAGES_1G - 1);
}

// Whether the entry is removed or replaced, of a page that was read or written.
static void test_an_epoch_ends_with_a_page_that_was_addressed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool write = i & 1, replace = i & 2;
        mfn_t mfn = new_extent(d, 2);

        assert_int_equal(p2m_insert(d, GFN(8), mfn, 4, P2M_RAM), 0);
        uint64_t epoch = d->p2m.epoch, flushes = d->p2m.flushes;
        assert_non_null(memory(9, write));
        assert_non_null(memory(10, write));
        assert_int_equal(p2m_remove(d, GFN(11)), 0);
        assert_int_equal(d->p2m.epoch, epoch);
        if (replace)
            assert_int_equal(p2m_replace(d, GFN(9), page_alloc(0, 0), P2M_SHARED), 0);
        else
            assert_int_equal(p2m_remove(d, GFN(9)), 0);
        assert_int_equal(d->p2m.epoch, epoch + 1);
        assert_int_equal(d->p2m.flushes, flushes + 2);
        assert_int_equal(p2m_remove(d, GFN(10)), 0); // its address was good for the last epoch only
        assert_int_equal(d->p2m.epoch, epoch + 1);
        assert_int_equal(p2m_remove(d, GFN(8)), 0);
        if (replace)
            assert_int_equal(p2m_remove(d, GFN(9)), 0);
    }
}

static void test_each_type_may_be_used_as_it_says(void **state)
{
    static const struct {
        bool page_read, page_write, memory_read, memory_write;
    } may[P2M_NR_TYPES] = {
        [P2M_RAM] = {true, true, true, true},          [P2M_RAM_RO] = {true, false, true, false},
        [P2M_SHARED] = {false, false, true, true},     [P2M_FOREIGN] = {false, false, true, true},
        [P2M_GRANT_RW] = {false, false, true, true},   [P2M_GRANT_RO] = {false, false, true, false},
        [P2M_BOOT_FILE] = {false, false, true, false},
    };

    (void)state;
    for (enum p2m_type type = P2M_RAM; type < P2M_NR_TYPES; type++) {
        mfn_t mfn = put_page_of_type(type, type), got[2];
        char *at = type == P2M_MMIO ? NULL : (char *)mfn_to_virt(mfn) + 0x123;

        got[0] = p2m_get_page(d, GFN(type), false);
        assert_int_equal(mfn_valid(got[0]), may[type].page_read);
        got[1] = p2m_get_page(d, GFN(type), true);
        assert_int_equal(mfn_valid(got[1]), may[type].page_write);
        assert_ptr_equal(memory(type, false), may[type].memory_read ? at : NULL);
        assert_ptr_equal(memory(type, true), may[type].memory_write ? at : NULL);
        unsigned taken = may[type].page_read + may[type].page_write;
        if (type != P2M_MMIO)
            assert_int_equal(refs(mfn), 1 + taken);
        while (taken-- > 0)
            page_put(mfn);
    }
}

static void test_faults(void **state)
{
    static const bool writable[P2M_NR_TYPES] = {[P2M_RAM] = true,
                                                [P2M_SHARED] = true,
                                                [P2M_FOREIGN] = true,
                                                [P2M_GRANT_RW] = true,
                                                [P2M_MMIO] = true};
    struct vcpu v = {.domain = d};

    (void)state;
    for (enum p2m_type type = P2M_RAM; type < P2M_NR_TYPES; type++) {
        put_page_of_type(type, type);
        assert_true(p2m_fault(&v, type << PAGE_SHIFT, false));
        assert_int_equal(p2m_fault(&v, (type << PAGE_SHIFT) + 0xfff, true), writable[type]);
    }
    assert_false(p2m_fault(&v, 0x123456789, false));
}

static void test_only_the_hardware_domain_gets_the_machines_devices(void **state)
{
    struct vcpu v = {.domain = d};
    gpa_t gpa = (MMIO_FRAME + 5) << PAGE_SHIFT;

    (void)state;
    assert_false(p2m_fault(&v, gpa, true));
    d->privileges = PRIV_CONTROL;
    assert_false(p2m_fault(&v, gpa, true));
    d->privileges = PRIV_HARDWARE;
    assert_true(p2m_fault(&v, gpa, true));
    assert_entry(MMIO_FRAME + 5, P2M_MMIO, MMIO_FRAME + 5, ORDER_4K);
    assert_false(p2m_fault(&v, 1UL << 20, true));               // RAM of somebody's
    assert_false(p2m_fault(&v, GFN_LIMIT << PAGE_SHIFT, true)); // beyond the address width
}

// Tries an insertion with ever more table pages, until it succeeds.
static void insert_with_scarce_tables(uint64_t gfn, mfn_t mfn, uint64_t count)
{
    int rc = -XEN_ENOMEM;

    for (d->p2m.pool_limit = d->p2m.pool_pages; rc; d->p2m.pool_limit++) {
        rc = p2m_insert(d, GFN(gfn), mfn, count, P2M_RAM);
        assert_true(d->p2m.pool_pages <= d->p2m.pool_limit);
        if (rc == 0)
            break;
        assert_int_equal(rc, -XEN_ENOMEM);
        for (uint64_t i = 0; i < count; i += i < 1024 ? 1 : 511) {
            assert_hole(gfn + i);
            assert_int_equal(refs(mfn_add(mfn, i)), 1);
        }
        assert_hole(gfn + count - 1);
    }
    for (uint64_t i = 0; i < count; i += i < 1024 ? 1 : 511)
        assert_int_equal(p2m_lookup(d, GFN(gfn + i)).mfn.n, mfn.n + i);
}

static void test_insert_is_undone_without_table_pages(void **state)
{
    mfn_t mfn = new_extent(d, ORDER_1G);

    (void)state;
    // All of these begin in one table and end in another.
    insert_with_scarce_tables(PAGES_1G - 1, mfn, 2);
    insert_with_scarce_tables(5 * PAGES_1G - 3 * PAGES_2M - 10, mfn_add(mfn, PAGES_2M - 10), 5 * PAGES_2M);
    insert_with_scarce_tables(9 * PAGES_1G - 7, mfn_add(mfn, PAGES_1G / 2),
                              PAGES_2M + 9); // never in step: small leaves
    for (uint64_t i = 0; i < PAGES_1G; i++) {
        bool mapped = i < 2 || (i >= PAGES_2M - 10 && i < 6 * PAGES_2M - 10) ||
                      (i >= PAGES_1G / 2 && i < PAGES_1G / 2 + PAGES_2M + 9);

        if (!mapped)
            page_put(mfn_add(mfn, i));
    }
}

static void test_a_whole_gigabyte_is_undone_without_table_pages(void **state)
{
    mfn_t mfn = new_extent(d, ORDER_1G);

    (void)state;
    // Entries at either side see to it that tables exist, and are not mistaken for part of the extent.
    mfn_t below = put_page_of_type(3 * PAGES_1G - 1, P2M_RAM),
          above = put_page_of_type(4 * PAGES_1G, P2M_RAM);
    insert_with_scarce_tables(3 * PAGES_1G, mfn, PAGES_1G);
    assert_entry(3 * PAGES_1G - 1, P2M_RAM, below.n, ORDER_4K);
    assert_entry(4 * PAGES_1G, P2M_RAM, above.n, ORDER_4K);
}

static void test_a_leaf_that_cannot_be_cut_stays(void **state)
{
    mfn_t mfn = new_extent(d, ORDER_1G), new = page_alloc(0, 0);

    (void)state;
    assert_int_equal(p2m_insert(d, GFN(0), mfn, PAGES_1G, P2M_RAM), 0);
    d->p2m.pool_limit = d->p2m.pool_pages;
    assert_int_equal(p2m_remove(d, GFN(5)), -XEN_ENOMEM);
    assert_int_equal(p2m_replace(d, GFN(5), new, P2M_SHARED), -XEN_ENOMEM);
    assert_entry(5, P2M_RAM, mfn.n + 5, largest_order());
    assert_int_equal(refs(mfn_add(mfn, 5)), 1);
    page_free(new, 0);
}

static void test_a_dying_domain_takes_nothing_more(void **state)
{
    mfn_t mfn = put_page_of_type(1, P2M_RAM), more = new_extent(d, 0);

    (void)state;
    d->state = DOMAIN_DYING;
    assert_int_equal(p2m_insert(d, GFN(2), more, 1, P2M_RAM), -XEN_EINVAL);
    assert_int_equal(p2m_replace(d, GFN(1), more, P2M_RAM), -XEN_EINVAL);
    assert_entry(1, P2M_RAM, mfn.n, ORDER_4K);
    while (p2m_destroy(d))
        ;
    assert_hole(1);
    assert_int_equal(p2m_remove(d, GFN(1)), -XEN_ENOENT);
    assert_null(memory(1, false));
    assert_int_equal(p2m_destroy(d), 0);
    page_put(more);
}

static void test_teardown_goes_in_bounded_steps(void **state)
{
    mfn_t mfn = new_extent(d, ORDER_1G);
    uint64_t left = PAGES_1G + 100;
    unsigned calls = 0;
    int rc;

    (void)state;
    assert_int_equal(p2m_insert(d, GFN(PAGES_1G), mfn, PAGES_1G, P2M_RAM), 0);
    for (unsigned i = 0; i < 100; i++)
        put_page_of_type(i * 2500, P2M_RAM);
    put_page_of_type(MMIO_FRAME, P2M_MMIO);
    do {
        rc = p2m_destroy(d);
        assert_true(left - d->tot_pages <= 1024);
        left = d->tot_pages;
        calls++;
    } while (rc == -XEN_ERESTART);
    assert_int_equal(rc, 0);
    assert_int_equal(left, 0);
    assert_true(calls >= PAGES_1G / 1024);
}

static void test_others_pages_outlive_the_mapping(void **state)
{
    mfn_t mfn = put_page_of_type(9, P2M_FOREIGN);

    (void)state;
    assert_true(page_get(mfn)); // its owner's own reference
    assert_int_equal(p2m_remove(d, GFN(9)), 0);
    assert_int_equal(refs(mfn), 1);
    assert_int_equal(other->tot_pages, 1);
    page_put(mfn);
}

// --- against a model ---

#define WINDOW (6 * PAGES_2M)
#define BASE   (PAGES_1G - 3 * PAGES_2M)

static struct {
    enum p2m_type type;
    mfn_t mfn;
} model[WINDOW];

static void random_insert(void)
{
    unsigned order = random_below(4) ? random_below(3) : ORDER_2M;
    uint64_t count = 1UL << order, at = random_below(WINDOW - count);
    bool own = random_below(3), free_there = true;
    enum p2m_type type = own ? P2M_RAM : P2M_FOREIGN;

    if (random_below(2))
        at = ALIGN_DOWN(at, count);
    for (uint64_t i = 0; i < count; i++)
        free_there &= model[at + i].type == P2M_HOLE;
    mfn_t mfn = new_extent(own ? d : other, order);
    int rc = p2m_insert(d, GFN(BASE + at), mfn, count, type);
    assert_int_equal(rc, free_there ? 0 : -XEN_EEXIST);
    if (rc)
        page_free_domain(own ? d : other, mfn, order);
    for (uint64_t i = 0; rc == 0 && i < count; i++) {
        model[at + i].type = type;
        model[at + i].mfn = mfn_add(mfn, i);
    }
}

static void random_replace(void)
{
    uint64_t at = random_below(WINDOW);
    mfn_t mfn = new_extent(other, 0);
    int rc = p2m_replace(d, GFN(BASE + at), mfn, P2M_GRANT_RW);

    assert_int_equal(rc, model[at].type == P2M_HOLE || model[at].type == P2M_RAM ? 0 : -XEN_EEXIST);
    if (rc) {
        page_put(mfn);
        return;
    }
    model[at].type = P2M_GRANT_RW;
    model[at].mfn = mfn;
}

static void random_remove(void)
{
    for (uint64_t n = 1 + random_below(50), at = random_below(WINDOW); n > 0 && at < WINDOW; n--, at++) {
        assert_int_equal(p2m_remove(d, GFN(BASE + at)), model[at].type == P2M_HOLE ? -XEN_ENOENT : 0);
        model[at].type = P2M_HOLE;
    }
}

static void compare_with_model(void)
{
    uint64_t own = 0, others = 0;

    for (uint64_t at = 0; at < WINDOW; at++) {
        struct p2m_entry entry = p2m_lookup(d, GFN(BASE + at));

        assert_int_equal(entry.type, model[at].type);
        if (entry.type == P2M_HOLE)
            continue;
        assert_int_equal(entry.mfn.n, model[at].mfn.n);
        assert_int_equal(refs(entry.mfn), 1);
        own += entry.type == P2M_RAM;
        others += entry.type != P2M_RAM;
    }
    assert_int_equal(d->tot_pages, own);
    assert_int_equal(other->tot_pages, others);
}

static void test_random_operations_match_a_model(void **state)
{
    static void (*const operations[])(void) = {random_insert, random_replace, random_remove, random_remove};

    (void)state;
    memset(model, 0, sizeof(model));
    for (unsigned step = 0; step < 20000; step++) {
        operations[random_below(ARRAY_SIZE(operations))]();
        if (step % 500 == 0)
            compare_with_model();
    }
    compare_with_model();
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pages_are_found_where_they_were_put),
        TEST(test_ranges_get_the_largest_leaves),
        TEST(test_nothing_beyond_the_address_width),
        TEST(test_insert_never_replaces),
        TEST(test_replace_frees_ram_and_keeps_others_pages),
        TEST(test_remove_cuts_large_leaves),
        TEST(test_each_type_may_be_used_as_it_says),
        TEST(test_an_epoch_ends_with_a_page_that_was_addressed),
        TEST(test_faults),
        TEST(test_only_the_hardware_domain_gets_the_machines_devices),
        TEST(test_insert_is_undone_without_table_pages),
        TEST(test_a_whole_gigabyte_is_undone_without_table_pages),
        TEST(test_a_leaf_that_cannot_be_cut_stays),
        TEST(test_a_dying_domain_takes_nothing_more),
        TEST(test_teardown_goes_in_bounded_steps),
        TEST(test_others_pages_outlive_the_mapping),
        TEST(test_random_operations_match_a_model),
    };

    int failed = cmocka_run_group_tests_name("p2m, leaves up to 2 MiB", tests, start_machine, NULL);
    pt_format_npt.max_order = ORDER_1G;
    return failed + cmocka_run_group_tests_name("p2m, leaves up to 1 GiB", tests, NULL, NULL);
}
