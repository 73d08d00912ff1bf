// SPDX-License-Identifier: MIT
// Multiboot headers and the way from 32-bit protected mode to 64-bit C. This is the boot segment: linked at its load
// address. High symbols are used by their load addresses, PHYS(symbol), until paging is on.
//
// GRUB may load the image elsewhere, so each address is one of these plus EBP, by how much it was moved.

#include <asm/desc.h>
#include <asm/layout.h>
#include <asm/x86_defs.h>

#define PHYS(symbol) ((symbol) - IMAGE_BASE)
#define BOOT_STACK_SIZE 0x2000

    .section .boot.header, "ax"

// Multiboot 1: modules on page boundaries, memory map. Addresses come from the ELF headers.
#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 0x3
    .balign 4
    .long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)

// Multiboot 2: modules on page boundaries, and a framebuffer where there is no text mode. With gfxpayload=text GRUB
// keeps the text mode of BIOS machines.
#define MB2_MAGIC 0xe85250d6
#define MB2_TAG_END 0
#define MB2_TAG_FRAMEBUFFER 5
#define MB2_TAG_MODULE_ALIGN 6
#define MB2_TAG_RELOCATABLE 10
#define MB2_OPTIONAL 1
#define MB2_PREFER_HIGH 2
    .balign 8
mb2_header:
    .long MB2_MAGIC, 0, mb2_header_end - mb2_header, -(MB2_MAGIC + (mb2_header_end - mb2_header))
    .short MB2_TAG_MODULE_ALIGN, 0
    .long 8
    .short MB2_TAG_FRAMEBUFFER, MB2_OPTIONAL
    .long 20, 0, 0, 0               // of any size
    .balign 8
    // Anywhere that a large page can map, as high as possible: dom0 is linked to low memory.
    .short MB2_TAG_RELOCATABLE, MB2_OPTIONAL
    .long 24, IMAGE_LOAD, 0xffffffff, IMAGE_ALIGN, MB2_PREFER_HIGH
    .short MB2_TAG_END, 0
    .long 8
mb2_header_end:

    .section .boot.text, "ax"
    .code32

// EAX: the loader's magic number. EBX: machine address of its tables. Flat segments, interrupts off.
    .globl boot_entry
boot_entry:
    cli
    cld
    // There is no stack yet, and to learn one's own address takes one word of it: borrowed from the loader's tables.
    movl (%ebx), %edx
    leal 4(%ebx), %esp
    call 1f
1:  popl %ebp
    movl %edx, (%ebx)
    subl $1b, %ebp
    leal PHYS(boot_stack_top)(%ebp), %esp
    movl %eax, %edi                 // the two arguments of x86_boot, kept until there
    movl %ebx, %esi
    movl %ebp, PHYS(image_offset)(%ebp)

    // The loader should have left these off. VMX can't be turned off without knowing what runs under it, nor paging
    // without knowing where its tables have this code. 5-level paging without paging is but a bit, cleared below and
    // named in start.c.
    leal paging_message(%ebp), %ebx
    movl %cr0, %eax
    testl $CR0_PG, %eax
    jnz stop
    leal vmx_message(%ebp), %ebx
    movl %cr4, %eax
    movl %eax, PHYS(boot_cr4)(%ebp)
    testl $CR4_VMXE, %eax
    jnz stop

    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    movl $(1 << 29) | (1 << 20), %eax // LM and NX
    andl %eax, %edx
    cmpl %eax, %edx
    jne no_long_mode

    // Four page directories map 4 GiB with 2 MiB pages; they appear at 0 and in the direct map. One such page is the
    // image's.
    leal PHYS(boot_pd)(%ebp), %ebx
    movl $0x83, %eax                // present, writable, large
    xorl %edx, %edx                 // bits 32-63
1:  movl %eax, (%ebx)
    movl %edx, 4(%ebx)
    addl $8, %ebx
    addl $0x200000, %eax
    jnc 1b
    leal IMAGE_LOAD + 0x83(%ebp), %eax
    movl %eax, PHYS(boot_pd_image) + IMAGE_LOAD / 0x200000 * 8(%ebp)

    leal PHYS(boot_pd) + 3(%ebp), %eax
    leal PHYS(boot_pdpt)(%ebp), %ebx
    movl $4, %ecx
1:  movl %eax, (%ebx)
    addl $0x1000, %eax
    addl $8, %ebx
    loop 1b
    leal PHYS(boot_pd_image) + 3(%ebp), %eax
    movl %eax, PHYS(boot_pdpt) + 510 * 8(%ebp)
    leal PHYS(boot_pdpt) + 3(%ebp), %eax // one table for all three: their parts don't overlap
    movl %eax, PHYS(boot_pml4)(%ebp)
    movl %eax, PHYS(boot_pml4) + 256 * 8(%ebp)
    movl %eax, PHYS(boot_pml4) + 511 * 8(%ebp)

    movl $CR4_PAE, %eax
    movl %eax, %cr4
    leal PHYS(boot_pml4)(%ebp), %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME | EFER_NXE, %eax
    wrmsr
    movl $CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE, %eax
    movl %eax, %cr0
    leal boot_gdt(%ebp), %eax
    movl %eax, boot_gdt_pointer + 2(%ebp)
    lgdt boot_gdt_pointer(%ebp)
    leal boot_entry64(%ebp), %eax
    pushl $SEL_CODE
    pushl %eax
    lret

// There is no console yet: the message at EBX goes to the first serial line, at whatever rate.
no_long_mode:
    leal no_long_mode_message(%ebp), %ebx
stop:
    leal panic_message(%ebp), %esi
    call put
    movl %ebx, %esi
    call put
    leal end_of_line(%ebp), %esi
    call put
1:  hlt
    jmp 1b

put:
    movl $100000, %ecx              // reads are enough for the slowest line, and end where there is none
    movw $0x3fd, %dx
1:  inb %dx, %al
    testb $0x20, %al                // room for a byte
    loopz 1b
    movw $0x3f8, %dx
    lodsb
    outb %al, %dx
    testb %al, %al
    jnz put
    ret

panic_message:
    .asciz "\r\nPANIC: "
no_long_mode_message:
    .asciz "this processor has no 64-bit mode, or its no-execute bit is disabled in the firmware"
paging_message:
    .asciz "the boot loader left paging on"
vmx_message:
    .asciz "VMX is already on (CR4.VMXE): something else runs this machine"
end_of_line:
    .asciz "\r\n"

    .code64
boot_entry64:
    movl $SEL_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq $boot_stack_top, %rsp
    movl %edi, %edi                 // the upper halves are undefined after the switch of mode
    movl %esi, %esi
    xorl %ebp, %ebp                 // ends backtraces
    movq $x86_boot, %rax
    call *%rax
    ud2

    .balign 8
boot_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff // as in desc.c
boot_gdt_pointer:
    .short . - boot_gdt - 1
    .long boot_gdt

    .section .bss.page_aligned, "aw", @nobits
    .balign 4096
boot_pml4:
    .skip 4096
boot_pdpt:
    .skip 4096
boot_pd_image:
    .skip 4096
boot_pd:
    .skip 4 * 4096
    .globl boot_stack, boot_stack_top
boot_stack:
    .skip BOOT_STACK_SIZE
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
