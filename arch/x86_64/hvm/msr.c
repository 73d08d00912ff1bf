// SPDX-License-Identifier: MIT
// Model-specific registers of guests. Those that guests switch often are passed through (see
// permissions.c of the vendor); here are the others that stock kernels use. Anything else is #GP, which
// kernels expect of registers they probe.

#include <asm/cpu.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>

#define MISC_ENABLE_VALUE (1UL << 0 | 1UL << 11 | 1UL << 12) // fast strings; no branch trace store, no PEBS
#define HWCR_TSC_FREQ_SEL (1UL << 24)                        // the TSC counts at the nominal frequency

static bool canonical(uint64_t address)
{
    return (int64_t)(address << 16) >> 16 == (int64_t)address;
}

static bool holds_address(uint32_t msr)
{
    return msr == MSR_LSTAR || msr == MSR_CSTAR || msr == MSR_FS_BASE || msr == MSR_GS_BASE ||
           msr == MSR_KERNEL_GS_BASE || msr == MSR_SYSENTER_ESP || msr == MSR_SYSENTER_EIP;
}

static bool pat_valid(uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        uint8_t type = value >> 8 * i;
        if (type > 7 || type == 2 || type == 3)
            return false;
    }
    return true;
}

static bool write_efer(struct vcpu *v, uint64_t value)
{
    uint64_t old = virt_ops->get_sreg(v, SREG_EFER);
    bool paging = virt_ops->get_sreg(v, SREG_CR0) & CR0_PG;

    if (value & ~(efer_writable() | EFER_LMA))
        return false;
    if (paging && ((value ^ old) & EFER_LME))
        return false;
    // LMA is the cpu's to change.
    virt_ops->set_sreg(v, SREG_EFER, (value & ~EFER_LMA) | (old & EFER_LMA));
    return true;
}

// The registers that a guest's context consists of, apart from what CPUID or the APIC gives it.
bool hvm_get_msr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    switch (msr) {
    case MSR_EFER: *value = virt_ops->get_sreg(v, SREG_EFER); return true;
    case MSR_TSC: *value = rdtsc(); return true;
    case MSR_APIC_BASE: *value = v->arch->vlapic.base_msr; return true;
    case MSR_TSC_DEADLINE: *value = v->arch->vlapic.tsc_deadline; return true;
    case MSR_MISC_ENABLE: *value = MISC_ENABLE_VALUE; return true;
    case MSR_ARCH_CAPS: return cpuid_arch_caps(value);
    case MSR_AMD_HWCR: *value = HWCR_TSC_FREQ_SEL; return true;
    case MSR_AMD_DE_CFG: *value = DE_CFG_LFENCE; return true;
    case MSR_UCODE_REV:
    case MSR_MCG_CAP: // no banks
    case MSR_MCG_STATUS:
    case MSR_DEBUGCTL:
    case MSR_AMD_SYSCFG:
    case MSR_AMD_NB_CFG:
    case MSR_AMD_INT_PENDING: *value = 0; return true;
    case MSR_X2APIC_FIRST ... MSR_X2APIC_LAST: return vlapic_msr_read(v, msr, value);
    default: return mtrr_read(v, msr, value) || virt_ops->get_msr(v, msr, value);
    }
}

bool hvm_set_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
    switch (msr) {
    case MSR_EFER: return write_efer(v, value);
    case MSR_APIC_BASE: return vlapic_set_base(v, value);
    case MSR_TSC_DEADLINE: return vlapic_set_deadline(v, value);
    case MSR_XEN_HYPERCALL_PAGE: return hypercall_page_write(v->domain, value);
    case MSR_PAT: return pat_valid(value) && virt_ops->set_msr(v, msr, value);
    case MSR_TSC: // guests share the machine's TSC
    case MSR_MISC_ENABLE:
    case MSR_UCODE_REV:
    case MSR_MCG_STATUS:
    case MSR_DEBUGCTL: // no branch records, no single-stepping on branches
    case MSR_AMD_HWCR:
    case MSR_AMD_SYSCFG:
    case MSR_AMD_NB_CFG:
    case MSR_AMD_DE_CFG: return true;
    case MSR_X2APIC_FIRST ... MSR_X2APIC_LAST: return vlapic_msr_write(v, msr, value);
    default:
        return mtrr_write(v, msr, value) ||
               ((!holds_address(msr) || canonical(value)) && virt_ops->set_msr(v, msr, value));
    }
}

void hvm_msr_read(struct vcpu *v, const struct vcpu_exit *exit)
{
    struct guest_regs *r = &v->arch->regs;
    uint64_t value;

    if (!hvm_get_msr(v, r->rcx, &value)) {
        hvm_raise_error(v, VECTOR_GP, 0);
        return;
    }
    r->rax = (uint32_t)value;
    r->rdx = value >> 32;
    hvm_advance(v, exit);
}

void hvm_msr_write(struct vcpu *v, const struct vcpu_exit *exit)
{
    const struct guest_regs *r = &v->arch->regs;

    if (hvm_set_msr(v, r->rcx, (uint32_t)r->rax | r->rdx << 32))
        hvm_advance(v, exit);
    else
        hvm_raise_error(v, VECTOR_GP, 0);
}
