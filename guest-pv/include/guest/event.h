// SPDX-License-Identifier: MIT
//
// Event channels (2-level ABI, ports 1..4095). The upcall interrupt only notes that something is pending;
// handlers run later, from the thread scheduler, on the stack of whichever thread gave way, never in parallel
// with anything: no locking is needed, but a handler must not block or yield. A port's pending bit is cleared
// before its handler runs, so an event sent meanwhile runs it again. Functions return a port or 0, or a
// negative errno.
#ifndef GUEST_EVENT_H
#define GUEST_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/event_channel.h>

typedef void (*event_handler)(evtchn_port_t port, void *arg);

// Each returns the new local port, bound to handler(port, arg) and unmasked. A NULL handler leaves it masked.
int event_bind_virq(uint32_t virq, event_handler handler, void *arg); // VIRQ_* of <xen/xen.h>, vcpu 0
int event_bind_pirq(uint32_t pirq, event_handler handler,
                    void *arg);                       // physical interrupt, privileged domains
int event_bind_ipi(event_handler handler, void *arg); // sent to oneself with event_send
int event_alloc_unbound(domid_t remote, event_handler handler, void *arg);
int event_bind_interdomain(domid_t remote, evtchn_port_t remote_port, event_handler handler, void *arg);

// Allocates an unbound port of domain `dom` for `remote` to bind (toolstack; needs privilege over `dom`).
int event_alloc_unbound_for(domid_t dom, domid_t remote);

// Sets the handler of a port known otherwise (from an HVM parameter, say) and unmasks it.
int event_set_handler(evtchn_port_t port, event_handler handler, void *arg);

int event_send(evtchn_port_t port);
int event_close(evtchn_port_t port); // masked, handler forgotten, then closed
void event_mask(evtchn_port_t port);
void event_unmask(evtchn_port_t port); // an event that came while masked is delivered
bool event_is_pending(evtchn_port_t port);
bool event_is_masked(evtchn_port_t port);
void event_clear(evtchn_port_t port); // forgets a pending event

// Runs the handlers of all pending unmasked ports; true if there was one. The scheduler calls it; a loop that
// must not yield may too, but never a handler.
bool event_dispatch(void);

#endif
