# SPDX-License-Identifier: MIT
arch-srcs += arch/x86_64/pt_npt.c arch/x86_64/pt_ept.c
arch-srcs += arch/x86_64/hvm/run.c arch/x86_64/hvm/exit.c arch/x86_64/hvm/vcpu.c arch/x86_64/hvm/p2m.c
arch-srcs += arch/x86_64/hvm/hypercall.c arch/x86_64/hvm/hypercall_page.c
arch-srcs += arch/x86_64/hvm/cpuid.c arch/x86_64/hvm/msr.c arch/x86_64/hvm/mtrr.c arch/x86_64/hvm/cr.c
arch-srcs += arch/x86_64/hvm/io.c arch/x86_64/hvm/npf.c arch/x86_64/hvm/mmio.c arch/x86_64/hvm/mov_decoder.c
arch-srcs += arch/x86_64/hvm/guest_walk.c arch/x86_64/hvm/fpu.c arch/x86_64/hvm/asid.c arch/x86_64/hvm/vlapic.c
arch-srcs += arch/x86_64/hvm/inject.c arch/x86_64/hvm/upcall.c arch/x86_64/hvm/context.c
arch-srcs += arch/x86_64/svm/svm.c arch/x86_64/svm/run.c arch/x86_64/svm/insn_length.c
arch-srcs += arch/x86_64/svm/registers.c arch/x86_64/svm/permissions.c arch/x86_64/svm/entry.S
arch-srcs += arch/x86_64/vmx/vmx.c arch/x86_64/vmx/run.c arch/x86_64/vmx/controls.c arch/x86_64/vmx/check.c
arch-srcs += arch/x86_64/vmx/registers.c arch/x86_64/vmx/permissions.c arch/x86_64/vmx/entry.S
