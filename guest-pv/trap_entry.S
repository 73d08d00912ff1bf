// SPDX-License-Identifier: MIT
//
// One entry stub per vector, all leading to trap_dispatch(struct trap_frame *). The upcall has a short path of its own:
// all it must do is take back the "upcall pending" mark, or Xen would inject the vector again at once. What is pending
// stays in the selector word of vcpu_info, which event.c reads later.

    .text
    .balign 16
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    // Vectors that push an error code themselves: 8, 10-14, 17, 21, 29, 30.
    .if !((vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30))
    pushq $0
    .endif
    pushq $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

trap_common:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    // SSE registers belong to the interrupted code; handlers are C and may use them.
    movq %rsp, %rbp
    subq $512, %rsp
    andq $-16, %rsp
    fxsave64 (%rsp)
    call trap_dispatch
    fxrstor64 (%rsp)
    movq %rbp, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq

    .globl event_upcall_entry
event_upcall_entry:
    pushq %rax
    movq event_vcpu_info, %rax
    movb $0, (%rax) // evtchn_upcall_pending
    popq %rax
    iretq

    .section .note.GNU-stack, "", @progbits
