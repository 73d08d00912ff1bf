// SPDX-License-Identifier: MIT
// The local interrupt controller of each cpu (xAPIC or x2APIC) and its timer; the I/O interrupt controllers;
// vectors.
#pragma once

#include <hv/types.h>

#define GSI_VECTOR_BASE   0x30 // GSI n is delivered at this + n
#define NR_GSIS           0xa0 // those that have a vector
#define TIMER_VECTOR      0xf0
#define KICK_VECTOR       0xf1 // no work of its own: it ends guest mode or the idle halt
#define APIC_ERROR_VECTOR 0xfe
#define SPURIOUS_VECTOR   0xff

void apic_init(void);     // finds and maps the controller; then enables the boot cpu's
void apic_init_cpu(void); // this cpu's, timer off
uint32_t apic_id(void);   // of the cpu we run on
void apic_eoi(void);
void apic_send_ipi(uint32_t id, uint8_t vector);
void apic_error(void); // APIC_ERROR_VECTOR: logs the error status

// Timer. Deadline mode (absolute TSC values) where the cpu has it, else counts down at a rate of its own.
bool apic_timer_has_deadline(void);
void apic_timer_set_deadline(uint64_t tsc); // 0: off
void apic_timer_set_count(uint32_t count);  // 0: off
uint32_t apic_timer_count(void);            // what is left of it

void pic_disable(void); // the 8259s, before apic_init

// I/O interrupt controllers. Lines start masked, edge-triggered or level-triggered as the MADT says.
void ioapic_init(void);
unsigned isa_irq_gsi(unsigned irq);              // which GSI an ISA interrupt is wired to
bool ioapic_is_edge(unsigned gsi);               // exists, and is edge-triggered
void ioapic_set_mask(unsigned gsi, bool masked); // caller serialises
