// SPDX-License-Identifier: MIT
// Descriptor tables: a GDT and a TSS per cpu, one IDT for all.

#include <hv/types.h>

#include <asm/desc.h>
#include <asm/layout.h>
#include <asm/percpu.h>
#include <asm/x86_defs.h>

#define GATE_INTERRUPT 0x8e // present, DPL 0: interrupts stay closed in the handler
#define TSS_AVAILABLE  0x89 // present

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

extern const char trap_stubs[]; // entry.S, 16 bytes each
extern char boot_stack[], boot_stack_top[];

static struct gate idt[256];

static unsigned vector_ist(unsigned vector)
{
    switch (vector) {
    case VECTOR_DF: return IST_DF;
    case VECTOR_NMI: return IST_NMI;
    case VECTOR_MC: return IST_MC;
    default: return 0;
    }
}

void desc_init_idt(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(idt); i++) {
        uint64_t stub = (uint64_t)&trap_stubs[16 * i];

        idt[i] = (struct gate){
            .offset_low = stub,
            .offset_middle = stub >> 16,
            .offset_high = stub >> 32,
            .selector = SEL_CODE,
            .ist = vector_ist(i),
            .type = GATE_INTERRUPT,
        };
    }
}

uint64_t desc_idt_base(void)
{
    return (uint64_t)idt;
}

static void fill_gdt(struct percpu *percpu)
{
    uint64_t base = (uint64_t)&percpu->tss, limit = sizeof(percpu->tss) - 1;

    percpu->gdt.entries[SEL_CODE / 8] = 0x00af9b000000ffff; // 64-bit code
    percpu->gdt.entries[SEL_DATA / 8] = 0x00cf93000000ffff;
    percpu->gdt.entries[SEL_TSS / 8] =
        limit | (base & 0xffffff) << 16 | (uint64_t)TSS_AVAILABLE << 40 | (base >> 24 & 0xff) << 56;
    percpu->gdt.entries[SEL_TSS / 8 + 1] = base >> 32;
}

void desc_load(struct percpu *percpu)
{
    struct table_pointer gdt_pointer = {sizeof(percpu->gdt) - 1, (uint64_t)&percpu->gdt};
    struct table_pointer idt_pointer = {sizeof(idt) - 1, (uint64_t)idt};

    fill_gdt(percpu);
    percpu->tss.io_map_base = sizeof(percpu->tss); // none
    // Until the cpu has stacks of its own, an emergency at boot uses the lower half of the boot stack.
    for (unsigned i = 0; i < IST_COUNT; i++)
        percpu->tss.ist[i] = (uint64_t)boot_stack + (boot_stack_top - boot_stack) / 2;
    asm volatile("lgdt %0\n"
                 "lidt %1\n"
                 "pushq %2\n"
                 "leaq 1f(%%rip), %%rax\n"
                 "pushq %%rax\n"
                 "lretq\n"
                 "1: movl %3, %%eax\n"
                 "movl %%eax, %%ds\n"
                 "movl %%eax, %%es\n"
                 "movl %%eax, %%ss\n"
                 "ltr %w4"
                 :
                 : "m"(gdt_pointer), "m"(idt_pointer), "i"(SEL_CODE), "i"(SEL_DATA), "r"(SEL_TSS)
                 : "rax", "memory");
}

void desc_set_stacks(struct percpu *percpu)
{
    uint64_t slot = STACK_BASE + (uint64_t)percpu->cpu.id * STACK_SLOT_SIZE;
    uint64_t at = slot + STACK_GUARD_SIZE + STACK_MAIN_SIZE;

    for (unsigned i = 0; i < IST_COUNT; i++) {
        at += STACK_GUARD_SIZE + STACK_EMERGENCY_SIZE;
        percpu->tss.ist[i] = at;
    }
}
