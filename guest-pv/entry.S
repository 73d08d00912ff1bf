// SPDX-License-Identifier: MIT
//
// PVH entry: 32-bit protected mode without paging, flat segments, EBX = guest-physical address of hvm_start_info. Goes to
// 64-bit mode on page tables that map the low 4 GiB at their own address (paging.c refines them) and calls guest_start().

#define XEN_ELFNOTE_PHYS32_ENTRY 18

#define CR0_MP (1 << 1)
#define CR0_NE (1 << 5)
#define CR0_WP (1 << 16)
#define CR0_PG (1 << 31)
#define CR0_PE (1 << 0)
#define CR4_PAE (1 << 5)
#define CR4_OSFXSR (1 << 9)
#define CR4_OSXMMEXCPT (1 << 10)
#define MSR_EFER 0xc0000080
#define EFER_LME (1 << 8)
#define EFER_NXE_BIT 11
#define CPUID_NX_BIT 20
#define CPUID_NX (1 << CPUID_NX_BIT)

#define PTE_TABLE 0x3 // present, writable
#define PTE_LARGE 0x83 // present, writable, 2 MiB page

#define GDT_CODE64 0x08
#define GDT_DATA 0x10

    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long guest_entry

    .section .text.entry, "ax"
    .code32
    .globl guest_entry
guest_entry:
    cld
    rdtsc
    movl %eax, guest_entry_tsc_value
    movl %edx, guest_entry_tsc_value + 4
    movl %ebx, %ebp

    // AMD's and Hygon's processors have VMMCALL (0f 01 d9) where the others have VMCALL (0f 01 c1).
    xorl %eax, %eax
    cpuid
    cmpl $0x68747541, %ebx // "Auth"enticAMD
    je 1f
    cmpl $0x6f677948, %ebx // "Hygo"nGenuine
    jne 2f
1:  movb $0xd9, guest_hypercall_insn + 2
2:
    // One root, one table of four entries, four directories of 512 pages of 2 MiB. The rest of .bss is zero.
    movl $boot_pdpt + PTE_TABLE, guest_pml4
    movl $boot_directories + PTE_TABLE, %eax
    movl $boot_pdpt, %edi
3:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x1000, %eax
    cmpl $boot_pdpt + 32, %edi
    jb 3b
    movl $PTE_LARGE, %eax
    movl $boot_directories, %edi
4:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x200000, %eax
    jnc 4b

    movl $(CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT), %eax
    movl %eax, %cr4
    movl $guest_pml4, %eax
    movl %eax, %cr3
    movl $0x80000001, %eax
    cpuid
    andl $CPUID_NX, %edx
    shrl $CPUID_NX_BIT - EFER_NXE_BIT, %edx
    orl $EFER_LME, %edx
    movl %edx, %esi
    movl $MSR_EFER, %ecx
    rdmsr
    orl %esi, %eax
    wrmsr
    movl $(CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_PE), %eax
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $GDT_CODE64, $entry64

    .code64
entry64:
    movl $GDT_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq $boot_stack_top, %rsp
    fninit
    movl %ebp, %edi
    xorl %ebp, %ebp
    call guest_start
    ud2

    .text
    .globl guest_hypercall_insn
guest_hypercall_insn:
    vmcall
    ret

    .data
    .balign 16
    .globl guest_gdt
guest_gdt:
    .quad 0
    .quad 0x00af9b000000ffff // GDT_CODE64
    .quad 0x00cf93000000ffff // GDT_DATA
    .quad 0, 0 // task state segment, filled by trap.c
guest_gdt_end:
gdt_pointer:
    .word guest_gdt_end - guest_gdt - 1
    .quad guest_gdt

    .bss
    .balign 4096
    .globl guest_pml4
guest_pml4:
    .fill 4096
boot_pdpt:
    .fill 4096
boot_directories:
    .fill 4 * 4096
    .fill 8192
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
