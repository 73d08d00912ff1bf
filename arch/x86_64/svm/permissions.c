// SPDX-License-Identifier: MIT
// What guests may touch without an exit. MSRs: those that VMLOAD and VMSAVE or the VMCB switch, and TSC_AUX,
// which arch_vcpu_switch does. Ports: none, but for the hardware domain, which has the machine's less those
// the hypervisor keeps. A set bit intercepts (APM vol. 2, 15.10 and 15.11).

#include "svm.h"

#include <hv/page_alloc.h>
#include <hv/printk.h>
#include <hv/slab.h>
#include <hv/string.h>

#include <asm/cpu.h>
#include <asm/machine.h>
#include <asm/x86_defs.h>

#define MSRPM_ORDER 1U // 8 KiB
#define IOPM_ORDER  2U // 12 KiB are used

static void *msrpm, *shared_iopm;

// Each of the three MSR ranges has 2 KiB of the map, two bits per MSR: read, write.
static void msr_allow(uint32_t msr)
{
    static const uint32_t bases[] = {0, 0xc0000000, 0xc0010000};

    for (unsigned i = 0; i < ARRAY_SIZE(bases); i++) {
        if (msr - bases[i] < 0x2000) {
            uint32_t bit = (msr - bases[i]) * 2;
            ((uint8_t *)msrpm)[i * 2048 + bit / 8] &= ~(3U << bit % 8);
        }
    }
}

static void *alloc_map(unsigned order)
{
    mfn_t mfn = page_alloc(order, 0);

    if (!mfn_valid(mfn))
        return NULL;
    return memset(mfn_to_virt(mfn), 0xff, PAGE_SIZE << order);
}

// Not PAT: QEMU has one for host and guests, and guests set it once.
void svm_permissions_init(void)
{
    static const uint32_t own_msrs[] = {
        MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_STAR,    MSR_LSTAR,
        MSR_CSTAR,       MSR_SFMASK,       MSR_FS_BASE,      MSR_GS_BASE, MSR_KERNEL_GS_BASE,
    };

    msrpm = alloc_map(MSRPM_ORDER);
    shared_iopm = alloc_map(IOPM_ORDER);
    if (!msrpm || !shared_iopm)
        panic("no memory for the permission maps of AMD-V");
    for (unsigned i = 0; i < ARRAY_SIZE(own_msrs); i++)
        msr_allow(own_msrs[i]);
    if (cpu_has(XEN_X86_FEATURE_RDTSCP))
        msr_allow(MSR_TSC_AUX);
    if (cpu_has(XEN_X86_FEATURE_IBPB))
        msr_allow(MSR_PRED_CMD); // a command, which holds no state
}

maddr_t svm_msrpm(void)
{
    return virt_to_mfn(msrpm).n << PAGE_SHIFT;
}

maddr_t svm_iopm(const struct domain *d)
{
    struct svm_domain *svm = d->arch->vendor;

    return virt_to_mfn(svm->iopm ? svm->iopm : shared_iopm).n << PAGE_SHIFT;
}

int svm_domain_create(struct domain *d)
{
    struct svm_domain *svm = hv_alloc(sizeof(*svm));

    if (!svm)
        return -XEN_ENOMEM;
    d->arch->vendor = svm;
    if (!(d->privileges & PRIV_HARDWARE))
        return 0;

    svm->iopm = alloc_map(IOPM_ORDER);
    if (!svm->iopm) {
        hv_free(svm, sizeof(*svm));
        return -XEN_ENOMEM;
    }
    // The bits behind port 0xffff belong to accesses that run over the end: they stay set.
    for (unsigned port = 0; port < 0x10000; port++)
        if (!arch_port_reserved(port))
            ((uint8_t *)svm->iopm)[port / 8] &= ~(1U << port % 8);
    return 0;
}

void svm_domain_destroy(struct domain *d)
{
    struct svm_domain *svm = d->arch->vendor;

    if (svm->iopm)
        page_free(virt_to_mfn(svm->iopm), IOPM_ORDER);
    hv_free(svm, sizeof(*svm));
}
