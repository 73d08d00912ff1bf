// SPDX-License-Identifier: MIT
// A machine of nothing but memory, for tests of what lies below the domains: any memory map (harness.h has
// one small piece of RAM), and domains that are no more than an owner of pages.
#pragma once

#include <hv/domain.h>
#include <hv/page_alloc.h>

// Starts the allocator, once per program, with these RAM regions: sorted, each anywhere below MACHINE_END.
#define MACHINE_END (5UL << 30)
void machine_start(const struct mem_region *regions, unsigned count);

// Domains 1 to MACHINE_DOMAINS: live, with one reference, allowed any number of pages.
#define MACHINE_DOMAINS 4
struct domain *machine_domain(domid_t id);

// Runs fn(arg); true if it panicked. The message is in machine_panic_message.
bool machine_panics(void (*fn)(void *arg), void *arg);
extern char machine_panic_message[256];
