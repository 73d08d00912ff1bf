/* SPDX-License-Identifier: MIT
 *
 * The run loop of a cpu with VT-x: what to run, the guest, what to do about its exit, for ever. The two halves around
 * the guest are in run.c. Nothing of the loop's own stays in registers, all of which are the guest's: it has two places
 * on the stack, which is the same after each exit.
 *
 * The VMCS switches RSP, RIP, RFLAGS, control and segment registers; the general registers are ours to switch.
 * Interrupts stay closed: with one pending, the guest exits at once.
 */

#include <asm/desc.h>

/* Byte offsets in struct guest_regs: 8 * the register's number (checked in run.c). */
#define RAX 0
#define RCX 8
#define RDX 16
#define RBX 24
#define RBP 40
#define RSI 48
#define RDI 56
#define R8  64
#define R9  72
#define R10 80
#define R11 88
#define R12 96
#define R13 104
#define R14 112
#define R15 120

/* In struct vmx_vcpu, likewise. */
#define REGS 0
#define ENTRY 8

/* Of the latter (vmx.h). */
#define ENTRY_RESUME 1
#define ENTRY_CLEAR 2

/* On the stack. */
#define VMX_VCPU 0
#define CPU 8
#define FRAME 16

/* RDI struct cpu, RSI where the stack pointer is noted. Does not return. */
    .text
    .globl vmx_loop
    .type vmx_loop, @function
vmx_loop:
    push %rbp
    mov %rsp, %rbp
    push %rdi
    push $0
    mov %rsp, (%rsi)

.Lnext:
    mov CPU(%rsp), %rdi
    call vmx_before_entry
    mov %rax, VMX_VCPU(%rsp)
    mov REGS(%rax), %rdi
    testb $ENTRY_RESUME, ENTRY(%rax)

    mov RAX(%rdi), %rax
    mov RCX(%rdi), %rcx
    mov RDX(%rdi), %rdx
    mov RBX(%rdi), %rbx
    mov RBP(%rdi), %rbp
    mov RSI(%rdi), %rsi
    mov R8(%rdi), %r8
    mov R9(%rdi), %r9
    mov R10(%rdi), %r10
    mov R11(%rdi), %r11
    mov R12(%rdi), %r12
    mov R13(%rdi), %r13
    mov R14(%rdi), %r14
    mov R15(%rdi), %r15
    mov RDI(%rdi), %rdi

    jz .Lnot_so_simple
    vmresume
    jmp .Lfailed

.Lnot_so_simple:
    verw data_selector(%rip)    /* clears buffers on processors that need it, and else does nothing */
    push %rax
    mov VMX_VCPU + 8(%rsp), %rax
    testb $ENTRY_CLEAR, ENTRY(%rax)
    jnz .Lresume
    push vmx_entry_launched(%rip)
    pop ENTRY(%rax)             /* until the next VMCLEAR */
    pop %rax
    vmlaunch
    jmp .Lfailed
.Lresume:
    pop %rax
    vmresume

/* The processor did not enter. The guest's registers are still where they were stored. */
.Lfailed:
    mov VMX_VCPU(%rsp), %rdi
    lea FRAME(%rsp), %rbp       /* for backtraces */
    call vmx_after_failed_entry
    jmp .Lnext

    .globl vmx_exit_point
vmx_exit_point:
    push %rax
    mov VMX_VCPU + 8(%rsp), %rax
    mov REGS(%rax), %rax
    pop RAX(%rax)
    mov %rcx, RCX(%rax)
    mov %rdx, RDX(%rax)
    mov %rbx, RBX(%rax)
    mov %rbp, RBP(%rax)
    mov %rsi, RSI(%rax)
    mov %rdi, RDI(%rax)
    mov %r8, R8(%rax)
    mov %r9, R9(%rax)
    mov %r10, R10(%rax)
    mov %r11, R11(%rax)
    mov %r12, R12(%rax)
    mov %r13, R13(%rax)
    mov %r14, R14(%rax)
    mov %r15, R15(%rax)

    mov VMX_VCPU(%rsp), %rdi
    lea FRAME(%rsp), %rbp       /* for backtraces */
    call vmx_after_exit
    jmp .Lnext
    .size vmx_loop, . - vmx_loop

    .balign 2
data_selector:
    .word SEL_DATA

    .section .note.GNU-stack, "", @progbits
