// SPDX-License-Identifier: MIT
//
// Grants, from a domain to itself: mapping, copying, read-only grants, revoking, and every wrong argument.
// Real Xen copies from a domain's own grants but does not reliably map them; those parts are skipped there.

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <guest/gnttab.h>
#include <guest/hypercall.h>
#include <guest/main.h>
#include <guest/mem.h>
#include "../test.h"

static domid_t self;
static char *page, *other;

static void fill(char *p, char c)
{
    memset(p, c, PAGE_SIZE);
}

// Counts the bytes that aren't c.
static size_t unlike(const char *p, size_t size, char c)
{
    size_t different = 0;
    for (size_t i = 0; i < size; i++)
        different += p[i] != c;
    return different;
}

// ---- copying
// ------------------------------------------------------------------------------------------------------

static struct gnttab_copy copy_in(grant_ref_t ref)
{
    return (struct gnttab_copy){
        .source = {.u.ref = ref, .domid = self},
        .dest = {.u.gmfn = mem_gfn_of(other), .domid = DOMID_SELF},
        .len = PAGE_SIZE,
        .flags = GNTCOPY_source_gref,
    };
}

static struct gnttab_copy copy_out(grant_ref_t ref)
{
    return (struct gnttab_copy){
        .source = {.u.gmfn = mem_gfn_of(other), .domid = DOMID_SELF},
        .dest = {.u.ref = ref, .domid = self},
        .len = PAGE_SIZE,
        .flags = GNTCOPY_dest_gref,
    };
}

static void test_copy(void)
{
    int ref = grant_access(self, mem_gfn_of(page), false);
    CHECK(ref >= 8); // the first are reserved
    fill(page, 'p');
    fill(other, 'o');
    struct gnttab_copy op = copy_in((grant_ref_t)ref);
    CHECK_EQUAL(grant_copy(&op, 1), 0);
    CHECK_EQUAL(unlike(other, PAGE_SIZE, 'p'), 0);

    fill(other, 'o');
    op = copy_in((grant_ref_t)ref);
    op.source.offset = 100;
    op.dest.offset = 4000;
    op.len = 96;
    CHECK_EQUAL(grant_copy(&op, 1), 0);
    CHECK_EQUAL(unlike(other, 4000, 'o'), 0);
    CHECK_EQUAL(unlike(other + 4000, 96, 'p'), 0);

    fill(other, 'x');
    op = copy_out((grant_ref_t)ref);
    CHECK_EQUAL(grant_copy(&op, 1), 0);
    CHECK_EQUAL(unlike(page, PAGE_SIZE, 'x'), 0);
    CHECK_EQUAL(grant_end((grant_ref_t)ref), 0);
}

static void test_copy_out_of_bounds(void)
{
    static const struct {
        uint16_t source, dest, length;
    } bad[] = {{1, 0, 4096},  {0, 1, 4096}, {4096, 0, 1},       {0, 4096, 1},
               {65535, 0, 1}, {0, 0, 4097}, {4095, 4095, 65535}};
    int ref = grant_access(self, mem_gfn_of(page), false);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct gnttab_copy op = copy_in((grant_ref_t)ref);
        fill(page, 'p');
        fill(other, 'o');
        op.source.offset = bad[i].source;
        op.dest.offset = bad[i].dest;
        op.len = bad[i].length;
        CHECK(grant_copy(&op, 1) < 0);
        CHECK_EQUAL(unlike(other, PAGE_SIZE, 'o'), 0);
    }
    grant_end((grant_ref_t)ref);
}

static void test_copy_wrong_grant(void)
{
    int readonly = grant_access(self, mem_gfn_of(page), true);
    int not_ours = grant_access(0x7000, mem_gfn_of(page), false);
    int no_page = grant_access(self, UINT64_C(0xfffff0), false);
    int revoked = grant_access(self, mem_gfn_of(page), false);
    CHECK_EQUAL(grant_end((grant_ref_t)revoked), 0);
    struct gnttab_copy ops[] = {
        copy_in((grant_ref_t)readonly),
        copy_out((grant_ref_t)readonly),
        copy_in((grant_ref_t)not_ours),
        copy_in((grant_ref_t)no_page),
        copy_in((grant_ref_t)revoked),
        copy_in(0x7fffffff),
        copy_in(0xffffffff),
        copy_in((grant_ref_t)readonly),
    };
    fill(page, 'p');
    fill(other, 'o');
    CHECK(grant_copy(ops, sizeof(ops) / sizeof(ops[0])) < 0);
    CHECK_EQUAL(ops[0].status, GNTST_okay);
    for (size_t i = 1; i < 7; i++)
        if (ops[i].status == GNTST_okay)
            test_note(TEST_FAIL, "copy %zu through a wrong grant succeeded", i);
    CHECK_EQUAL(ops[7].status, GNTST_okay); // the others don't spoil it
    CHECK_EQUAL(unlike(page, PAGE_SIZE, 'p'), 0);
    struct gnttab_copy op = copy_in((grant_ref_t)readonly);
    op.source.domid = 0x7000; // no such domain
    CHECK(grant_copy(&op, 1) < 0);
    op = copy_in((grant_ref_t)readonly);
    op.dest.u.gmfn = UINT64_C(1) << 45;
    CHECK(grant_copy(&op, 1) < 0);
    grant_end((grant_ref_t)readonly);
    grant_end((grant_ref_t)not_ours);
    grant_end((grant_ref_t)no_page);
}

// ---- mapping
// ------------------------------------------------------------------------------------------------------

