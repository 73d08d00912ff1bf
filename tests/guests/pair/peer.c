// SPDX-License-Identifier: MIT
//
// The peer: events there and back, copies and mappings of the server's pages, and what each costs.

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <guest/cpu.h>
#include <guest/thread.h>
#include <guest/time.h>
#include <guest/trap.h>
#include <guest/xenstore.h>
#include "pair.h"

#define RUNS      200
#define VECTOR_GP 13

static domid_t server;
static struct pair pair;
static uint8_t *buffer; // PAIR_PAGES

static bool parse(char *text)
{
    char *at = text;
    pair.port = (evtchn_port_t)strtoul(at, &at, 10);
    for (unsigned i = 0; i < PAIR_REFS; i++) {
        if (*at != ' ')
            return false;
        pair.refs[i] = (grant_ref_t)strtoul(at, &at, 10);
    }
    return true;
}

// The server may not be that far yet.
static bool find_server(void)
{
    char path[64];
    snprintf(path, sizeof(path), "/local/domain/%u/" PAIR_NODE, server);
    for (int attempt = 0; attempt < 1000; attempt++) {
        char *text = xs_read(XS_NONE, path, NULL);
        bool found = text && parse(text);
        free(text);
        if (found)
            return true;
        thread_sleep(10 * NS_PER_MS);
    }
    return false;
}

static void say_done(void)
{
    const char *verdict = test_worst == TEST_FAIL ? PAIR_FAILED : PAIR_DONE;
    char path[64];
    snprintf(path, sizeof(path), "/local/domain/%u/" PAIR_NODE, server);
    CHECK_EQUAL(xs_write(XS_NONE, path, verdict, strlen(verdict)), 0);
}

static void report(const char *row, uint64_t ticks)
{
    printf("bench %s %llu\n", row, (unsigned long long)ticks);
}

// ---- events
// -------------------------------------------------------------------------------------------------------

static struct waitq answered = WAITQ_INIT;
static unsigned answers;

static void on_answer(evtchn_port_t port, void *unused)
{
    (void)port, (void)unused;
    answers++;
    waitq_wake_all(&answered);
}

static void test_events(void)
{
    uint64_t best = UINT64_MAX;
    int port = event_bind_interdomain(server, pair.port, on_answer, NULL);
    CHECK(port > 0);
    CHECK(event_bind_interdomain(server, pair.port, NULL, NULL) < 0); // taken, by us
    thread_sleep(NS_PER_MS);                                          // binding may have raised an event
    for (int run = 0; run < RUNS; run++) {
        unsigned before = answers;
        uint64_t start = rdtsc();
        event_send((evtchn_port_t)port);
        if (!waitq_wait_event(&answered, answers != before, time_after(5 * NS_PER_S))) {
            test_note(TEST_FAIL, "no answer to event %d", run);
            return;
        }
        uint64_t ticks = rdtsc() - start;
        best = ticks < best ? ticks : best;
    }
    report("event-ping-pong", best);
}

// ---- copies
// -------------------------------------------------------------------------------------------------------

static bool copy_in(unsigned count)
{
    struct gnttab_copy ops[PAIR_PAGES];
    for (unsigned i = 0; i < count; i++)
        ops[i] = (struct gnttab_copy){
            .source = {.u.ref = pair.refs[i], .domid = server},
            .dest = {.u.gmfn = mem_gfn_of(buffer) + i, .domid = DOMID_SELF},
            .len = PAGE_SIZE,
            .flags = GNTCOPY_source_gref,
        };
    return !grant_copy(ops, count);
}

static int copy_one(grant_ref_t ref, bool out)
{
    struct gnttab_copy op = {.len = PAGE_SIZE, .flags = out ? GNTCOPY_dest_gref : GNTCOPY_source_gref};
    op.source.domid = out ? DOMID_SELF : server;
    op.dest.domid = out ? server : DOMID_SELF;
    if (out) {
        op.source.u.gmfn = mem_gfn_of(buffer);
        op.dest.u.ref = ref;
    } else {
        op.source.u.ref = ref;
        op.dest.u.gmfn = mem_gfn_of(buffer);
    }
    return grant_copy(&op, 1);
}

static void measure_copies(const char *row, unsigned count)
{
    uint64_t best = UINT64_MAX;
    for (int run = 0; run < RUNS; run++) {
        uint64_t start = rdtsc();
        CHECK(copy_in(count));
        uint64_t ticks = rdtsc() - start;
        best = ticks < best ? ticks : best;
    }
    report(row, best);
}

