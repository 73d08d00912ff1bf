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

static uint8_t *msr_bitmap, *x2apic_bitmap;

static void *alloc_map(unsigned order)
{
    mfn_t mfn = page_alloc(order, 0);

    if (!mfn_valid(mfn))
        return NULL;
    return memset(mfn_to_virt(mfn), 0xff, PAGE_SIZE << order);
}

static void allow(uint8_t *bitmap, uint32_t msr, bool write)
{
    uint32_t high = msr >= HIGH_MSRS, bit = high ? msr - HIGH_MSRS : msr;
    uint8_t *map = bitmap + (high ? QUARTER : 0) + (write ? WRITES : 0);

    ASSERT(bit < MSRS_IN_HALF);
    map[bit / 8] &= ~(1U << bit % 8);
}

static void allow_both(uint32_t msr)
{
    allow(msr_bitmap, msr, false);
    allow(msr_bitmap, msr, true);
}

// What the processor answers from the virtual APIC's page, or does, without an exit. Its idea of ICR is
// another than ours, and it answers for registers that don't exist.
static void allow_x2apic(void)
{
    static const struct {
        uint8_t first, last;
    } readable[] = {{VLAPIC_ID, VLAPIC_VERSION},
                    {VLAPIC_TPR, VLAPIC_TPR},
                    {VLAPIC_LDR, VLAPIC_LDR},
                    {VLAPIC_SVR, VLAPIC_IRR + 7},
                    {VLAPIC_ESR, VLAPIC_ESR},
                    {VLAPIC_LVT_TIMER, VLAPIC_TIMER_INITIAL},
                    {VLAPIC_TIMER_DIVIDE, VLAPIC_TIMER_DIVIDE}};
    uint32_t controls = vmx_controls.cpu2_apic;

    for (unsigned i = 0; (controls & CPU2_APIC_REGISTERS) && i < ARRAY_SIZE(readable); i++)
        for (unsigned reg = readable[i].first; reg <= readable[i].last; reg++)
            allow(x2apic_bitmap, MSR_X2APIC_FIRST + reg, false);
    allow(x2apic_bitmap, MSR_X2APIC_FIRST + VLAPIC_TPR, true);
    if (controls & CPU2_INTERRUPTS) {
        allow(x2apic_bitmap, MSR_X2APIC_FIRST + VLAPIC_EOI, true);
        allow(x2apic_bitmap, MSR_X2APIC_FIRST + VLAPIC_SELF_IPI, true);
    }
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
    x2apic_bitmap = alloc_map(ORDER_4K);
    if (!msr_bitmap || !x2apic_bitmap)
        panic("no memory for the MSR bitmaps of VT-x");
    for (unsigned i = 0; i < ARRAY_SIZE(own_msrs); i++)
        allow_both(own_msrs[i]);
    if (cpu_has(XEN_X86_FEATURE_RDTSCP))
        allow_both(MSR_TSC_AUX);
    if (cpu_has(XEN_X86_FEATURE_IBPB))
        allow(msr_bitmap, MSR_PRED_CMD, true); // a command, which holds no state
    memcpy(x2apic_bitmap, msr_bitmap, PAGE_SIZE);
    allow_x2apic();
}

maddr_t vmx_msr_bitmap(bool x2apic)
{
    return virt_to_mfn(x2apic ? x2apic_bitmap : msr_bitmap).n << PAGE_SHIFT;
}

static int create_io_bitmaps(struct vmx_domain *vmx)
{
    vmx->io_bitmaps = alloc_map(IO_BITMAPS_ORDER);
    if (!vmx->io_bitmaps)
        return -XEN_ENOMEM;
    for (unsigned port = 0; port < 0x10000; port++)
        if (!arch_port_reserved(port))
            ((uint8_t *)vmx->io_bitmaps)[port / 8] &= ~(1U << port % 8);
    return 0;
}

// What a guest reads there in x2APIC mode is a page of its own.
static int create_apic_page(struct domain *d)
{
    mfn_t page =
        vmx_controls.cpu2_apic & CPU2_APIC_ACCESSES ? page_alloc(ORDER_4K, PAGE_ALLOC_ZERO) : MFN_INVALID;

    d->arch->apic_page = mfn_valid(page) ? mfn_to_virt(page) : NULL;
    return mfn_valid(page) || !(vmx_controls.cpu2_apic & CPU2_APIC_ACCESSES) ? 0 : -XEN_ENOMEM;
}

int vmx_domain_create(struct domain *d)
{
    struct vmx_domain *vmx = hv_alloc(sizeof(*vmx));
    int rc = vmx ? create_apic_page(d) : -XEN_ENOMEM;

    d->arch->vendor = vmx;
    if (rc == 0 && (d->privileges & PRIV_HARDWARE))
        rc = create_io_bitmaps(vmx);
    if (rc && vmx)
        vmx_domain_destroy(d);
    return rc;
}

void vmx_domain_destroy(struct domain *d)
{
    struct vmx_domain *vmx = d->arch->vendor;

    if (vmx->io_bitmaps)
        page_free(virt_to_mfn(vmx->io_bitmaps), IO_BITMAPS_ORDER);
    if (d->arch->apic_page)
        page_free(virt_to_mfn(d->arch->apic_page), ORDER_4K);
    hv_free(vmx, sizeof(*vmx));
}