static void test_map(void)
{
    struct grant_mapping mapping, twice;
    int made = grant_access(self, mem_gfn_of(page), false);
    grant_ref_t ref = (grant_ref_t)made;
    fill(page, 'm');
    CHECK_EQUAL(grant_map(self, &ref, 1, false, &mapping), 0);
    char *view = mapping.address;
    CHECK_EQUAL(unlike(view, PAGE_SIZE, 'm'), 0);
    view[17] = 'w';
    CHECK_EQUAL(page[17], 'w');
    CHECK_EQUAL(grant_end(ref), -EBUSY);
    CHECK_EQUAL(grant_map(self, &ref, 1, true, &twice), 0);
    CHECK_EQUAL(((char *)twice.address)[17], 'w');
    grant_unmap(&twice, 1);
    CHECK_EQUAL(grant_end(ref), -EBUSY);
    grant_unmap(&mapping, 1);
    CHECK_EQUAL(grant_end(ref), 0);
    struct grant_mapping late;
    CHECK(grant_map(self, &ref, 1, false, &late) < 0); // revoked
}

static void test_map_many(void)
{
    enum { MANY = 100 };
    static grant_ref_t refs[MANY];
    static struct grant_mapping mappings[MANY];
    char *pages = page_alloc(MANY);
    for (int i = 0; i < MANY; i++) {
        fill(pages + (size_t)i * PAGE_SIZE, (char)i);
        refs[i] = (grant_ref_t)grant_access(self, mem_gfn_of(pages) + (uint64_t)i, true);
    }
    CHECK_EQUAL(grant_map(self, refs, MANY, true, mappings), 0);
    for (int i = 0; i < MANY; i++)
        CHECK_EQUAL(unlike((char *)mappings[0].address + (size_t)i * PAGE_SIZE, PAGE_SIZE, (char)i), 0);
    grant_unmap(mappings, MANY);
    grant_end(refs[50]);
    CHECK(grant_map(self, refs, MANY, true, mappings) < 0); // all or none
    for (int i = 0; i < MANY; i++)
        CHECK_EQUAL(grant_end(refs[i]), 0); // ending one twice is harmless
    page_free(pages, MANY);
}

static void test_map_wrong(void)
{
    grant_ref_t readonly = (grant_ref_t)grant_access(self, mem_gfn_of(page), true);
    grant_ref_t bad[] = {readonly, 0x7fffffff, 0xffffffff, 4000};
    struct grant_mapping mapping;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(grant_map(self, &bad[i], 1, false, &mapping) < 0);
    CHECK(grant_map(0x7000, &readonly, 1, true, &mapping) < 0);
    CHECK_EQUAL(grant_end(readonly), 0);
    struct gnttab_unmap_grant_ref op = {.host_addr = gfn_window_alloc(1) << 12, .handle = 12345};
    CHECK_EQUAL(HYPERVISOR_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1), 0);
    CHECK(op.status != GNTST_okay);
    gfn_window_free(op.host_addr >> 12, 1);
}

// Real Xen loses track of a page that was mapped through its owner's own grant: the second mapping fails.
static bool map_works(void)
{
    struct grant_mapping mapping;
    char *trial = page_alloc(1);
    grant_ref_t ref = (grant_ref_t)grant_access(self, mem_gfn_of(trial), false);
    int rc = 0;
    for (int i = 0; i < 2 && !rc; i++) {
        rc = grant_map(self, &ref, 1, false, &mapping);
        if (!rc)
            grant_unmap(&mapping, 1);
    }
    grant_end(ref);
    return !rc;
}

// ---- the table
// ----------------------------------------------------------------------------------------------------

static void test_table_fills_up(void)
{
    struct gnttab_query_size query = {.dom = DOMID_SELF};
    CHECK_EQUAL(HYPERVISOR_grant_table_op(GNTTABOP_query_size, &query, 1), 0);
    CHECK(query.max_nr_frames >= 4 && query.nr_frames <= query.max_nr_frames);
    size_t most = (size_t)query.max_nr_frames * 512, count = 0;
    grant_ref_t *refs = malloc(most * sizeof(*refs));
    int ref = 0;
    while (refs && count < most && (ref = grant_access(self, mem_gfn_of(page), false)) >= 0)
        refs[count++] = (grant_ref_t)ref;
    CHECK_EQUAL(ref, -ENOSPC);
    CHECK_EQUAL(count, most - 8);
    struct gnttab_copy op = copy_in(refs[count - 1]); // in the last frame
    CHECK_EQUAL(grant_copy(&op, 1), 0);
    while (count)
        CHECK_EQUAL(grant_end(refs[--count]), 0);
    free(refs);
}

static void test_calls(void)
{
    struct gnttab_set_version version = {.version = 1};
    struct gnttab_query_size query = {.dom = 0};
    CHECK_EQUAL(HYPERVISOR_grant_table_op(GNTTABOP_set_version, &version, 1), 0);
    CHECK_EQUAL(HYPERVISOR_grant_table_op(GNTTABOP_query_size, &query, 1), 0);
    CHECK(query.status != GNTST_okay);
    CHECK(HYPERVISOR_grant_table_op(GNTTABOP_copy, (void *)0x1000, 0xffffffff) < 0);
}

int main(void)
{
    self = guest_domid();
    page = page_alloc(1);
    other = page_alloc(1);
    test_copy();
    test_copy_out_of_bounds();
    test_copy_wrong_grant();
    test_table_fills_up();
    test_calls();
    if (test_on_proxenos() || map_works()) {
        test_map();
        test_map_many();
        test_map_wrong();
    } else {
        test_note(TEST_SKIP, "this hypervisor does not map grants of one's own");
    }
    return test_end("grants");
}
