// SPDX-License-Identifier: MIT
/*
 * The first state of a PVH guest's vCPUs as HVM save records (public header hvm/save.h), the way libxc sets
 * it; the register values are those of the PVH boot protocol (Xen's docs/misc/pvh).
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/hvm/save.h>

#include <dom0/builder_boot.h>

#define CR0_PE 0x01u
#define CR0_ET 0x10u

#define FPU_FCW_INIT   0x037fu
#define FPU_MXCSR_INIT 0x1f80u
#define PAT_INIT       UINT64_C(0x0007040600070406)
#define MTRR_CAP       UINT64_C(0x508) /* 8 variable ranges, fixed ranges, write-combining */
#define MTRR_ENABLE    (1u << 11)
#define MTRR_WRITEBACK 6u

#define RECORD(type)                           \
    struct {                                   \
        struct hvm_save_descriptor descriptor; \
        HVM_SAVE_TYPE(type) body;              \
    }

struct context {
    RECORD(HEADER) header;
    RECORD(CPU) cpu;
    RECORD(MTRR) mtrrs[]; /* one per vCPU, then an END record, which is only a descriptor */
};

size_t vcpu_context_size(unsigned int max_vcpus)
{
    return offsetof(struct context, mtrrs[max_vcpus]) + sizeof(struct hvm_save_descriptor);
}

static void set_cpu(HVM_SAVE_TYPE(CPU) * cpu, uint64_t entry, uint64_t start_info)
{
    uint16_t fcw = FPU_FCW_INIT;
    uint32_t mxcsr = FPU_MXCSR_INIT;

    cpu->rip = entry;
    cpu->rbx = start_info;
    cpu->rflags = 2; /* the bit that is always set */
    cpu->cr0 = CR0_PE | CR0_ET;
    cpu->dr6 = 0xffff0ff0;
    cpu->dr7 = 0x400;

    cpu->cs_arbytes = 0xc9b; /* flat 4 GiB code, 32-bit */
    cpu->ds_arbytes = cpu->es_arbytes = cpu->ss_arbytes = 0xc93;
    cpu->cs_limit = cpu->ds_limit = cpu->es_limit = cpu->ss_limit = UINT32_MAX;
    cpu->tr_arbytes = 0x8b; /* a busy 32-bit TSS, which VT-x demands */
    cpu->tr_limit = 0x67;

    /* FXSAVE layout: control word at 0, MXCSR at 24 */
    memcpy(cpu->fpu_regs, &fcw, sizeof(fcw));
    memcpy(cpu->fpu_regs + 24, &mxcsr, sizeof(mxcsr));
    cpu->flags = XEN_X86_FPU_INITIALISED;
}

void vcpu_context_build(void *records, unsigned int max_vcpus, uint64_t entry, uint64_t start_info)
{
    struct context *context = records;
    struct hvm_save_descriptor end = {HVM_SAVE_CODE(END), 0, 0};

    memset(context, 0, vcpu_context_size(max_vcpus));
    context->header.descriptor =
        (struct hvm_save_descriptor){HVM_SAVE_CODE(HEADER), 0, HVM_SAVE_LENGTH(HEADER)};
    context->header.body.magic = HVM_FILE_MAGIC;
    context->header.body.version = HVM_FILE_VERSION;

    context->cpu.descriptor = (struct hvm_save_descriptor){HVM_SAVE_CODE(CPU), 0, HVM_SAVE_LENGTH(CPU)};
    set_cpu(&context->cpu.body, entry, start_info);

    for (unsigned int i = 0; i < max_vcpus; i++) {
        context->mtrrs[i].descriptor =
            (struct hvm_save_descriptor){HVM_SAVE_CODE(MTRR), (uint16_t)i, HVM_SAVE_LENGTH(MTRR)};
        context->mtrrs[i].body.msr_pat_cr = PAT_INIT;
        context->mtrrs[i].body.msr_mtrr_cap = MTRR_CAP;
        context->mtrrs[i].body.msr_mtrr_def_type = MTRR_ENABLE | MTRR_WRITEBACK;
    }
    memcpy(&context->mtrrs[max_vcpus], &end, sizeof(end));
}
