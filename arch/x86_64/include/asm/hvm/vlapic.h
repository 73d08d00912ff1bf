// SPDX-License-Identifier: MIT
// A vcpu's local APIC: x2APIC MSRs, and the xAPIC page for the short time before a guest switches to x2APIC.
// It has no I/O APIC or other machine interrupts behind it: its sources are its own timer, IPIs and per-vcpu
// event upcalls.
#pragma once

#include <hv/timer.h>
#include <hv/types.h>

struct vcpu;

#define VLAPIC_BASE 0xfee00000UL

// Register numbers: xAPIC offset / 16, and x2APIC MSR - 0x800.
enum vlapic_reg {
    VLAPIC_ID = 0x02,
    VLAPIC_VERSION = 0x03,
    VLAPIC_TPR = 0x08,
    VLAPIC_PPR = 0x0a,
    VLAPIC_EOI = 0x0b,
    VLAPIC_LDR = 0x0d,
    VLAPIC_DFR = 0x0e,
    VLAPIC_SVR = 0x0f,
    VLAPIC_ISR = 0x10, // 8 registers
    VLAPIC_TMR = 0x18, // 8
    VLAPIC_IRR = 0x20, // 8
    VLAPIC_ESR = 0x28,
    VLAPIC_ICR = 0x30, // high half in 0x31 (xAPIC only)
    VLAPIC_LVT_TIMER = 0x32,
    VLAPIC_LVT_THERMAL = 0x33,
    VLAPIC_LVT_PERF = 0x34,
    VLAPIC_LVT_LINT0 = 0x35,
    VLAPIC_LVT_LINT1 = 0x36,
    VLAPIC_LVT_ERROR = 0x37,
    VLAPIC_TIMER_INITIAL = 0x38,
    VLAPIC_TIMER_CURRENT = 0x39,
    VLAPIC_TIMER_DIVIDE = 0x3e,
    VLAPIC_SELF_IPI = 0x3f, // x2APIC only
    VLAPIC_REGS = 0x40
};

struct vlapic {
    uint64_t base_msr; // IA32_APIC_BASE; the base is always VLAPIC_BASE
    // Laid out as the hardware's page, 16 bytes to a register: a processor that virtualises it reads and
    // writes it too while it runs the vcpu, and nobody else ever does.
    uint32_t *page;
    uint32_t requests[8];    // vectors that any cpu has asked for, atomically: not in IRR yet
    uint32_t pending_errors; // shown in ESR at the next write to it
    unsigned timer_mode;     // of the running timer
    struct timer timer;
    uint64_t timer_started; // ns, when the running period began
    uint64_t timer_period;  // ns, 0: not periodic
    uint64_t tsc_deadline;  // IA32_TSC_DEADLINE, 0: off
};

int vlapic_create(struct vcpu *v); // 0 or -XEN_ENOMEM
void vlapic_destroy(struct vcpu *v);

// Register access as WRMSR/RDMSR (0x800 + reg) or as 32-bit MMIO does it. False: #GP for an MSR; MMIO ignores
// it.
bool vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
bool vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
uint32_t vlapic_mmio_read(struct vcpu *v, unsigned offset); // offset in the page, bytes
void vlapic_mmio_write(struct vcpu *v, unsigned offset, uint32_t value);
void vlapic_written(struct vcpu *v, unsigned offset); // the processor has stored the value in the page itself
bool vlapic_mmio_enabled(const struct vcpu *v);       // in xAPIC mode
bool vlapic_x2apic_enabled(const struct vcpu *v);     // in x2APIC mode
bool vlapic_set_base(struct vcpu *v, uint64_t value); // write to IA32_APIC_BASE
bool vlapic_set_deadline(struct vcpu *v, uint64_t tsc);

// An interrupt for v, from any cpu. The vcpu is woken.
void vlapic_set_irq(struct vcpu *v, uint8_t vector);
// Highest vector that waits for delivery, or -1. The one being served holds back those of its class and
// below.
int vlapic_pending_vector(struct vcpu *v);
int vlapic_requested_vector(struct vcpu *v);        // highest in IRR, or -1
int vlapic_served_vector(const struct vcpu *v);     // highest in ISR, or -1
void vlapic_accept(struct vcpu *v, uint8_t vector); // it is being injected: IRR -> ISR
