// SPDX-License-Identifier: MIT
// What guests may touch without an exit. MSRs: those that the VMCS or vcpu_switch switches. Ports: none, but
// for the hardware domain, which has the machine's less those the hypervisor keeps. A set bit exits (Intel
// SDM vol. 3, 25.6.4 and 25.6.9).

#include "vmx.h"

#include <hv/page_alloc.h>
#include <hv/printk.h>
#include <hv/slab.h>
#include <hv/string.h>

#include <asm/cpu.h>
#include <asm/machine.h>
#include <asm/x86_defs.h>

#define IO_BITMAPS_ORDER 1U // one page for the lower half of the ports, one for the upper

// The map's quarters: reads of low MSRs, of high ones, writes of low ones, of high ones.
#define QUARTER      1024U
#define WRITES       (2 * QUARTER)
#define HIGH_MSRS    0xc0000000U
#define MSRS_IN_HALF 0x2000U

static uint8_t *msr_bitmap;

static void *alloc_map(unsigned order)
{
    mfn_t mfn = page_alloc(order, 0);

    if (!mfn_valid(mfn))
        return NULL;
    return memset(mfn_to_virt(mfn), 0xff, PAGE_SIZE << order);
}

static void msr_allow(uint32_t msr)
{
    uint32_t high = msr >= HIGH_MSRS, bit = high ? msr - HIGH_MSRS : msr;
    uint8_t *map = msr_bitmap + (high ? QUARTER : 0);

    ASSERT(bit < MSRS_IN_HALF);
    map[bit / 8] &= ~(1U << bit % 8);
    map[WRITES + bit / 8] &= ~(1U << bit % 8);
}

void vmx_permissions_init(void)
{
    // EFER and PAT too: the processor refuses what it does not know, and knows nothing that a guest may not
    // have.
    static const uint32_t own_msrs[] = {
        MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_PAT,     MSR_EFER,    MSR_STAR,
        MSR_LSTAR,       MSR_CSTAR,        MSR_SFMASK,       MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
    };

    msr_bitmap = alloc_map(ORDER_4K);
    if (!msr_bitmap)
        panic("no memory for the MSR bitmap of VT-x");
    for (unsigned i = 0; i < ARRAY_SIZE(own_msrs); i++)
        msr_allow(own_msrs[i]);
    if (cpu_has(XEN_X86_FEATURE_RDTSCP))
        msr_allow(MSR_TSC_AUX);
}

maddr_t vmx_msr_bitmap(void)
{
    return virt_to_mfn(msr_bitmap).n << PAGE_SHIFT;
}

int vmx_domain_create(struct domain *d)
{
    struct vmx_domain *vmx = hv_alloc(sizeof(*vmx));

    if (!vmx)
        return -XEN_ENOMEM;
    d->arch->vendor = vmx;
    if (!(d->privileges & PRIV_HARDWARE))
        return 0;

    vmx->io_bitmaps = alloc_map(IO_BITMAPS_ORDER);
    if (!vmx->io_bitmaps) {
        hv_free(vmx, sizeof(*vmx));
        return -XEN_ENOMEM;
    }
    for (unsigned port = 0; port < 0x10000; port++)
        if (!arch_port_reserved(port))
            ((uint8_t *)vmx->io_bitmaps)[port / 8] &= ~(1U << port % 8);
    return 0;
}

void vmx_domain_destroy(struct domain *d)
{
    struct vmx_domain *vmx = d->arch->vendor;

    if (vmx->io_bitmaps)
        page_free(virt_to_mfn(vmx->io_bitmaps), IO_BITMAPS_ORDER);
    hv_free(vmx, sizeof(*vmx));
}
