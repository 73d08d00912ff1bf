// SPDX-License-Identifier: MIT
// Nested page faults: guest-physical accesses that the p2m does not allow as they are.

#include <hv/arch.h>

#include <asm/hvm/hvm.h>

static const char *access_name(const struct vcpu_exit *exit)
{
    if (exit->npf.table_walk)
        return "a page table";
    return exit->npf.exec ? "code" : exit->npf.write ? "a write" : "a read";
}

static void crash(struct vcpu *v, const struct vcpu_exit *exit, const char *why)
{
    domain_crash(v, "guest-physical address %lx used for %s: %s", exit->npf.gpa, access_name(exit), why);
}

void hvm_npf(struct vcpu *v, const struct vcpu_exit *exit)
{
    const char *why = "nothing is there";

    if (exit->npf.exec && exit->npf.present) {
        crash(v, exit, "only a domain's own RAM is executable");
        return;
    }
    if ((exit->npf.gpa & PAGE_MASK) == VLAPIC_BASE && vlapic_mmio_enabled(v) && hvm_map_apic_page(v->domain))
        return; // again: from now on the processor does it
    if (p2m_fault(v, exit->npf.gpa, exit->npf.write))
        return; // the entry allows it by now: again
    if (exit->npf.present && exit->npf.table_walk) {
        crash(v, exit, "it is read-only");
        return;
    }
    if (exit->npf.present) {
        hvm_raise_error(v, VECTOR_GP, 0); // read-only memory, such as a grant or a boot file
        return;
    }
    if (exit->npf.table_walk || exit->npf.exec || !hvm_mmio(v, exit->npf.gpa, &why))
        crash(v, exit, why);
}
