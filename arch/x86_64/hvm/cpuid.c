// SPDX-License-Identifier: MIT
// What CPUID tells a guest: the machine's own leaves, reduced to an explicit list of features, and Xen's
// leaves at 0x40000000 (public header arch-x86/cpuid.h). A feature that is not listed here does not exist for
// guests. The policy is the same for every domain; only identifiers and the bits that mirror control
// registers differ per vcpu.

#include <hv/arch.h>
#include <hv/string.h>

#include <xen/arch-x86/cpuid.h>
#include <xen/version.h>

#include <asm/cpu.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>

#define MAX_BASIC    0xdU
#define MAX_EXTENDED 0x80000008U
#define XEN_BASE     0x40000000U
#define MAX_XEN      (XEN_BASE + 4)

#define MAX_XSTATE          10  // components up to PKRU
#define XSTATE_LEGACY_BYTES 576 // with the header

#define LEAF1_EDX_IN_EXTENDED 0x0183f3ffU // AMD repeats these of leaf 1 EDX in 0x80000001 EDX, Intel does not

#define F(name) XEN_X86_FEATURE_##name

static const uint16_t guest_features[] = {
    F(FPU),
    F(VME),
    F(DE),
    F(PSE),
    F(TSC),
    F(MSR),
    F(PAE),
    F(MCE),
    F(CX8),
    F(APIC),
    F(SEP),
    F(MTRR),
    F(PGE),
    F(MCA),
    F(CMOV),
    F(PAT),
    F(PSE36),
    F(CLFLUSH),
    F(MMX),
    F(FXSR),
    F(SSE),
    F(SSE2),
    F(SSE3),
    F(PCLMULQDQ),
    F(SSSE3),
    F(FMA),
    F(CX16),
    F(PCID),
    F(SSE4_1),
    F(SSE4_2),
    F(MOVBE),
    F(POPCNT),
    F(AESNI),
    F(XSAVE),
    F(AVX),
    F(F16C),
    F(RDRAND),
    F(SYSCALL),
    F(NX),
    F(MMXEXT),
    F(PAGE1GB),
    F(RDTSCP),
    F(LM),
    F(3DNOWEXT),
    F(3DNOW),
    F(LAHF_LM),
    F(CR8_LEGACY),
    F(ABM),
    F(SSE4A),
    F(MISALIGNSSE),
    F(3DNOWPREFETCH),
    F(XOP),
    F(FMA4),
    F(TBM),
    F(XSAVEOPT),
    F(XSAVEC),
    F(XGETBV1),
    F(FSGSBASE),
    F(BMI1),
    F(AVX2),
    F(FDP_EXCP_ONLY),
    F(SMEP),
    F(BMI2),
    F(ERMS),
    F(INVPCID),
    F(NO_FPU_SEL),
    F(AVX512F),
    F(AVX512DQ),
    F(RDSEED),
    F(ADX),
    F(SMAP),
    F(AVX512_IFMA),
    F(CLFLUSHOPT),
    F(CLWB),
    F(AVX512CD),
    F(SHA),
    F(AVX512BW),
    F(AVX512VL),
    F(AVX512_VBMI),
    F(UMIP),
    F(PKU),
    F(AVX512_VBMI2),
    F(GFNI),
    F(VAES),
    F(VPCLMULQDQ),
    F(AVX512_VNNI),
    F(AVX512_BITALG),
    F(AVX512_VPOPCNTDQ),
    F(RDPID),
    F(ITSC),
    F(CLZERO),
    F(RSTR_FP_ERR_PTRS),
    F(IBPB),
    F(SSB_NO),
    F(BTC_NO),
    F(IBPB_RET),
    F(AVX512_4VNNIW),
    F(AVX512_4FMAPS),
    F(FSRM),
    F(AVX512_VP2INTERSECT),
    F(MD_CLEAR),
    F(SERIALIZE),
    F(AVX512_FP16),
    F(ARCH_CAPS),
    F(AVX_VNNI),
    F(AVX512_BF16),
    F(RDCL_NO),
    F(RSBA),
    F(INTEL_SSB_NO),
    F(MDS_NO),
    F(IF_PSCHANGE_MC_NO),
    F(TAA_NO),
    F(SBDR_SSDP_NO),
    F(FBSDP_NO),
    F(PSDP_NO),
    F(FB_CLEAR),
    F(RRSBA),
    F(BHI_NO),
    F(PBRSB_NO),
    F(GDS_NO),
    F(RFDS_NO),
    F(RFDS_CLEAR),
    F(ITS_NO),
};

