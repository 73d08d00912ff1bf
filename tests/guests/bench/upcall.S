// SPDX-License-Identifier: MIT
//
// The upcall as the bench sees it: note the TSC first, then go on as always.

    .text
    .globl bench_upcall
bench_upcall:
    pushq %rax
    pushq %rdx
    rdtsc
    movl %eax, bench_upcall_tsc
    movl %edx, bench_upcall_tsc + 4
    popq %rdx
    popq %rax
    jmp event_upcall_entry

    .section .note.GNU-stack, "", @progbits
