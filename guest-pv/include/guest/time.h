// SPDX-License-Identifier: MIT
//
// Clocks. The monotonic clock is Xen's system time (ns since the host booted) from the vCPU's time record and
// the TSC; the wall clock adds the offset in shared_info. There is no periodic tick: the scheduler arms the
// vCPU's single-shot timer for the earliest deadline, and only when idle.
#ifndef GUEST_TIME_H
#define GUEST_TIME_H

#include <stdint.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

uint64_t time_now(void);      // monotonic, ns
uint64_t time_wall_now(void); // since 1970-01-01 UTC, ns

// now + ns, saturating at DEADLINE_NEVER.
uint64_t time_after(uint64_t ns);

#endif
