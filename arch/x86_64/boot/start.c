// SPDX-License-Identifier: MIT
// From the first 64-bit instruction to the core: exceptions are caught, the loader's tables become boot_info,
// the final page tables replace those of boot.S, and hv_start() is called on a guarded stack.

#include <hv/arch.h>
#include <hv/boot_info.h>
#include <hv/cmdline.h>
#include <hv/printk.h>

#include <asm/cpu.h>
#include <asm/layout.h>
#include <asm/machine.h>
#include <asm/multiboot.h>
#include <asm/percpu.h>
#include <asm/time.h>

#define BOOT_MAP_SIZE (4UL << 30) // what boot.S maps, at DIRECT_BASE too
#define RSDP_SIZE     36

struct boot_info boot_info;

extern char image_end[];

void x86_boot(uint32_t magic, uint32_t info_address) __attribute__((noreturn)); // from boot.S

static void reserve_boot_memory(void)
{
    boot_mem_init(&boot_info);
    boot_mem_reserve(IMAGE_LOAD, (maddr_t)image_end - IMAGE_BASE);
    for (unsigned i = 0; i < boot_info.nr_modules; i++)
        boot_mem_reserve(boot_info.modules[i].start, boot_info.modules[i].start + boot_info.modules[i].size);
    // The loader's copy of the RSDP lies in ordinary RAM; dom0 is going to read it too.
    if (boot_info.rsdp)
        boot_mem_reserve(boot_info.rsdp, boot_info.rsdp + RSDP_SIZE);
}

static void on_final_tables(void)
{
    desc_set_stacks(&boot_percpu);
    console_remap();
    hv_start();
}

void x86_boot(uint32_t magic, uint32_t info_address)
{
    const struct boot_memory mem = {(const uint8_t *)DIRECT_BASE, BOOT_MAP_SIZE};
    enum boot_screen screen;

    time_mark_start();
    percpu_init(&boot_percpu, 0);
    percpu_load(&boot_percpu);
    desc_init_idt();
    desc_load(&boot_percpu);
    cpu_identify();

    const char *error = multiboot_parse(&mem, magic, info_address, &boot_info, &screen);
    cmdline_parse(boot_info.cmdline);
    console_init(screen);
    if (error)
        panic("boot loader: %s", error);

    reserve_boot_memory();
    cpu_init_control();
    mm_init();
    mm_switch(on_final_tables);
}
