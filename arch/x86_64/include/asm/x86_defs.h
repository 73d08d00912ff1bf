// SPDX-License-Identifier: MIT
// Architectural constants: control registers, RFLAGS, EFER, exception vectors and MSR numbers, as the AMD APM
// (vol. 2) and the Intel SDM (vol. 3 and 4) name them. Plain macros: assembly includes this too.
#pragma once

#define CR0_PE (1UL << 0)
#define CR0_MP (1UL << 1)
#define CR0_EM (1UL << 2)
#define CR0_TS (1UL << 3)
#define CR0_ET (1UL << 4)
#define CR0_NE (1UL << 5)
#define CR0_WP (1UL << 16)
#define CR0_AM (1UL << 18)
#define CR0_NW (1UL << 29)
#define CR0_CD (1UL << 30)
#define CR0_PG (1UL << 31)

#define CR4_DE         (1UL << 3)
#define CR4_PSE        (1UL << 4)
#define CR4_PAE        (1UL << 5)
#define CR4_MCE        (1UL << 6)
#define CR4_PGE        (1UL << 7)
#define CR4_OSFXSR     (1UL << 9)
#define CR4_OSXMMEXCPT (1UL << 10)
#define CR4_UMIP       (1UL << 11)
#define CR4_LA57       (1UL << 12)
#define CR4_VMXE       (1UL << 13)
#define CR4_OSXSAVE    (1UL << 18)
#define CR4_SMEP       (1UL << 20)
#define CR4_SMAP       (1UL << 21)
#define CR4_PKE        (1UL << 22)

#define RFLAGS_FIXED (1UL << 1) // always one
#define RFLAGS_TF    (1UL << 8)
#define RFLAGS_IF    (1UL << 9)
#define RFLAGS_DF    (1UL << 10)
#define RFLAGS_RF    (1UL << 16)
#define RFLAGS_VM    (1UL << 17)

#define EFER_SCE       (1UL << 0)
#define EFER_LME       (1UL << 8)
#define EFER_LMA       (1UL << 10)
#define EFER_NXE       (1UL << 11)
#define EFER_SVME      (1UL << 12)
#define EFER_FFXSR     (1UL << 14)
#define EFER_AUTO_IBRS (1UL << 21)

#define XCR0_X87    (1UL << 0)
#define XCR0_SSE    (1UL << 1)
#define XCR0_AVX    (1UL << 2)
#define XCR0_MPX    (3UL << 3)
#define XCR0_AVX512 (7UL << 5)
#define XCR0_PKRU   (1UL << 9)

#define DR6_RESET          0xffff0ff0UL
#define DR6_BREAKPOINTS    0xfUL
#define DR6_ACCESS         (1UL << 13)
#define DR6_SINGLE_STEP    (1UL << 14)
#define DR7_RESET          0x400UL
#define DR7_GENERAL_DETECT (1UL << 13)

#define VECTOR_DE  0
#define VECTOR_DB  1
#define VECTOR_NMI 2
#define VECTOR_BP  3
#define VECTOR_OF  4
#define VECTOR_BR  5
#define VECTOR_UD  6
#define VECTOR_NM  7
#define VECTOR_DF  8
#define VECTOR_TS  10
#define VECTOR_NP  11
#define VECTOR_SS  12
#define VECTOR_GP  13
#define VECTOR_PF  14
#define VECTOR_MF  16
#define VECTOR_AC  17
#define VECTOR_MC  18
#define VECTOR_XM  19

#define PF_WRITE (1U << 1) // page fault error code

