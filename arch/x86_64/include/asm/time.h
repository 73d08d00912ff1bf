// SPDX-License-Identifier: MIT
// The clock behind arch_now(): the TSC, measured once against the best reference the machine has.
#pragma once

#include <hv/types.h>

void time_mark_start(void); // system time 0 is here; first thing at boot
void time_init(void); // after acpi_init and apic_init: rate of the TSC and of the local timer, wall clock
