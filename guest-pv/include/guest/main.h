// SPDX-License-Identifier: MIT
//
// What a program built with the kit starts with. The kit enters at the PVH entry point, sets up paging,
// memory, events, time, console and threads, then calls `int main(int argc, char **argv)` on thread "main"
// with interrupts on. argv[0] is the program's name (GUEST_NAME at link time or "guest"); the command line
// gives the rest, split as a shell would: blanks separate, '...' and "..." quote, \ escapes. Returning from
// main is exit(status): stdio is flushed and the domain powers off.
#ifndef GUEST_MAIN_H
#define GUEST_MAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>

// The start information this guest was entered with, and its command line unsplit ("" when there is none).
const struct hvm_start_info *guest_start_info(void);
const char *guest_command_line(void);

// True in a domain that may use the hypervisor's console and manage others (SIF_PRIVILEGED or XENFEAT_dom0).
bool guest_is_privileged(void);

// The domain's own id, from CPUID; DOMID_SELF when the hypervisor doesn't tell.
domid_t guest_domid(void);

// TSC reading at the kit's first instruction: time from there to main is the kit's start-up cost.
uint64_t guest_entry_tsc(void);

// The shared_info page, mapped since before main.
struct shared_info *guest_shared_info(void);

#endif
