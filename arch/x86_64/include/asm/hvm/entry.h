// SPDX-License-Identifier: MIT
// What the run loops of both vendors do with the general registers: byte offsets in struct guest_regs, which
// are 8 * a register's number, and the loads and stores around the guest.
#pragma once

#define REGS_RAX 0
#define REGS_RCX 8
#define REGS_RDX 16
#define REGS_RBX 24
#define REGS_RBP 40
#define REGS_RSI 48
#define REGS_RDI 56
#define REGS_R8  64
#define REGS_R9  72
#define REGS_R10 80
#define REGS_R11 88
#define REGS_R12 96
#define REGS_R13 104
#define REGS_R14 112
#define REGS_R15 120

// clang-format off
#ifdef __ASSEMBLY__

/* From the struct guest_regs at RDI, all but RAX and RSP. Leaves the flags. */
    .macro load_guest_registers
    mov REGS_RCX(%rdi), %rcx
    mov REGS_RDX(%rdi), %rdx
    mov REGS_RBX(%rdi), %rbx
    mov REGS_RBP(%rdi), %rbp
    mov REGS_RSI(%rdi), %rsi
    mov REGS_R8(%rdi), %r8
    mov REGS_R9(%rdi), %r9
    mov REGS_R10(%rdi), %r10
    mov REGS_R11(%rdi), %r11
    mov REGS_R12(%rdi), %r12
    mov REGS_R13(%rdi), %r13
    mov REGS_R14(%rdi), %r14
    mov REGS_R15(%rdi), %r15
    mov REGS_RDI(%rdi), %rdi
    .endm

/* To the struct guest_regs at RAX, likewise. */
    .macro store_guest_registers
    mov %rcx, REGS_RCX(%rax)
    mov %rdx, REGS_RDX(%rax)
    mov %rbx, REGS_RBX(%rax)
    mov %rbp, REGS_RBP(%rax)
    mov %rsi, REGS_RSI(%rax)
    mov %rdi, REGS_RDI(%rax)
    mov %r8, REGS_R8(%rax)
    mov %r9, REGS_R9(%rax)
    mov %r10, REGS_R10(%rax)
    mov %r11, REGS_R11(%rax)
    mov %r12, REGS_R12(%rax)
    mov %r13, REGS_R13(%rax)
    mov %r14, REGS_R14(%rax)
    mov %r15, REGS_R15(%rax)
    .endm

#else
// clang-format on

#include <asm/hvm/vcpu_exit.h>

#define REGS_AT(name, offset) _Static_assert(offsetof(struct guest_regs, name) == (offset), "REGS_*")
REGS_AT(rax, REGS_RAX);
REGS_AT(rcx, REGS_RCX);
REGS_AT(rdx, REGS_RDX);
REGS_AT(rbx, REGS_RBX);
REGS_AT(rbp, REGS_RBP);
REGS_AT(rsi, REGS_RSI);
REGS_AT(rdi, REGS_RDI);
REGS_AT(r8, REGS_R8);
REGS_AT(r15, REGS_R15);
#undef REGS_AT

#endif
