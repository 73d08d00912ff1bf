// SPDX-License-Identifier: MIT
//
// From entry.S to main(): brings up each part of the kit in the order they need one another.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/features.h>
#include <guest/cpu.h>
#include <guest/hypercall.h>
#include <guest/main.h>
#include <guest/shutdown.h>
#include "kit.h"

#define MAX_ARGS 64

uint64_t guest_entry_tsc_value; // set by entry.S
static const struct hvm_start_info *start_info;
static bool privileged;

// A program may name itself for argv[0] by defining this.
__attribute__((weak)) const char guest_name[] = "guest";

const struct hvm_start_info *guest_start_info(void)
{
    return start_info;
}

const char *guest_command_line(void)
{
    return start_info->cmdline_paddr ? (const char *)start_info->cmdline_paddr : "";
}

bool guest_is_privileged(void)
{
    return privileged;
}

uint64_t guest_entry_tsc(void)
{
    return guest_entry_tsc_value;
}

domid_t guest_domid(void)
{
    uint32_t base = cpuid_xen_base();
    struct cpuid leaf = cpuid(base + 4, 0);
    if (!base || !(leaf.eax & XEN_HVM_CPUID_DOMID_PRESENT))
        return DOMID_SELF;
    return (domid_t)leaf.ecx;
}

static bool is_initial_domain(void)
{
    struct xen_feature_info features = {.submap_idx = XENFEAT_dom0 / 32};
    if (start_info->flags & SIF_PRIVILEGED)
        return true;
    return !HYPERVISOR_xen_version(XENVER_get_features, &features) &&
           features.submap >> XENFEAT_dom0 % 32 & 1;
}

static void run_constructors(void)
{
    extern void (*guest_init_array[])(void), (*guest_init_array_end[])(void);
    for (void (**constructor)(void) = guest_init_array; constructor < guest_init_array_end; constructor++)
        (*constructor)();
}

int main(int argc, char **argv);

static void run_main(void *unused)
{
    static char *argv[MAX_ARGS + 1];
    char *line = strdup(guest_command_line());
    (void)unused;
    if (!line)
        guest_panic("no memory for the command line");
    run_constructors();
    exit(main(args_split(line, guest_name, argv, MAX_ARGS), argv));
}

void guest_start(const struct hvm_start_info *info)
{
    start_info = info;
    trap_init();
    if (info->magic != XEN_HVM_START_MAGIC_VALUE)
        guest_panic("not entered through PVH: start_info at %p has magic %x", (const void *)info,
                    info->magic);
    privileged = is_initial_domain();
    paging_init();
    page_alloc_init(info);
    gfn_window_init(info);
    event_init();
    time_init();
    console_init();
    interrupts_enable();
    module_init(info);
    thread_init(run_main);
}
