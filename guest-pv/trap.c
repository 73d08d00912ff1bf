// SPDX-License-Identifier: MIT
//
// Descriptor tables, and what happens on an exception: the registered handler, or a report and the end of the
// domain.

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <guest/console.h>
#include <guest/shutdown.h>
#include <guest/thread.h>
#include <guest/trap.h>
#include "kit.h"

#define VECTORS         256
#define STUB_SIZE       16
#define SELECTOR_CODE64 0x08
#define SELECTOR_TSS    0x18
#define GATE_INTERRUPT  0x8e // present, DPL 0, 64-bit interrupt gate
#define DESCRIPTOR_TSS  0x89 // present, available 64-bit TSS

#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_PAGE_FAULT   14

// Stacks by number in the TSS. The upcall has its own because it may interrupt anything but itself.
enum { IST_TRAP = 1, IST_UPCALL = 2, IST_DOUBLE_FAULT = 3 };

struct idt_entry {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7]; // ist[n - 1] is stack n
    uint64_t reserved2;
    uint16_t reserved3, io_bitmap;
} __attribute__((packed));

_Static_assert(sizeof(struct idt_entry) == 16, "Intel SDM volume 3, 6.14.1");
_Static_assert(sizeof(struct tss) == 104, "Intel SDM volume 3, 7.7");

extern char trap_stubs[], event_upcall_entry[];

static struct idt_entry idt[VECTORS];
static struct tss tss;
static trap_handler handlers[VECTORS];
static uint8_t trap_stack[8192] __attribute__((aligned(16)));
static uint8_t upcall_stack[512] __attribute__((aligned(16)));
static uint8_t double_fault_stack[4096] __attribute__((aligned(16)));

static const char *const exception_names[] = {
    "divide error",
    "debug",
    "NMI",
    "breakpoint",
    "overflow",
    "bound range",
    "invalid opcode",
    "device not available",
    "double fault",
    "coprocessor overrun",
    "invalid TSS",
    "segment not present",
    "stack fault",
    "general protection",
    "page fault",
    "reserved",
    "x87 floating point",
    "alignment check",
    "machine check",
    "SIMD floating point",
    "virtualization",
    "control protection",
};

static void set_gate(unsigned vector, const void *entry, unsigned ist)
{
    uint64_t address = (uintptr_t)entry;
    idt[vector] = (struct idt_entry){
        .offset_low = address,
        .selector = SELECTOR_CODE64,
        .ist = ist,
        .type = GATE_INTERRUPT,
        .offset_middle = address >> 16,
        .offset_high = address >> 32,
    };
}

static void load_task_register(void)
{
    uint64_t base = (uintptr_t)&tss;
    tss.ist[IST_TRAP - 1] = (uintptr_t)trap_stack + sizeof(trap_stack);
    tss.ist[IST_UPCALL - 1] = (uintptr_t)upcall_stack + sizeof(upcall_stack);
    tss.ist[IST_DOUBLE_FAULT - 1] = (uintptr_t)double_fault_stack + sizeof(double_fault_stack);
    tss.io_bitmap = sizeof(tss);
    guest_gdt[SELECTOR_TSS / 8] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 |
                                  (uint64_t)DESCRIPTOR_TSS << 40 | (base >> 24 & 0xff) << 56;
    guest_gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
    __asm__ volatile("ltr %w0" ::"r"(SELECTOR_TSS));
}

void trap_init(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) pointer = {sizeof(idt) - 1, (uintptr_t)idt};

    for (unsigned vector = 0; vector < VECTORS; vector++)
        set_gate(vector, trap_stubs + vector * STUB_SIZE, IST_TRAP);
    set_gate(VECTOR_DOUBLE_FAULT, trap_stubs + VECTOR_DOUBLE_FAULT * STUB_SIZE, IST_DOUBLE_FAULT);
    set_gate(VECTOR_UPCALL, event_upcall_entry, IST_UPCALL);
    load_task_register();
    __asm__ volatile("lidt %0" ::"m"(pointer));
}

trap_handler trap_set_handler(unsigned vector, trap_handler handler)
{
    trap_handler before = handlers[vector];
    handlers[vector] = handler;
    return before;
}

static void report(const struct trap_frame *f)
{
    static char text[1024]; // one report per life; keeps the small trap stack free
    const char *name = f->vector < sizeof(exception_names) / sizeof(exception_names[0])
                           ? exception_names[f->vector]
                           : "unexpected interrupt";
    struct thread *thread = thread_current();
    uint64_t cr2 = 0;
    if (f->vector == VECTOR_PAGE_FAULT || f->vector == VECTOR_DOUBLE_FAULT)
        __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
    int size = snprintf(text, sizeof(text),
                        "\r\nguest: exception %lu (%s), error %lx, address %lx, thread \"%s\"\r\n"
                        "rip %016lx  rsp %016lx  rflags %08lx  cs %lx  ss %lx\r\n"
                        "rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\r\n"
                        "rsi %016lx  rdi %016lx  rbp %016lx  r8  %016lx\r\n"
                        "r9  %016lx  r10 %016lx  r11 %016lx  r12 %016lx\r\n"
                        "r13 %016lx  r14 %016lx  r15 %016lx\r\n",
                        f->vector, name, f->error, cr2, thread ? thread_name(thread) : "none", f->rip, f->rsp,
                        f->rflags, f->cs, f->ss, f->rax, f->rbx, f->rcx, f->rdx, f->rsi, f->rdi, f->rbp,
                        f->r8, f->r9, f->r10, f->r11, f->r12, f->r13, f->r14, f->r15);
    console_emergency(text, (size_t)size);
}

// Called by trap_entry.S with interrupts off.
void trap_dispatch(struct trap_frame *frame)
{
    trap_handler handler = handlers[frame->vector];
    if (handler && handler(frame))
        return;
    report(frame);
    shutdown_crash();
}