#define MSR_TSC              0x10
#define MSR_APIC_BASE        0x1b
#define MSR_FEATURE_CONTROL  0x3a
#define MSR_TSC_ADJUST       0x3b
#define MSR_SPEC_CTRL        0x48
#define MSR_PRED_CMD         0x49
#define MSR_PLATFORM_INFO    0xce
#define MSR_UCODE_REV        0x8b
#define MSR_MTRR_CAP         0xfe
#define MSR_ARCH_CAPS        0x10a
#define MSR_FLUSH_CMD        0x10b
#define MSR_SYSENTER_CS      0x174
#define MSR_SYSENTER_ESP     0x175
#define MSR_SYSENTER_EIP     0x176
#define MSR_MCG_CAP          0x179
#define MSR_MCG_STATUS       0x17a
#define MSR_MISC_ENABLE      0x1a0
#define MSR_DEBUGCTL         0x1d9
#define MSR_MTRR_PHYSBASE0   0x200 // base and mask of 8 variable ranges
#define MSR_MTRR_FIX64K      0x250
#define MSR_MTRR_FIX16K_80   0x258
#define MSR_MTRR_FIX16K_A0   0x259
#define MSR_MTRR_FIX4K_C0    0x268 // to 0x26f
#define MSR_PAT              0x277
#define MSR_MTRR_DEF_TYPE    0x2ff
#define MSR_MC0_CTL          0x400
#define MSR_MC0_STATUS       0x401 // bank n: + 4 * n
#define MSR_MC0_ADDR         0x402
#define MSR_VMX_BASIC        0x480
#define MSR_VMX_MISC         0x485
#define MSR_VMX_CR0_FIXED0   0x486
#define MSR_VMX_CR0_FIXED1   0x487
#define MSR_VMX_CR4_FIXED0   0x488
#define MSR_VMX_CR4_FIXED1   0x489
#define MSR_VMX_CPU2         0x48b
#define MSR_VMX_EPT_VPID_CAP 0x48c
#define MSR_VMX_TRUE_PIN     0x48d
#define MSR_VMX_TRUE_CPU     0x48e
#define MSR_VMX_TRUE_EXIT    0x48f
#define MSR_VMX_TRUE_ENTRY   0x490
#define MSR_TSC_DEADLINE     0x6e0
#define MSR_X2APIC_FIRST     0x800
#define MSR_X2APIC_LAST      0x83f
#define MSR_XSS              0xda0
#define MSR_EFER             0xc0000080
#define MSR_STAR             0xc0000081
#define MSR_LSTAR            0xc0000082
#define MSR_CSTAR            0xc0000083
#define MSR_SFMASK           0xc0000084
#define MSR_FS_BASE          0xc0000100
#define MSR_GS_BASE          0xc0000101
#define MSR_KERNEL_GS_BASE   0xc0000102
#define MSR_TSC_AUX          0xc0000103
#define MSR_AMD_SYSCFG       0xc0010010
#define MSR_AMD_HWCR         0xc0010015
#define MSR_AMD_NB_CFG       0xc001001f
#define MSR_AMD_INT_PENDING  0xc0010055
#define MSR_VM_CR            0xc0010114
#define MSR_VM_HSAVE_PA      0xc0010117
#define MSR_AMD_DE_CFG       0xc0011029

#define SPEC_CTRL_IBRS      (1UL << 0)
#define SPEC_CTRL_BHI_DIS_S (1UL << 10)
#define PRED_CMD_IBPB       (1UL << 0)
#define FLUSH_CMD_L1D       (1UL << 0)
#define DE_CFG_LFENCE       (1UL << 1) // LFENCE serialises

#define APIC_BASE_BSP     (1UL << 8)
#define APIC_BASE_X2APIC  (1UL << 10)
#define APIC_BASE_ENABLED (1UL << 11)

// Bits of a host page-table entry. Guests' own tables and NPT have the same shape.
#ifndef __ASSEMBLY__
#define PTE_PRESENT   (1UL << 0)
#define PTE_WRITE     (1UL << 1)
#define PTE_USER      (1UL << 2)
#define PTE_PWT       (1UL << 3)
#define PTE_PCD       (1UL << 4)
#define PTE_ACCESSED  (1UL << 5)
#define PTE_DIRTY     (1UL << 6)
#define PTE_LARGE     (1UL << 7)
#define PTE_GLOBAL    (1UL << 8)
#define PTE_NX        (1UL << 63)
#define PTE_ADDR_MASK 0x000ffffffffff000UL
#endif
