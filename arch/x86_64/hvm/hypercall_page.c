// SPDX-License-Identifier: MIT
// The hypercall page: a page of stubs that a guest asks for by writing its address to MSR 0x40000000 (which
// CPUID leaf 0x40000002 names). Older kernels call these; newer ones use VMMCALL or VMCALL themselves.

#include <hv/page_alloc.h>
#include <hv/string.h>

#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>

#define STUB_SIZE 32U // call n is at n * 32

static void write_stub(uint8_t *stub, uint32_t nr)
{
    uint8_t *opcode = stub + 5;

    stub[0] = 0xb8; // mov $nr, %eax
    memcpy(stub + 1, &nr, sizeof(nr));
    memcpy(opcode, virt_ops->hypercall_opcode, sizeof(virt_ops->hypercall_opcode));
    opcode[3] = 0xc3; // ret
}

bool hypercall_page_write(struct domain *d, uint64_t value)
{
    // The low bits are the index of the page; there is one.
    if (value & ~PAGE_MASK)
        return false;
    mfn_t mfn = p2m_get_page(d, GFN(value >> PAGE_SHIFT), true);
    if (!mfn_valid(mfn))
        return false;
    uint8_t *page = memset(mfn_to_virt(mfn), 0xcc, PAGE_SIZE); // int3 between the stubs
    for (uint32_t nr = 0; nr < PAGE_SIZE / STUB_SIZE; nr++)
        write_stub(page + nr * STUB_SIZE, nr);
    memcpy(page + __HYPERVISOR_iret * STUB_SIZE, "\x0f\x0b", 2); // ud2: not for hardware-virtualised guests
    page_put(mfn);
    return true;
}
