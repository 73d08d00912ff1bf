// SPDX-License-Identifier: MIT
// Guest-physical memory: arch_p2m_* over the page-table walker with the vendor's format, and its TLB flushes.

#include <hv/arch.h>
#include <hv/cpu.h>
#include <hv/page_alloc.h>

#include <asm/cpu.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/virt_ops.h>

unsigned arch_gpa_bits(void)
{
    return MIN(host_cpu.phys_bits, 48U); // four levels
}

static mfn_t table_alloc(void *ctx)
{
    return p2m_table_alloc(ctx);
}

static void table_free(void *ctx, mfn_t table)
{
    p2m_table_free(ctx, table);
}

int arch_p2m_init(struct domain *d)
{
    mfn_t root = p2m_table_alloc(d);

    if (!mfn_valid(root))
        return -XEN_ENOMEM;
    d->p2m.root = root.n << PAGE_SHIFT;
    d->arch->pt = (struct pt){
        .format = virt_ops->p2m_format,
        .root = root,
        .alloc = table_alloc,
        .free = table_free,
        .ctx = d,
    };
    return 0;
}

// Only a domain's own RAM is executable: code in somebody else's page could change under the guest's feet.
static struct pt_attr attr_of(enum p2m_type type)
{
    return (struct pt_attr){
        .write = type == P2M_RAM || type == P2M_SHARED || type == P2M_FOREIGN || type == P2M_GRANT_RW ||
                 type == P2M_MMIO,
        .exec = type == P2M_RAM || type == P2M_RAM_RO,
        .uncached = type == P2M_MMIO,
        .type = type,
    };
}

int arch_p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned order, enum p2m_type type)
{
    struct pt *pt = &d->arch->pt;

    if (type == P2M_HOLE)
        return pt_unmap(pt, gfn.n, order);
    if (order <= pt->format->max_order)
        return pt_map(pt, gfn.n, mfn, order, attr_of(type));

    // 1 GiB on a cpu without such leaves.
    for (uint64_t done = 0; done < 1UL << order; done += 1UL << ORDER_2M) {
        int rc = pt_map(pt, gfn.n + done, mfn_add(mfn, done), ORDER_2M, attr_of(type));
        if (rc) {
            while (done) {
                done -= 1UL << ORDER_2M;
                (void)pt_unmap(pt, gfn.n + done, ORDER_2M);
            }
            return rc;
        }
    }
    return 0;
}

struct p2m_entry arch_p2m_get(struct domain *d, gfn_t gfn)
{
    struct pt_leaf leaf = pt_lookup(&d->arch->pt, gfn.n);

    if (leaf.type == P2M_HOLE)
        return (struct p2m_entry){.mfn = MFN_INVALID, .type = P2M_HOLE, .order = leaf.order};
    return (struct p2m_entry){.mfn = leaf.mfn, .type = leaf.type, .order = leaf.order};
}

// Each vcpu flushes before it enters the guest (hvm_attend). Those in guest mode on other cpus are brought
// out of it; they come without fail, since guest mode is always interruptible.
void arch_p2m_flush(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = domain_vcpu(d, i);

        if (!v)
            continue;
        hvm_attention(v, ATTENTION_FLUSH);
        if (v == current_vcpu() || !__atomic_load_n(&v->arch->in_guest, __ATOMIC_SEQ_CST))
            continue;
        arch_kick_cpu(v->sched.cpu);
        while (__atomic_load_n(&v->arch->in_guest, __ATOMIC_ACQUIRE) &&
               (__atomic_load_n(&v->arch->attention, __ATOMIC_RELAXED) & ATTENTION_FLUSH))
            arch_cpu_relax();
    }
}

bool hvm_map_apic_page(struct domain *d)
{
    uint64_t frame = VLAPIC_BASE >> PAGE_SHIFT;
    bool mapped = false;

    if (!d->arch->apic_page)
        return false;
    spin_lock(&d->p2m.lock);
    if (!mfn_valid(pt_lookup(&d->arch->pt, frame).mfn))
        mapped = pt_map(&d->arch->pt, frame, virt_to_mfn(d->arch->apic_page), ORDER_4K,
                        (struct pt_attr){.write = true, .type = P2M_HOLE}) == 0;
    spin_unlock(&d->p2m.lock);
    return mapped;
}

static void teardown_leaf(void *ctx, uint64_t frame, struct pt_leaf leaf)
{
    struct domain *d = ctx;

    (void)frame;
    if (leaf.type == P2M_HOLE)
        return; // the page for the local APIC
    d->arch->teardown_leaf(d, (struct p2m_entry){.mfn = leaf.mfn, .type = leaf.type, .order = leaf.order});
}

bool arch_p2m_teardown(struct domain *d, uint64_t *cursor, unsigned budget,
                       void (*leaf)(struct domain *d, struct p2m_entry entry))
{
    d->arch->teardown_leaf = leaf;
    return pt_teardown(&d->arch->pt, cursor, budget, teardown_leaf);
}
