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
#include <asm/hvm/entry.h>

/* Byte offsets in struct vmx_vcpu (checked in run.c). */
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

    mov REGS_RAX(%rdi), %rax
    load_guest_registers

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
    pop REGS_RAX(%rax)
    store_guest_registers

    mov VMX_VCPU(%rsp), %rdi
    lea FRAME(%rsp), %rbp       /* for backtraces */
    call vmx_after_exit
    jmp .Lnext
    .size vmx_loop, . - vmx_loop

    .balign 2
data_selector:
    .word SEL_DATA

    .section .note.GNU-stack, "", @progbits
