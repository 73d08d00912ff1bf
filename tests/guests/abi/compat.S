// SPDX-License-Identifier: MIT
//
// long compat_hypercall(unsigned op, unsigned a1, unsigned a2): a hypercall made in 32-bit compatibility mode, where it
// takes EAX, EBX, ECX. The caller has put a 32-bit code segment at selector 0x28 and interrupts off.

#define SELECTOR_CODE64 0x08
#define SELECTOR_CODE32 0x28

    .text
    .code64
    .globl compat_hypercall
compat_hypercall:
    pushq %rbx
    movl %edi, %eax
    movl %esi, %ebx
    movl %edx, %ecx
    movq %rsp, saved_rsp // registers lose their upper halves down there
    ljmpl *to_compat
    .code32
compat:
    cmpb $0, compat_vmmcall
    jne 1f
    vmcall
    jmp 2f
1:  vmmcall
2:  ljmp $SELECTOR_CODE64, $back
    .code64
back:
    movq saved_rsp, %rsp
    movslq %eax, %rax
    popq %rbx
    ret

    .data
    .balign 8
to_compat:
    .long compat
    .word SELECTOR_CODE32

    .bss
    .globl compat_vmmcall
compat_vmmcall:
    .byte 0
    .balign 8
saved_rsp:
    .quad 0

    .section .note.GNU-stack, "", @progbits
