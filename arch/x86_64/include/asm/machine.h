// SPDX-License-Identifier: MIT
// What the parts of arch/x86_64 offer each other about the machine: memory windows, ports, power.
#pragma once

#include <hv/types.h>

// --- mm.c: the host's address space ---

void mm_init(void); // final page tables and stacks, from the boot allocator; the boot tables stay loaded
// Leaves the boot page tables and the boot stack for those of mm_init, and calls `next` there.
void mm_switch(void (*next)(void)) __attribute__((noreturn));

// Device registers, uncached, for good. Any alignment. NULL when the window is full.
volatile void *map_mmio(maddr_t start, size_t size);
// Firmware tables, read-only, in the one firmware window: valid until the next call. NULL if it is too large.
const void *map_firmware(maddr_t start, size_t size);

bool mm_is_stack_guard(uint64_t virt,
                       unsigned *cpu); // does this address lie in a guard page of a cpu's slot?
bool mm_is_stack(uint64_t virt);       // mapped stack memory, 8 bytes at least

// --- devices the hypervisor keeps for itself ---

void reserve_ports(uint16_t first, unsigned count); // not for the hardware domain
bool arch_port_reserved(uint16_t port);

// --- cmos.c ---

// Seconds since 1970-01-01 UTC by the CMOS clock, taken as UTC; 0 when it does not answer sensibly.
int64_t cmos_read_time(unsigned century_register);

// --- uart.c, vga.c, console.c ---

// The devices of console=; without this only com1 is written to, at the rate the firmware left it at or
// 115200.
void console_init(void);
void console_init_interrupts(void); // serial lines interrupt on received bytes from here on

void uart_setup(unsigned index, uint32_t baud); // 0: com1, 1: com2. No effect if it is not there
void uart_puts(unsigned index, const char *bytes, size_t n);
bool uart_enable_interrupt(unsigned index); // false: no such line, or no way to deliver its interrupt
void uart_interrupt(unsigned gsi);          // takes the bytes of the line whose interrupt this is
bool uart_owns_gsi(unsigned gsi);

void vga_init(void);
void vga_puts(const char *bytes, size_t n);
