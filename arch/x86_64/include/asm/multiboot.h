// SPDX-License-Identifier: MIT
// From the boot loader's tables, multiboot 1 or 2, to the core's boot_info. Pure functions of the memory they
// are given, so that tests can feed them anything.
#pragma once

#include <hv/boot_info.h>

// Machine memory the parser may read: address a is bytes[a], for a < size.
struct boot_memory {
    const uint8_t *bytes;
    uint64_t size;
};

enum boot_screen { SCREEN_UNKNOWN, SCREEN_TEXT, SCREEN_GRAPHICS };

// `magic` and `address` are what the loader left in EAX and EBX. NULL when *info is complete, else what is
// wrong; *info is then as complete as it could be made.
const char *multiboot_parse(const struct boot_memory *mem, uint32_t magic, uint32_t address,
                            struct boot_info *info, enum boot_screen *screen);

// memory_map.c. Regions may come in any order, overlap, and be more than there is room for: the map stays
// sorted and disjoint, a later one wins an overlap, and the smallest are left out. All RAM has to be added
// before anything else.
void memory_map_add(struct boot_info *info, maddr_t start, maddr_t end, enum mem_type type);
void memory_map_finish(struct boot_info *info); // aligns RAM inwards
