/* SPDX-License-Identifier: MIT
 *
 * Where the compiler's indirect calls and jumps go through, one thunk per register: a retpoline, which keeps the
 * processor from asking its branch predictor, trained by guests, for the target. It takes the return stack's word
 * instead, which is a loop, until the store below the return has corrected that. Where nothing else protects the
 * hypervisor that is how they stay; else speculation.c copies the plain jump over each.
 */

#include <asm/speculation.h>

    .macro thunk reg
    .balign THUNK_SIZE
    .globl __x86_indirect_thunk_\reg
    .type __x86_indirect_thunk_\reg, @function
__x86_indirect_thunk_\reg:
    call 2f
1:  pause
    lfence
    jmp 1b
2:  mov %\reg, (%rsp)
    ret
    int3
    .org __x86_indirect_thunk_\reg + THUNK_PLAIN
    jmp *%\reg
    int3
    .endm

    .text
    .balign THUNK_SIZE
    .globl thunks, thunks_end
thunks:
    .irp reg, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    thunk \reg
    .endr
    .balign THUNK_SIZE
thunks_end:

    .section .note.GNU-stack, "", @progbits
