// SPDX-License-Identifier: MIT
// Machine interrupts bound to event channels of a privileged domain. Edge-triggered GSIs only for now:
// nothing to acknowledge later, so a guest cannot hold the line.
#pragma once

#include <hv/types.h>

struct domain;

#define NR_PIRQS 256

// PHYSDEVOP_map_pirq for a GSI: checks the interrupt may be given away. Returns the pirq (= gsi) or -XEN_E*.
int pirq_map_gsi(struct domain *d, unsigned gsi);
int pirq_unmap(struct domain *d, unsigned pirq);
// Binds/unbinds the pirq's event port (port 0: unbind) and (un)masks the line. Called by evtchn.c with
// LOCK_EVTCHN held.
int pirq_bind(struct domain *d, unsigned pirq, uint32_t port);
void pirq_unbind(struct domain *d, unsigned pirq);

void irq_deliver(unsigned gsi); // from arch, interrupts closed: raises the bound port
