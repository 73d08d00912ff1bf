/* SPDX-License-Identifier: MIT
 *
 * The run loop of a cpu with AMD-V: what to run, the guest, what to do about its exit, for ever. The two halves around
 * the guest are in run.c. Nothing of the loop's own stays in registers, all of which are the guest's: it has three
 * places on the stack.
 *
 * VMRUN itself switches RAX, RSP, RIP, RFLAGS and the control registers; VMLOAD and VMSAVE the hidden state of FS, GS,
 * TR and LDTR and the system-call MSRs; the other general registers are ours to switch.
 *
 * From CLGI to STGI no interrupt or NMI reaches the host, so none can see guest state in its registers. IF is set
 * across VMRUN because it decides, with V_INTR_MASKING, whether a machine interrupt makes the guest exit.
 */

#include <asm/desc.h>

/* Byte offsets in struct guest_regs: 8 * the register's number (checked in run.c). */
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

/* In struct svm_vcpu, likewise. */
#define REGS 0
#define VMCB_PA 8

/* On the stack. */
#define SVM_VCPU 0
#define HOST_VMCB_PA 8
#define CPU 16
#define FRAME 24

/* RDI struct cpu, RSI its host_vmcb_pa. Does not return. There are two: one clears the processor's buffers before each
 * entry. */
    .macro loop name, clears
    .globl \name
    .type \name, @function
\name:
    push %rbp
    mov %rsp, %rbp
    push %rdi
    push %rsi
    push $0

.Lnext\@:
    mov CPU(%rsp), %rdi
    call svm_before_entry
    mov %rax, SVM_VCPU(%rsp)
    mov REGS(%rax), %rdi
    mov VMCB_PA(%rax), %rax

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

    clgi
    vmload %rax
    .if \clears
    verw data_selector(%rip)
    .endif
    sti
    vmrun %rax
    cli
    vmsave %rax
    mov HOST_VMCB_PA(%rsp), %rax
    vmload %rax
    stgi

    mov SVM_VCPU(%rsp), %rax
    mov REGS(%rax), %rax
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

    mov SVM_VCPU(%rsp), %rdi
    lea FRAME(%rsp), %rbp       /* for backtraces */
    call svm_after_exit
    jmp .Lnext\@
    .size \name, . - \name
    .endm

    .text
    loop svm_loop, clears=0
    loop svm_clearing_loop, clears=1

    .balign 2
data_selector:
    .word SEL_DATA