static unsigned wrong_bytes(const uint8_t *data, unsigned page)
{
    unsigned wrong = 0;
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        wrong += data[i] != pair_byte(page, i);
    return wrong;
}

static void test_copies(void)
{
    measure_copies("grant-copy-4k", 1);
    measure_copies("grant-copy-16x4k", PAIR_PAGES);
    for (unsigned page = 0; page < PAIR_PAGES; page++)
        CHECK_EQUAL(wrong_bytes(buffer + page * PAGE_SIZE, page), 0);
    CHECK_EQUAL(copy_one(pair.refs[PAIR_RO], false), 0);
    CHECK_EQUAL(wrong_bytes(buffer, PAIR_RO), 0);
    memset(buffer, 0, PAGE_SIZE);
    CHECK(copy_one(pair.refs[PAIR_RO], true) < 0);
    CHECK(copy_one(pair.refs[PAIR_ALIEN], false) < 0);
    CHECK(copy_one(pair.refs[PAIR_ALIEN], true) < 0);
    CHECK(copy_one(pair.refs[PAIR_REFS - 1] + 1, false) < 0);
}

// ---- mappings
// -----------------------------------------------------------------------------------------------------

static uint64_t store_rip;

static bool skip_store(struct trap_frame *frame)
{
    if (frame->rip != store_rip)
        return false;
    frame->rip += 2; // the length of "movb %al, (%rcx)"
    return true;
}

// A write to a read-only grant goes nowhere: real Xen swallows it, Proxenos answers with #GP.
static void try_to_write(void *address)
{
    trap_handler before = trap_set_handler(VECTOR_GP, skip_store);
    __asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; mov $0x5a, %%al\n"
                     "1: movb %%al, (%%rcx)"
                     : "=m"(store_rip)
                     : "c"(address)
                     : "rax", "memory");
    trap_set_handler(VECTOR_GP, before);
}

static void test_readonly_mapping(void)
{
    struct grant_mapping mapping;
    CHECK(grant_map(server, &pair.refs[PAIR_RO], 1, false, &mapping) < 0);
    CHECK_EQUAL(grant_map(server, &pair.refs[PAIR_RO], 1, true, &mapping), 0);
    CHECK_EQUAL(wrong_bytes(mapping.address, PAIR_RO), 0);
    try_to_write(mapping.address);
    CHECK_EQUAL(wrong_bytes(mapping.address, PAIR_RO), 0);
    grant_unmap(&mapping, 1);
    // Read-only by the mapper's own wish.
    CHECK_EQUAL(grant_map(server, &pair.refs[1], 1, true, &mapping), 0);
    try_to_write(mapping.address);
    CHECK_EQUAL(wrong_bytes(mapping.address, 1), 0);
    grant_unmap(&mapping, 1);
}

static void test_mappings(void)
{
    uint64_t best = UINT64_MAX;
    struct grant_mapping mappings[PAIR_PAGES];
    for (int run = 0; run < RUNS; run++) {
        uint64_t start = rdtsc();
        CHECK_EQUAL(grant_map(server, pair.refs, 1, false, mappings), 0);
        grant_unmap(mappings, 1);
        uint64_t ticks = rdtsc() - start;
        best = ticks < best ? ticks : best;
    }
    report("grant-map-unmap", best);
    CHECK(grant_map(server, &pair.refs[PAIR_ALIEN], 1, true, mappings) < 0);
    CHECK_EQUAL(grant_map(server, pair.refs, PAIR_PAGES, false, mappings), 0);
    for (unsigned page = 0; page < PAIR_PAGES; page++)
        CHECK_EQUAL(wrong_bytes(mappings[page].address, page), 0);
    grant_unmap(mappings, PAIR_PAGES);
    test_readonly_mapping();
}

// Left mapped on purpose: the end of this domain must give it back.
static void leave_stamp(void)
{
    struct grant_mapping mapping;
    uint32_t stamp = PAIR_STAMP;
    CHECK_EQUAL(grant_map(server, pair.refs, 1, false, &mapping), 0);
    memcpy(mapping.address, &stamp, sizeof(stamp));
}

void be_peer(domid_t domid)
{
    server = domid;
    buffer = page_alloc(PAIR_PAGES);
    if (!find_server()) {
        test_note(TEST_FAIL, "domain %u offers nothing: %s", server, strerror(errno));
        return;
    }
    test_events();
    test_copies();
    test_mappings();
    leave_stamp();
    say_done();
}
