// SPDX-License-Identifier: MIT
// The start of the hypervisor proper: arch/ has brought the boot cpu to 64-bit mode with a console, and
// everything the boot loader said is in boot_info. hv_start() takes the machine from there to a running dom0.

#include <hv/arch.h>
#include <hv/boot_info.h>
#include <hv/cmdline.h>
#include <hv/page_alloc.h>
#include <hv/printk.h>

static uint64_t total_ram(void)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < boot_info.nr_regions; i++)
        if (boot_info.regions[i].type == MEM_RAM)
            bytes += boot_info.regions[i].end - boot_info.regions[i].start;
    return bytes;
}

// The order matters:
//   dom0_reserve       before the allocator exists, as dom0's image wants the very frames it is linked to;
//   page_alloc_init    takes what the boot allocator has left;
//   arch_init_machine  may now map devices; it starts the clock, so timers work from here on;
//   cpu_online         this cpu may have timers and run vcpus;
//   dom0_build         needs all of the above.
void hv_start(void)
{
    log_info("Proxenos, a host for Xen guests (ABI of Xen 4.17), loaded by %s", boot_info.loader);
    log_info("command line: %s", boot_info.cmdline);
    cmdline_report();
    log_info("%lu MiB of RAM, %u boot modules", (unsigned long)(total_ram() >> 20), boot_info.nr_modules);

    dom0_reserve();
    page_alloc_init();
    log_init();
    arch_init_machine();
    cpu_online(this_cpu());
    dom0_build();

    log_info("started in %lu ms, %lu MiB free, %lu KiB kept by the hypervisor",
             (unsigned long)(arch_now() / 1000000), (unsigned long)(page_free_count() >> (20 - PAGE_SHIFT)),
             (unsigned long)(page_hv_count() << (PAGE_SHIFT - 10)));
    arch_run_loop();
}
