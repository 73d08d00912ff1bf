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
#include <asm/hvm/entry.h>

/* Byte offsets in struct svm_vcpu (checked in run.c). */
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

    load_guest_registers

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
    store_guest_registers

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
