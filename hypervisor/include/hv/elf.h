// SPDX-License-Identifier: MIT
// Just enough ELF to load dom0: 64-bit little-endian x86-64 executables with a PHYS32_ENTRY note.
#pragma once

#include <hv/types.h>

#define ELF_MAX_SEGMENTS 16

struct elf_segment {
    uint64_t paddr; // where it goes
    uint64_t file_offset, file_size, mem_size;
};

struct elf_image {
    const uint8_t *data;
    uint64_t size;
    unsigned nr_segments;
    struct elf_segment segments[ELF_MAX_SEGMENTS];
    uint64_t start, end; // lowest and highest paddr, bytes
    uint64_t phys32_entry;
};

// NULL when it is well-formed, else what is wrong with it. Everything in *elf has been bounds-checked.
const char *elf_parse(struct elf_image *elf, const void *data, uint64_t size);
