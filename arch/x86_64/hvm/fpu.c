// SPDX-License-Identifier: MIT
// Floating-point and vector state. The hypervisor uses none itself, so a guest's stays in the registers until
// another vcpu is switched to, and is then saved and replaced completely: all components the machine has,
// whatever the guest's XCR0 enables at that moment, so that nothing of one domain is left for the next.

#include <hv/page_alloc.h>
#include <hv/printk.h>
#include <hv/string.h>

#include <asm/cpu.h>
#include <asm/hvm/hvm.h>

#define XSTATE_LEGACY_SIZE 512
#define XSTATE_HEADER      512 // offset of XSTATE_BV

// One page holds it all. AMX tiles, 8 KiB each, are not for guests; components guests don't see can still
// hold secrets where XSETBV can't be intercepted, so they are switched too.
#define XCR0_AMX   (3UL << 17)
#define XCR0_GUEST (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512 | XCR0_PKRU)

#define FCW_RESET   0x37f
#define MXCSR_RESET 0x1f80

static uint64_t machine_mask;     // XCR0 while state is saved and loaded; 0: FXSAVE only
static bool keeps_error_pointers; // loading state without a pending x87 exception leaves FIP, FDP and FOP as
                                  // they were

void fpu_init(void)
{
    keeps_error_pointers =
        memcmp(host_cpu.vendor, "GenuineIntel", 12) != 0 && !cpu_has(XEN_X86_FEATURE_RSTR_FP_ERR_PTRS);
    if (!cpu_has(XEN_X86_FEATURE_XSAVE))
        return;
    struct cpuid_regs r = cpuid(0xd, 0);
    machine_mask = ((uint64_t)r.edx << 32 | r.eax) & ~XCR0_AMX;
    xsetbv(0, machine_mask);
    uint32_t size = cpuid(0xd, 0).ebx; // for the XCR0 just set
    if (size > PAGE_SIZE)
        panic("this CPU's XSAVE area of %u bytes is larger than a page (XCR0 %lx)", size, machine_mask);
}

uint64_t fpu_guest_xcr0_mask(void)
{
    return machine_mask & XCR0_GUEST;
}

// Intel SDM vol. 1, 13.3: SSE with AVX, AVX with AVX-512, its three parts together.
bool fpu_xcr0_valid(uint64_t xcr0)
{
    if (!(xcr0 & XCR0_X87) || (xcr0 & ~fpu_guest_xcr0_mask()))
        return false;
    if ((xcr0 & XCR0_AVX) && !(xcr0 & XCR0_SSE))
        return false;
    uint64_t avx512 = xcr0 & XCR0_AVX512;
    return !avx512 || (avx512 == XCR0_AVX512 && (xcr0 & XCR0_AVX));
}

static void reset_state(struct arch_vcpu *arch)
{
    uint8_t *area = memset(arch->fpu, 0, PAGE_SIZE);
    uint16_t fcw = FCW_RESET;
    uint32_t mxcsr = MXCSR_RESET;

    // XSTATE_BV of zero makes XRSTOR reset every component; FCW is for FXRSTOR and MXCSR for both.
    memcpy(area, &fcw, sizeof(fcw));
    memcpy(area + 24, &mxcsr, sizeof(mxcsr));
    arch->xcr0 = XCR0_X87;
}

int fpu_create(struct vcpu *v)
{
    mfn_t mfn = page_alloc(ORDER_4K, 0);

    if (!mfn_valid(mfn))
        return -XEN_ENOMEM;
    v->arch->fpu = mfn_to_virt(mfn);
    reset_state(v->arch);
    return 0;
}

void fpu_destroy(struct vcpu *v)
{
    page_free(virt_to_mfn(v->arch->fpu), ORDER_4K);
}

void fpu_save(struct vcpu *v)
{
    struct arch_vcpu *arch = v->arch;

    if (!machine_mask) {
        asm volatile("fxsave64 (%0)" : : "r"(arch->fpu) : "memory");
        return;
    }
    // XSETBV need not be intercepted (QEMU does not), so only the machine knows what the guest made of it.
    arch->xcr0 = xgetbv(0) & machine_mask;
    if (arch->xcr0 != machine_mask)
        xsetbv(0, machine_mask);
    asm volatile("xsave64 (%0)" : : "r"(arch->fpu), "a"(~0U), "d"(~0U) : "memory");
}

// Older processors, but Intel's: without this a guest could read where the one before it last used the x87.
static void overwrite_error_pointers(void)
{
    static const uint32_t zero;

    asm volatile("fnclex; emms; fildl %0" : : "m"(zero));
}

void fpu_load(struct vcpu *v)
{
    struct arch_vcpu *arch = v->arch;

    if (keeps_error_pointers)
        overwrite_error_pointers();
    if (!machine_mask) {
        asm volatile("fxrstor64 (%0)" : : "r"(arch->fpu) : "memory");
        return;
    }
    if (xgetbv(0) != machine_mask)
        xsetbv(0, machine_mask);
    asm volatile("xrstor64 (%0)" : : "r"(arch->fpu), "a"(~0U), "d"(~0U) : "memory");
    if (arch->xcr0 != machine_mask)
        xsetbv(0, arch->xcr0);
}

void fpu_get_legacy(const struct vcpu *v, uint8_t regs[XSTATE_LEGACY_SIZE])
{
    memcpy(regs, v->arch->fpu, XSTATE_LEGACY_SIZE);
}

void fpu_set_legacy(struct vcpu *v, const uint8_t regs[XSTATE_LEGACY_SIZE])
{
    uint8_t *area = v->arch->fpu;
    uint64_t present = XCR0_X87 | XCR0_SSE;

    memset(area, 0, PAGE_SIZE);
    memcpy(area, regs, XSTATE_LEGACY_SIZE);
    // Reserved MXCSR bits would make XRSTOR fault.
    uint32_t mxcsr;
    memcpy(&mxcsr, area + 24, sizeof(mxcsr));
    mxcsr &= 0xffff;
    memcpy(area + 24, &mxcsr, sizeof(mxcsr));
    memcpy(area + XSTATE_HEADER, &present, sizeof(present));
}
