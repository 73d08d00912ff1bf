// SPDX-License-Identifier: MIT
// The hypervisor's virtual address space. Also included by assembler and by the linker script.
//
//   0xffff800000000000  direct map: machine address + DIRECT_BASE, RAM only, 64 TiB at most
//   0xffffc00000000000  page records, indexed by frame number
//   0xffffffff80200000  the image, at its linked load address + IMAGE_BASE; text r-x, rodata r--, data rw-
//   0xffffffffc0000000  MMIO window: device registers, uncached, mapped once and for all
//   0xffffffffc0200000  firmware window: the ACPI table being read
//   0xffffffffc8000000  the framebuffer, 64 MiB at most, at its offset in a large page
//   0xffffffffd0000000  stacks: one slot per cpu, an unmapped guard page under each stack in it
#pragma once

#define DIRECT_BASE      0xffff800000000000
#define DIRECT_SIZE      0x0000400000000000
#define FRAME_TABLE_BASE 0xffffc00000000000
#define IMAGE_BASE       0xffffffff80000000
#define IMAGE_LOAD       0x200000
#define IMAGE_ALIGN      0x200000 // it lies in one large page, wherever it was loaded
#define MMIO_BASE        0xffffffffc0000000
#define MMIO_SIZE        0x200000
#define FIRMWARE_BASE    0xffffffffc0200000
#define FIRMWARE_SIZE    0x200000
#define SCREEN_BASE      0xffffffffc8000000
#define STACK_BASE       0xffffffffd0000000

// A cpu's slot: guard page, 16 KiB main stack, then a guard page and a 4 KiB stack for each emergency slot.
#define STACK_SLOT_SIZE      0x10000
#define STACK_MAIN_SIZE      0x4000
#define STACK_EMERGENCY_SIZE 0x1000
#define STACK_GUARD_SIZE     0x1000
