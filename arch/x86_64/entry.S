// SPDX-License-Identifier: MIT
// Exceptions and interrupts of the hypervisor: a stub per vector, all leading to trap_dispatch. The hypervisor has one
// privilege level, so there are no segments to swap and no stack but the one the interrupt came on (or its IST slot).

#include <asm/x86_defs.h>

// Exceptions for which the processor pushes an error code.
#define HAS_ERROR_CODE(v)                                                                                    \
    ((v) == VECTOR_DF || ((v) >= VECTOR_TS && (v) <= VECTOR_PF) || (v) == VECTOR_AC || (v) == 21 || (v) == 29 || (v) == 30)

#define STUB_SIZE 16

    .text
    .balign STUB_SIZE
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 256
    .balign STUB_SIZE
    .if !HAS_ERROR_CODE(vector)
    pushq $0
    .endif
    pushq $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

    .type trap_common, @function
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
    movq %rsp, %rdi                 // struct trap_frame: 22 words under an aligned stack, so RSP is 16-byte aligned
    cld
    call trap_dispatch
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
    addq $16, %rsp                  // vector and error code
    iretq

// void mm_enter(uint64_t cr3, uint64_t stack_top, void (*next)(void))
    .globl mm_enter
mm_enter:
    movq %rdi, %cr3
    movq %rsi, %rsp
    xorl %ebp, %ebp                 // ends backtraces
    call *%rdx
    ud2

    .section .note.GNU-stack, "", @progbits
