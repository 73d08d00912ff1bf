// SPDX-License-Identifier: MIT
// What the boot loader told us, in neutral form. arch/x86_64/boot fills it from multiboot1 or multiboot2; it
// holds copies, so the loader's own tables may be overwritten afterwards (module contents stay where they
// are).
#pragma once

#include <hv/types.h>

enum mem_type { MEM_RAM = 1, MEM_RESERVED = 2, MEM_ACPI = 3, MEM_NVS = 4, MEM_UNUSABLE = 5 }; // as in E820

struct mem_region {
    maddr_t start, end; // [start, end), bytes; RAM regions are page-aligned inwards
    enum mem_type type;
};

#define BOOT_MAX_REGIONS    128
#define BOOT_MAX_MODULES    64
#define BOOT_CMDLINE_MAX    2048
#define BOOT_MODULE_STRINGS 12288

struct boot_module {
    maddr_t start;       // page-aligned; dom0_build may move it
    uint64_t size;       // bytes
    const char *cmdline; // in boot_info.strings, never NULL
};

struct boot_info {
    unsigned nr_regions;
    struct mem_region regions[BOOT_MAX_REGIONS]; // sorted, not overlapping
    unsigned nr_modules;
    struct boot_module modules[BOOT_MAX_MODULES];
    char cmdline[BOOT_CMDLINE_MAX]; // the hypervisor's own, without the image name
    char loader[64];
    maddr_t rsdp; // 0: not told by the loader
    char strings[BOOT_MODULE_STRINGS];
};

extern struct boot_info boot_info;

// Early memory, before the buddy allocator: RAM regions less what is reserved. Not locked: boot cpu only.
void boot_mem_init(const struct boot_info *info);  // takes all RAM regions
void boot_mem_reserve(maddr_t start, maddr_t end); // image, modules, firmware areas
void boot_mem_free(maddr_t start, maddr_t end);    // gives back what was reserved; page-aligned RAM
bool boot_mem_is_free(maddr_t start, maddr_t end); // wholly free RAM?
// Highest free range below `below` (0: anywhere); align is a power of two >= PAGE_SIZE. 0 when there is none.
maddr_t boot_mem_alloc(uint64_t size, uint64_t align, maddr_t below);
// Calls fn for each free range, in ascending order, and leaves the boot allocator empty.
void boot_mem_release(void (*fn)(maddr_t start, maddr_t end));
