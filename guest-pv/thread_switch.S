// SPDX-License-Identifier: MIT
//
// void thread_switch(uint64_t *save_rsp, uint64_t load_rsp): saves what the ABI lets a function expect from its callee
// (RBX, RBP, R12-R15, MXCSR, the x87 control word) on the current stack, and goes on where another thread did the same.
// A new thread's stack is prepared by thread_create() in the same shape, returning into thread_begin.

    .text
    .globl thread_switch
thread_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    fldcw 4(%rsp)
    ldmxcsr (%rsp)
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret

    .globl thread_begin
thread_begin:
    call thread_main
    ud2

    .section .note.GNU-stack, "", @progbits
