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

enum screen_kind { SCREEN_UNKNOWN, SCREEN_TEXT, SCREEN_FRAMEBUFFER, SCREEN_OTHER };

// What the loader says the screen shows. All but the kind is for framebuffers: lines of pixels, each of
// `bits` bits (16, 24 or 32) that hold red, green and blue. They are as large as they claim, and not in RAM.
struct boot_screen {
    enum screen_kind kind;
    maddr_t address;
    uint32_t pitch; // bytes from one line to the next
    uint32_t width, height;
    uint8_t bits;
    struct {
        uint8_t shift, bits; // at most 8
    } colours[3];
};

#define SCREEN_MAX_BYTES (64UL << 20)

// `magic` and `address` are what the loader left in EAX and EBX. NULL when *info is complete, else what is
// wrong; *info is then as complete as it could be made.
const char *multiboot_parse(const struct boot_memory *mem, uint32_t magic, uint32_t address,
                            struct boot_info *info, struct boot_screen *screen);

// memory_map.c. Regions may come in any order, overlap, and be more than there is room for: the map stays
// sorted and disjoint, a later one wins an overlap, and the smallest are left out. All RAM has to be added
// before anything else.
void memory_map_add(struct boot_info *info, maddr_t start, maddr_t end, enum mem_type type);
void memory_map_finish(struct boot_info *info); // aligns RAM inwards
