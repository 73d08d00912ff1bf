// SPDX-License-Identifier: MIT
// Event channels: one table of ports per domain. evtchn.c holds the state; evtchn_2l.c the 2-level pending
// and mask bits in shared_info; evtchn_op.c the hypercall. Public header: event_channel.h.
#pragma once

#include <hv/lock.h>
#include <hv/types.h>

#include <xen/event_channel.h>

struct domain;
struct vcpu;

#define EVTCHN_2L_PORTS    4096U // EVTCHN_2L_NR_CHANNELS for a 64-bit guest
#define EVTCHNS_PER_BUCKET 128U  // one bucket is one allocation
#define EVTCHN_BUCKETS     (EVTCHN_2L_PORTS / EVTCHNS_PER_BUCKET)

struct evtchn {
    uint8_t state; // EVTCHNSTAT_closed ... EVTCHNSTAT_ipi
    uint16_t vcpu; // notified vcpu
    union {
        uint32_t next_free;     // closed: next port of the list of closed ports, 0 ends it
        domid_t unbound_remote; // who may bind
        struct {
            struct domain *remote; // holds a reference
            uint32_t remote_port;
        } interdomain;
        uint32_t virq;
        uint32_t pirq;
    };
};

struct evtchn_domain {
    struct spinlock lock; // LOCK_EVTCHN
    uint32_t max_port;    // highest port allowed (XEN_DOMCTL_createdomain)
    uint32_t nr_ports;    // ports below this one have been used since creation, and exist
    uint32_t free_list;   // closed ports among them, linked by next_free; 0: none
    uint64_t pollers;     // bit per vcpu that is in SCHEDOP_poll
    struct evtchn *buckets[EVTCHN_BUCKETS];
};

// Port 0 is reserved; max_port is cut to what the 2-level format allows.
int evtchn_init(struct domain *d, uint32_t max_port);
void evtchn_destroy(struct domain *d); // closes every port, tells the peers; frees the buckets
void evtchn_reset(struct domain *d);   // EVTCHNOP_reset

// Each returns 0 (and the port) or -XEN_E*; none leaves half-done state. `d` is the port's owner.
int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port);
int evtchn_bind_interdomain(struct domain *d, struct domain *remote, uint32_t remote_port, uint32_t *port);
int evtchn_bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu, uint32_t *port);
int evtchn_bind_ipi(struct domain *d, uint32_t vcpu, uint32_t *port);
int evtchn_bind_pirq(struct domain *d, uint32_t pirq, uint32_t *port);
int evtchn_close(struct domain *d, uint32_t port);
int evtchn_send(struct domain *d, uint32_t port);
int evtchn_unmask(struct domain *d, uint32_t port);
int evtchn_bind_vcpu(struct domain *d, uint32_t port, uint32_t vcpu);
int evtchn_status(struct domain *d, struct evtchn_status *status); // status->port in, rest out

void evtchn_send_virq(struct vcpu *v, uint32_t virq); // per-vcpu VIRQ; no effect when unbound
void evtchn_send_global_virq(uint32_t virq);          // VIRQ_CONSOLE, VIRQ_DOM_EXC ...: to the control domain
void evtchn_raise_pirq(struct domain *d, uint32_t port); // from irq_deliver
int evtchn_pending(struct domain *d, uint32_t port); // 1, 0, or -XEN_EINVAL: no such port. For SCHEDOP_poll

// 2-level bits (evtchn_2l.c). v is the vcpu that the port notifies.
// Sets the bit, the selector and upcall_pending as they become due; wakes and kicks v, wakes pollers.
void evtchn_2l_set_pending(struct vcpu *v, uint32_t port);
void evtchn_2l_unmask(struct vcpu *v, uint32_t port);
bool evtchn_2l_pending(const struct domain *d, uint32_t port);
void evtchn_2l_clear(struct domain *d, uint32_t port); // on close, so that a reused port starts clean
