// SPDX-License-Identifier: MIT
//
// The server: grants pages, answers events, and at the end sees that a domain which died gives back what it
// had mapped.

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <guest/thread.h>
#include <guest/time.h>
#include <guest/xenstore.h>
#include "pair.h"

static uint8_t *pages; // PAIR_PAGES + 1, the last one granted twice
static struct pair pair;
static struct waitq finished = WAITQ_INIT;
static bool done;

static void answer(evtchn_port_t port, void *unused)
{
    (void)unused;
    event_send(port);
}

static bool grant_pages(domid_t peer)
{
    pages = page_alloc(PAIR_PAGES + 1);
    for (unsigned page = 0; page <= PAIR_PAGES; page++)
        for (unsigned i = 0; i < PAGE_SIZE; i++)
            pages[page * PAGE_SIZE + i] = pair_byte(page, i);
    for (unsigned i = 0; i < PAIR_REFS; i++) {
        uint64_t gfn = mem_gfn_of(pages) + (i < PAIR_PAGES ? i : PAIR_PAGES);
        int ref = grant_access(i == PAIR_ALIEN ? 0x7000 : peer, gfn, i == PAIR_RO);
        if (ref < 0)
            return false;
        pair.refs[i] = (grant_ref_t)ref;
    }
    return true;
}

static bool publish(void)
{
    char text[256];
    int length = snprintf(text, sizeof(text), "%u", pair.port);
    for (unsigned i = 0; i < PAIR_REFS; i++)
        length += snprintf(text + length, sizeof(text) - (size_t)length, " %u", pair.refs[i]);
    return !xs_write(XS_NONE, PAIR_NODE, text, (size_t)length);
}

// A permission for a domain that isn't there yet counts for nothing when it comes: given again and again.
static void let_in(domid_t peer)
{
    char owner[8], writer[8];
    unsigned self = 0;
    CHECK_EQUAL(xs_scanf(XS_NONE, "domid", "%u", &self), 1);
    snprintf(owner, sizeof(owner), "n%u", self);
    snprintf(writer, sizeof(writer), "b%u", peer);
    CHECK_EQUAL(xs_set_perms(XS_NONE, PAIR_NODE, (const char *const[]){owner, writer}, 2), 0);
}

static void wait_for_peer(domid_t peer)
{
    uint64_t deadline = time_after(120 * NS_PER_S);
    while (!done && time_now() < deadline) {
        let_in(peer);
        waitq_wait_event(&finished, done, time_after(100 * NS_PER_MS));
    }
    CHECK(done);
}

static void on_node(const char *path, void *unused)
{
    (void)path, (void)unused;
    char *value = xs_read(XS_NONE, PAIR_NODE, NULL);
    bool failed = value && !strcmp(value, PAIR_FAILED);
    CHECK(!failed);
    done = failed || (value && !strcmp(value, PAIR_DONE));
    free(value);
    if (done)
        waitq_wake_all(&finished);
}

// Page 0 is mapped by the peer until its domain is torn down.
static void wait_for_release(void)
{
    uint64_t deadline = time_after(30 * NS_PER_S);
    int rc;
    while ((rc = grant_end(pair.refs[0])) == -EBUSY && time_now() < deadline)
        thread_sleep(10 * NS_PER_MS);
    CHECK_EQUAL(rc, 0);
    for (unsigned i = 1; i < PAIR_REFS; i++)
        CHECK_EQUAL(grant_end(pair.refs[i]), 0);
}

void serve(domid_t peer)
{
    int port = event_alloc_unbound(peer, answer, NULL);
    CHECK(port > 0);
    pair.port = (evtchn_port_t)port;
    if (!grant_pages(peer) || !publish() || !xs_watch(PAIR_NODE, on_node, NULL)) {
        test_note(TEST_FAIL, "can't offer anything: %s", strerror(errno));
        return;
    }
    printf("serving domain %u\n", peer);
    wait_for_peer(peer);
    uint32_t stamp;
    memcpy(&stamp, pages, sizeof(stamp));
    CHECK_EQUAL(stamp, PAIR_STAMP);
    CHECK_EQUAL(pages[PAIR_RO * PAGE_SIZE], pair_byte(PAIR_RO, 0)); // nobody could write there
    wait_for_release();
}