// Needs an XCR0 component: hidden where guests can't have it.
static const struct {
    uint16_t feature;
    uint64_t xcr0;
} needs_state[] = {
    {F(XSAVE), XCR0_X87},
    {F(XSAVEOPT), XCR0_X87},
    {F(XSAVEC), XCR0_X87},
    {F(XGETBV1), XCR0_X87},
    {F(AVX), XCR0_AVX},
    {F(AVX2), XCR0_AVX},
    {F(FMA), XCR0_AVX},
    {F(F16C), XCR0_AVX},
    {F(XOP), XCR0_AVX},
    {F(FMA4), XCR0_AVX},
    {F(VAES), XCR0_AVX},
    {F(VPCLMULQDQ), XCR0_AVX},
    {F(AVX_VNNI), XCR0_AVX},
    {F(PKU), XCR0_PKRU},
    {F(AVX512F), XCR0_AVX512},
    {F(AVX512DQ), XCR0_AVX512},
    {F(AVX512_IFMA), XCR0_AVX512},
    {F(AVX512CD), XCR0_AVX512},
    {F(AVX512BW), XCR0_AVX512},
    {F(AVX512VL), XCR0_AVX512},
    {F(AVX512_VBMI), XCR0_AVX512},
    {F(AVX512_VBMI2), XCR0_AVX512},
    {F(AVX512_VNNI), XCR0_AVX512},
    {F(AVX512_BITALG), XCR0_AVX512},
    {F(AVX512_VPOPCNTDQ), XCR0_AVX512},
    {F(AVX512_4VNNIW), XCR0_AVX512},
    {F(AVX512_4FMAPS), XCR0_AVX512},
    {F(AVX512_VP2INTERSECT), XCR0_AVX512},
    {F(AVX512_FP16), XCR0_AVX512},
    {F(AVX512_BF16), XCR0_AVX512},
};

// Emulated here, whatever the machine has.
static const uint16_t own_features[] = {F(X2APIC), F(TSC_DEADLINE), F(HYPERVISOR)};

static uint32_t features[CPU_FEATURE_WORDS];
static struct cpuid_regs basic[MAX_BASIC + 1], extended[MAX_EXTENDED - 0x80000000 + 1], leaf7_1;
static struct cpuid_regs xstate[MAX_XSTATE];

static void set_feature(unsigned feature, bool present)
{
    if (present)
        features[feature / 32] |= 1U << feature % 32;
    else
        features[feature / 32] &= ~(1U << feature % 32);
}

bool cpuid_guest_has(unsigned feature)
{
    return features[feature / 32] >> (feature % 32) & 1;
}

bool cpuid_arch_caps(uint64_t *value)
{
    *value = (uint64_t)features[17] << 32 | features[16];
    return cpuid_guest_has(F(ARCH_CAPS));
}

static void choose_features(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(guest_features); i++)
        set_feature(guest_features[i], cpu_has(guest_features[i]));
    for (unsigned i = 0; i < ARRAY_SIZE(needs_state); i++)
        if ((fpu_guest_xcr0_mask() & needs_state[i].xcr0) != needs_state[i].xcr0)
            set_feature(needs_state[i].feature, false);
    for (unsigned i = 0; i < ARRAY_SIZE(own_features); i++)
        set_feature(own_features[i], true);
    if (!arch_clock.tsc_stable)
        set_feature(F(ITSC), false);
}

static void init_basic(void)
{
    basic[0] = cpuid(0, 0);
    basic[0].eax = MIN(basic[0].eax, MAX_BASIC);
    basic[1] = cpuid(1, 0);
    basic[1].ebx = (basic[1].ebx & 0xff00) | 1 << 16; // CLFLUSH size, one logical processor
    basic[1].ecx = features[1];
    basic[1].edx = features[0];
    basic[2] = cpuid(2, 0);
    basic[6].eax = 1U << 2; // the APIC timer always runs
    basic[7] = (struct cpuid_regs){features[10] != 0, features[5], features[6], features[9]};
    leaf7_1.eax = features[10];
}

static void init_extended(void)
{
    extended[0] = basic[0];
    extended[0].eax = MIN(cpuid(0x80000000, 0).eax, MAX_EXTENDED);
    extended[1] = cpuid(0x80000001, 0);
    extended[1].ecx = features[3];
    extended[1].edx = features[2] | (extended[1].edx & features[0] & LEAF1_EDX_IN_EXTENDED);
    for (uint32_t i = 2; i <= 6; i++) // name, caches
        extended[i] = cpuid(0x80000000 + i, 0);
    extended[7].edx = features[7];
    extended[8].eax = arch_gpa_bits() | (cpuid(0x80000008, 0).eax & 0xff00); // widths of addresses
    extended[8].ebx = features[8];
}

// Bytes of the XSAVE area for what a guest has enabled, in the standard or the compacted format (Intel SDM
// vol. 1, 13.4.2 and 13.4.3). Not the processor's word, since Bochs has the former for both.
static uint32_t xsave_size(uint64_t xcr0, bool compacted)
{
    uint32_t size = XSTATE_LEGACY_BYTES;

    for (uint32_t i = 2; i < MAX_XSTATE; i++) {
        const struct cpuid_regs *c = &xstate[i]; // EAX size, EBX offset, ECX bit 1: aligned when compacted

        if (!(xcr0 >> i & 1))
            continue;
        if (!compacted)
            size = MAX(size, c->ebx + c->eax);
        else
            size = (c->ecx & 2 ? ALIGN_UP(size, 64U) : size) + c->eax;
    }
    return size;
}

