// SPDX-License-Identifier: MIT
/*
 * The shared-page transport; see <xenstore/ring.h>.
 *
 * The domain writes req_prod and rsp_cons, we write req_cons and rsp_prod. Bytes are read behind an acquire
 * load of their producer index and freed by a release store of the consumer index, and the other way round
 * for what we produce.
 */
#include <xenstore/ring.h>

#include <string.h>

#include "conn.h"

/* How often one run goes around: a domain that keeps producing must not keep us from the others. */
#define PASSES 4

static uint32_t load(const uint32_t *field)
{
    return __atomic_load_n(field, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *field, uint32_t value)
{
    __atomic_store_n(field, value, __ATOMIC_RELEASE);
}

static void reset(struct xs_ring *ring)
{
    struct xenstore_domain_interface *page = ring->page;

    ring->broken = false;
    store(&page->req_cons, 0);
    store(&page->req_prod, 0);
    store(&page->rsp_cons, 0);
    store(&page->rsp_prod, 0);
    ring->req_cons = ring->rsp_prod = 0;
    store(&page->error, XENSTORE_ERROR_NONE);
    store(&page->connection, XENSTORE_CONNECTED);
}

void xs_ring_attach(struct xs_ring *ring, struct xenstore_domain_interface *page, struct xs_conn *conn,
                    void (*notify)(void *data), void *data)
{
    *ring = (struct xs_ring){.page = page, .conn = conn, .notify = notify, .data = data};
    /* The domain may have put requests into the ring already: the indices stay as they are. */
    ring->req_cons = load(&page->req_cons);
    ring->rsp_prod = load(&page->rsp_prod);
    page->server_features = xs_conn_features(conn);
    store(&page->error, XENSTORE_ERROR_NONE);
    /* Who asks for a new beginning already waits for it, and for the event that tells of it: see
     * xs_ring_run(). */
    if (load(&page->connection) != XENSTORE_RECONNECT)
        store(&page->connection, XENSTORE_CONNECTED);
}

/* Tells the domain why its connection is dead. Nothing more is taken or given until it reconnects. */
static void report_error(struct xs_ring *ring)
{
    ring->broken = true;
    store(&ring->page->error, xs_conn_error(ring->conn));
    ring->notify(ring->data);
}

/* The distance of two indices, the domain's one just read. False if no honest domain could have written it.
 */
static bool check_indices(struct xs_ring *ring, uint32_t distance)
{
    if (distance <= XENSTORE_RING_SIZE)
        return true;
    xs_conn_fail(ring->conn, XENSTORE_ERROR_RINGIDX, "the indices of its ring are wrong");
    return false;
}

/* Copies pending output into the response ring; true if something went. */
static bool deliver(struct xs_ring *ring)
{
    struct xenstore_domain_interface *page = ring->page;
    bool moved = false;
    const char *bytes;
    size_t len;

    while ((bytes = xs_conn_output(ring->conn, &len))) {
        uint32_t used = ring->rsp_prod - load(&page->rsp_cons);
        uint32_t at = MASK_XENSTORE_IDX(ring->rsp_prod);
        size_t room = XENSTORE_RING_SIZE - used;

        if (!check_indices(ring, used) || !room)
            break;
        if (room > XENSTORE_RING_SIZE - at)
            room = XENSTORE_RING_SIZE - at;
        if (len > room)
            len = room;
        memcpy(page->rsp + at, bytes, len);
        ring->rsp_prod += (uint32_t)len;
        store(&page->rsp_prod, ring->rsp_prod);
        xs_conn_output_done(ring->conn, len);
        moved = true;
    }
    return moved;
}

/* Hands the connection requests from the ring, at most to the ring's end; true if something went. */
static bool take(struct xs_ring *ring)
{
    struct xenstore_domain_interface *page = ring->page;
    uint32_t len = load(&page->req_prod) - ring->req_cons;
    uint32_t at = MASK_XENSTORE_IDX(ring->req_cons);
    char bytes[XENSTORE_RING_SIZE];
    size_t taken;

    if (!xs_conn_wants_input(ring->conn) || !check_indices(ring, len) || !len)
        return false;
    if (len > XENSTORE_RING_SIZE - at)
        len = XENSTORE_RING_SIZE - at;
    /* Copied once: the domain may go on writing here. */
    memcpy(bytes, page->req + at, len);
    taken = xs_conn_input(ring->conn, bytes, len);
    ring->req_cons += (uint32_t)taken;
    store(&page->req_cons, ring->req_cons);
    return taken != 0;
}

bool xs_ring_run(struct xs_ring *ring)
{
    bool moved = false, more = true;

    if (load(&ring->page->connection) == XENSTORE_RECONNECT) {
        xs_conn_reset(ring->conn);
        reset(ring);
        ring->notify(ring->data);
    }
    for (unsigned int pass = 0; pass < PASSES && more && !ring->broken; pass++) {
        more = deliver(ring);
        more |= take(ring);
        moved |= more;
        if (xs_conn_error(ring->conn))
            report_error(ring);
    }
    if (moved && !ring->broken)
        ring->notify(ring->data);
    return more && !ring->broken;
}
