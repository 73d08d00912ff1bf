// SPDX-License-Identifier: MIT
//
// The store's rings. Indices run freely and are masked by the ring size; the other side's index is never
// trusted to be within one ringful.

#include <stdint.h>
#include <xen/io/xs_wire.h>
#include <guest/event.h>
#include <guest/hypercall.h>
#include <guest/mem.h>
#include "xenstore_ring.h"

static struct xenstore_domain_interface *ring;
static evtchn_port_t port;

static void on_port(evtchn_port_t unused, void *arg)
{
    void (**on_event)(void) = arg;
    (void)unused;
    (*on_event)();
}

bool xs_ring_init(void (*on_event)(void))
{
    static void (*handler)(void);
    uint64_t gfn = 0, evtchn = 0;
    if (hvm_param_get(DOMID_SELF, HVM_PARAM_STORE_PFN, &gfn) || !gfn ||
        hvm_param_get(DOMID_SELF, HVM_PARAM_STORE_EVTCHN, &evtchn) || !evtchn)
        return false;
    handler = on_event;
    ring = mem_of_gfn(gfn);
    port = (evtchn_port_t)evtchn;
    return !event_set_handler(port, on_port, &handler);
}

size_t xs_ring_read(void *data, size_t size)
{
    char *bytes = data;
    XENSTORE_RING_IDX before = ring->rsp_cons, consumed = before;
    XENSTORE_RING_IDX available = __atomic_load_n(&ring->rsp_prod, __ATOMIC_ACQUIRE) - before;
    if (available > XENSTORE_RING_SIZE)
        return 0;
    size_t count = available < size ? available : size;
    for (size_t i = 0; i < count; i++)
        bytes[i] = ring->rsp[MASK_XENSTORE_IDX(consumed++)];
    __atomic_store_n(&ring->rsp_cons, consumed, __ATOMIC_SEQ_CST);
    // Looked at only now: the store may have filled the ring, and found it full, while we were reading.
    if (count && __atomic_load_n(&ring->rsp_prod, __ATOMIC_SEQ_CST) - before >= XENSTORE_RING_SIZE)
        xs_ring_notify();
    return count;
}

size_t xs_ring_write(const void *data, size_t size)
{
    const char *bytes = data;
    XENSTORE_RING_IDX used = ring->req_prod - __atomic_load_n(&ring->req_cons, __ATOMIC_ACQUIRE);
    XENSTORE_RING_IDX produced = ring->req_prod;
    size_t space = used < XENSTORE_RING_SIZE ? XENSTORE_RING_SIZE - used : 0;
    size_t count = space < size ? space : size;
    for (size_t i = 0; i < count; i++)
        ring->req[MASK_XENSTORE_IDX(produced++)] = bytes[i];
    __atomic_store_n(&ring->req_prod, produced, __ATOMIC_RELEASE);
    return count;
}

void xs_ring_notify(void)
{
    event_send(port);
}