static void init_xstate(void)
{
    uint64_t mask = fpu_guest_xcr0_mask();

    if (!mask)
        return;
    xstate[0] = (struct cpuid_regs){.eax = mask, .edx = mask >> 32};
    xstate[1].eax = features[4];
    for (uint32_t i = 2; i < MAX_XSTATE; i++) {
        if (!(mask >> i & 1))
            continue;
        xstate[i] = cpuid(0xd, i);
    }
    xstate[0].ecx = xsave_size(mask, false);
}

void cpuid_policy_init(void)
{
    choose_features();
    init_basic();
    init_extended();
    init_xstate();
}

static uint32_t apic_id(const struct vcpu *v)
{
    return v->id * 2;
}

static void leaf_1(const struct vcpu *v, struct cpuid_regs *out)
{
    uint64_t cr4 = virt_ops->get_sreg(v, SREG_CR4);

    out->ebx |= apic_id(v) << 24;
    if (cr4 & CR4_OSXSAVE)
        out->ecx |= 1U << (F(OSXSAVE) % 32);
}

static void leaf_7(const struct vcpu *v, uint32_t subleaf, struct cpuid_regs *out)
{
    if (subleaf == 0 && (virt_ops->get_sreg(v, SREG_CR4) & CR4_PKE))
        out->ecx |= 1U << (F(OSPKE) % 32);
    else if (subleaf == 1)
        *out = leaf7_1;
    else if (subleaf)
        *out = (struct cpuid_regs){};
}

// The sizes depend on XCR0, which is the guest's own while its vcpu is loaded.
static void leaf_d(uint32_t subleaf, struct cpuid_regs *out)
{
    *out = subleaf < MAX_XSTATE ? xstate[subleaf] : (struct cpuid_regs){};
    if (subleaf == 0 && out->eax)
        out->ebx = xsave_size(xgetbv(0), false);
    else if (subleaf == 1 && cpuid_guest_has(F(XSAVEC)))
        out->ebx = xsave_size(xgetbv(0), true);
}

static void xen_time_leaf(uint32_t subleaf, struct cpuid_regs *out)
{
    *out = (struct cpuid_regs){};
    if (subleaf == 0) {
        out->eax = arch_clock.tsc_stable ? 1U << 1 : 0; // a reliable TSC
        out->ebx = 2;                                   // never emulated
        out->ecx = arch_clock.tsc_khz;
    } else if (subleaf == 1) {
        out->ecx = arch_clock.mul;
        out->edx = (uint8_t)arch_clock.shift;
    } else if (subleaf == 2) {
        out->eax = arch_clock.tsc_khz;
    }
}

static void xen_leaf(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out)
{
    switch (leaf) {
    case XEN_BASE:
        *out = (struct cpuid_regs){MAX_XEN, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX,
                                   XEN_CPUID_SIGNATURE_EDX};
        break;
    case XEN_BASE + 1: *out = (struct cpuid_regs){.eax = 4 << 16 | 17}; break;
    case XEN_BASE + 2: *out = (struct cpuid_regs){.eax = 1, .ebx = MSR_XEN_HYPERCALL_PAGE}; break;
    case XEN_BASE + 3: xen_time_leaf(subleaf, out); break;
    case XEN_BASE + 4:
        *out = (struct cpuid_regs){.eax = XEN_HVM_CPUID_VCPU_ID_PRESENT | XEN_HVM_CPUID_DOMID_PRESENT,
                                   .ebx = v->id,
                                   .ecx = v->domain->id};
        break;
    }
}

// A leaf that is the same for every vcpu and has no subleaves, or NULL.
static inline const struct cpuid_regs *fixed_leaf(uint32_t leaf)
{
    static const uint16_t variable = 1U << 1 | 1U << 7 | 1U << 0xb | 1U << 0xd;

    if (leaf <= basic[0].eax)
        return variable >> leaf & 1 ? NULL : &basic[leaf];
    if (leaf - 0x80000000 <= extended[0].eax - 0x80000000)
        return &extended[leaf - 0x80000000];
    return NULL;
}

static void variable_leaf(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out)
{
    *out = leaf <= basic[0].eax ? basic[leaf] : (struct cpuid_regs){};
    switch (leaf) {
    case 1: leaf_1(v, out); break;
    case 7: leaf_7(v, subleaf, out); break;
    case 0xb: *out = (struct cpuid_regs){.ecx = subleaf & 0xff, .edx = apic_id(v)}; break;
    case 0xd: leaf_d(subleaf, out); break;
    default: xen_leaf(v, leaf, subleaf, out); break;
    }
}

void hvm_cpuid(struct vcpu *v, const struct vcpu_exit *exit)
{
    struct guest_regs *r = &v->arch->regs;
    const struct cpuid_regs *out = fixed_leaf(r->rax);
    struct cpuid_regs own;

    if (!out) {
        variable_leaf(v, r->rax, r->rcx, &own);
        out = &own;
    }
    r->rax = out->eax;
    r->rbx = out->ebx;
    r->rcx = out->ecx;
    r->rdx = out->edx;
    hvm_advance(v, exit);
}
