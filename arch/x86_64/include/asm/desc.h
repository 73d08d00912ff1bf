// SPDX-License-Identifier: MIT
// Segment descriptors, the task state segment that names the emergency stacks, and the interrupt descriptor
// table.
#pragma once

#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_TSS  0x18

// Interrupt stack table slots, from 1: exceptions that must not trust the stack they interrupt.
#define IST_DF    1
#define IST_NMI   2
#define IST_MC    3
#define IST_COUNT 3

#ifndef __ASSEMBLY__

#include <hv/types.h>

struct gdt {
    uint64_t entries[5]; // null, code, data, TSS (two entries wide)
};

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7]; // slot n is ist[n - 1]
    uint64_t reserved2;
    uint16_t reserved3, io_map_base;
} __attribute__((packed));

_Static_assert(sizeof(struct tss) == 104, "64-bit TSS, Intel SDM volume 3 section 8.7");

struct percpu;

void desc_init_idt(void); // fills the table all cpus share
uint64_t desc_idt_base(void);
void desc_load(struct percpu *percpu);       // GDT, IDT and TSS of this cpu
void desc_set_stacks(struct percpu *percpu); // emergency stacks: the cpu's own slots of asm/layout.h

#endif
