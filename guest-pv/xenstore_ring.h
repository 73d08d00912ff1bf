// SPDX-License-Identifier: MIT
//
// The byte stream to the store: two rings in a shared page and an event channel.
#ifndef GUEST_XENSTORE_RING_H
#define GUEST_XENSTORE_RING_H

#include <stdbool.h>
#include <stddef.h>

// Finds the ring; on_event runs (as an event handler) whenever the other side did something. False if there
// is none.
bool xs_ring_init(void (*on_event)(void));

// Transfer as many bytes as there are or fit, without waiting. Return how many. Reading tells the other side
// when it may be waiting for space; what was written it hears of by xs_ring_notify().
size_t xs_ring_read(void *data, size_t size);
size_t xs_ring_write(const void *data, size_t size);
void xs_ring_notify(void);

#endif
