// SPDX-License-Identifier: MIT
// What the parts of arch/x86_64 offer each other about the machine: memory windows, ports, power.
#pragma once

#include <hv/types.h>

#include <asm/multiboot.h>

// --- mm.c: the host's address space ---

maddr_t mm_image_start(void); // where the loader has put us
maddr_t mm_image_end(void);
void mm_init(void); // final page tables and stacks, from the boot allocator; the boot tables stay loaded
// Leaves the boot page tables and the boot stack for those of mm_init, and calls `next` there.
void mm_switch(void (*next)(void)) __attribute__((noreturn));

// Device registers, uncached, for good. Any alignment. NULL when the window is full.
volatile void *map_mmio(maddr_t start, size_t size);
// The screen's memory, write-combining. NULL when it is too large or beyond the processor's addresses.
volatile void *map_framebuffer(maddr_t start, size_t size);
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

// --- console.c, uart.c, screen.c, vga.c, framebuffer.c ---

// The devices of console=. Before this only com1 is written to, at 115200 baud.
void console_init(const struct boot_screen *screen);
void console_remap(void);           // the screen's memory, after the change to the final page tables
void console_init_interrupts(void); // serial lines interrupt on received bytes from here on
void console_flush(void);           // before the power goes: the serial lines have sent everything
bool console_owns_gsi(unsigned gsi);
void console_interrupt(unsigned gsi); // takes the bytes of the line whose interrupt this is

#define NR_UARTS 2 // com1 and com2

bool uart_init(unsigned index, uint32_t baud); // false: nothing answers there
void uart_puts(unsigned index, const char *bytes, size_t n);
void uart_flush(unsigned index);            // returns when everything is on the line
bool uart_enable_interrupt(unsigned index); // false: its interrupt cannot be delivered
unsigned uart_gsi(unsigned index);
void uart_receive(unsigned index); // hands all received bytes to console_input()

#define SCREEN_COLUMNS 80U
#define SCREEN_ROWS    25U

void screen_start(void);
// Draws everything, and with the same function whatever changes from then on.
void screen_draw_with(void (*draw)(unsigned column, unsigned row, uint8_t c, bool inverse));
void screen_puts(const char *bytes, size_t n);

bool vga_init(void);  // through the boot page tables; false: no text screen
bool vga_remap(void); // through the MMIO window, from then on

// Through the boot page tables, if they reach it; false: too small.
bool framebuffer_init(const struct boot_screen *screen);
bool framebuffer_remap(void);
