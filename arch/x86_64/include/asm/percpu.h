// SPDX-License-Identifier: MIT
// What x86 keeps per physical cpu. GS base points at the record of the cpu we run on and never changes.
#pragma once

#include <hv/cpu.h>
#include <hv/types.h>

#include <asm/desc.h>

struct percpu {
    struct cpu cpu; // first: struct cpu * and struct percpu * are the same address
    struct percpu *self;
    struct gdt gdt;
    struct tss tss;
};

extern struct percpu boot_percpu;

void percpu_init(struct percpu *percpu, unsigned id); // registers the record; loads nothing
void percpu_load(struct percpu *percpu);              // makes it the record of the cpu we run on
