// SPDX-License-Identifier: MIT
// Accesses to guest-physical addresses where no memory is: the local APIC's page, and nothing, which reads as
// ones and swallows writes. Only MOVs get here; see mov_decoder.h.

#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>

#include "mov_decoder.h"

static uint64_t mask_of(unsigned bytes)
{
    return bytes == 8 ? ~0UL : (1UL << 8 * bytes) - 1;
}

static bool is_vlapic(const struct vcpu *v, gpa_t gpa)
{
    return (gpa & PAGE_MASK) == VLAPIC_BASE && vlapic_mmio_enabled(v);
}

static uint64_t device_read(struct vcpu *v, gpa_t gpa)
{
    return is_vlapic(v, gpa) ? vlapic_mmio_read(v, gpa & ~PAGE_MASK) : ~0UL;
}

static void device_write(struct vcpu *v, gpa_t gpa, uint64_t value)
{
    if (is_vlapic(v, gpa))
        vlapic_mmio_write(v, gpa & ~PAGE_MASK, value);
}

static uint64_t get_gpr(const struct vcpu *v, unsigned gpr)
{
    return gpr == GPR_RSP ? virt_ops->get_sreg(v, SREG_RSP) : v->arch->regs.gpr[gpr];
}

static void set_gpr(struct vcpu *v, unsigned gpr, uint64_t value)
{
    if (gpr == GPR_RSP)
        virt_ops->set_sreg(v, SREG_RSP, value);
    else
        v->arch->regs.gpr[gpr] = value;
}

static void load(struct vcpu *v, const struct mov_insn *insn, uint64_t value)
{
    uint64_t mask = mask_of(insn->size);
    unsigned unused = 64 - 8 * insn->memory_size, shift = insn->high_byte ? 8 : 0;

    value <<= unused;
    value = insn->sign_extend ? (uint64_t)((int64_t)value >> unused) : value >> unused;
    if (insn->size >= 4) // 32-bit results clear the upper half
        set_gpr(v, insn->gpr, value & mask);
    else
        set_gpr(v, insn->gpr, (get_gpr(v, insn->gpr) & ~(mask << shift)) | (value & mask) << shift);
}

static uint64_t stored_value(const struct vcpu *v, const struct mov_insn *insn)
{
    if (insn->immediate)
        return insn->value;
    return get_gpr(v, insn->gpr) >> (insn->high_byte ? 8 : 0) & mask_of(insn->size);
}

bool hvm_mmio(struct vcpu *v, gpa_t gpa, const char **why)
{
    uint8_t bytes[INSN_MAX];
    unsigned n = hvm_fetch(v, bytes), width = hvm_code_width(v);
    struct mov_insn insn;

    *why = mov_decode(bytes, n, width, &insn);
    if (*why)
        return false;
    if (insn.write)
        device_write(v, gpa, stored_value(v, &insn));
    else
        load(v, &insn, device_read(v, gpa));
    uint64_t next = v->arch->regs.rip + insn.length;
    hvm_advance_to(v, width == 64 ? next : (uint32_t)next);
    return true;
}
