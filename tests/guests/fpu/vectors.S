// SPDX-License-Identifier: MIT
//
// void vectors_xmm(const void *in, void *out, unsigned long spins), and vectors_ymm: load all sixteen registers, spin,
// give way to other domains, spin again, store them. Nothing in between touches a vector register.

#define HYPERCALL_SCHED_OP 29

    .macro spin
    movq %rdx, %rcx
1:  decq %rcx
    jnz 1b
    .endm

    .macro give_way
    pushq %rdi
    pushq %rsi
    pushq %rdx
    movl $HYPERCALL_SCHED_OP, %eax
    xorl %edi, %edi // SCHEDOP_yield
    xorl %esi, %esi
    call guest_hypercall_insn
    popq %rdx
    popq %rsi
    popq %rdi
    .endm

    .text
    .globl vectors_xmm
vectors_xmm:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movups \n * 16(%rdi), %xmm\n
    .endr
    spin
    give_way
    spin
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movups %xmm\n, \n * 16(%rsi)
    .endr
    ret

    .globl vectors_ymm
vectors_ymm:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovups \n * 32(%rdi), %ymm\n
    .endr
    spin
    give_way
    spin
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovups %ymm\n, \n * 32(%rsi)
    .endr
    vzeroupper
    ret

    .section .note.GNU-stack, "", @progbits
