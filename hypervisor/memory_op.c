// SPDX-License-Identifier: MIT
// HYPERVISOR_memory_op (public/memory.h): reservations, the physmap, memory maps. Long operations carry the
// number of extents they have finished in the upper bits of the command, as the stock ABI does, and are
// continued there.

#include <hv/arch.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>
#include <hv/page_alloc.h>
#include <hv/printk.h>
#include <hv/slab.h>
#include <hv/softirq.h>
#include <hv/string.h>

#include <xen/memory.h>

#define EXTENT_SHIFT   6 // MEMOP_EXTENT_SHIFT: cmd = operation | extents done << 6
#define OP_MASK        ((1UL << EXTENT_SHIFT) - 1)
#define MAX_MEMORY_MAP 128
#define BATCH          64 // array elements copied from the guest at once

// The referenced target of an operation the caller may perform on it, or NULL with *rc set.
static struct domain *target_domain(struct vcpu *v, domid_t domid, enum priv_op op, long *rc)
{
    struct domain *d = domain_lookup(domid);

    *rc = d ? priv_check(v->domain, op, d) : -XEN_ESRCH;
    if (*rc && d)
        domain_put(d);
    return *rc ? NULL : d;
}

static long continue_at(struct hypercall *call, uint64_t done)
{
    call->args[0] = (call->args[0] & OP_MASK) | done << EXTENT_SHIFT;
    return HYPERCALL_CONTINUE;
}

// Takes the extent that an earlier call has begun to scrub, if it is of this order, or a new one. One that
// nobody came back for is freed.
static mfn_t begin_large_extent(struct domain *d, unsigned order, uint64_t *scrubbed)
{
    spin_lock(&d->lock);
    struct pending_extent pending = d->pending_extent;
    d->pending_extent.order = 0;
    spin_unlock(&d->lock);

    *scrubbed = 0;
    if (pending.order == order) {
        *scrubbed = pending.scrubbed;
        return pending.mfn;
    }
    if (pending.order)
        page_free_domain(d, pending.mfn, pending.order);
    return page_alloc_domain(d, order, 0);
}

// Keeps the extent for the continuation; false when another vcpu has left one meanwhile, or the domain is
// dying.
static bool suspend_large_extent(struct domain *d, mfn_t mfn, unsigned order, uint64_t scrubbed)
{
    spin_lock(&d->lock);
    bool keep = !d->pending_extent.order && d->state == DOMAIN_LIVE;
    if (keep)
        d->pending_extent = (struct pending_extent){mfn, order, scrubbed};
    spin_unlock(&d->lock);
    return keep;
}

static int get_large_extent(struct domain *d, unsigned order, mfn_t *mfn)
{
    uint64_t scrubbed;

    *mfn = begin_large_extent(d, order, &scrubbed);
    if (!mfn_valid(*mfn))
        return -XEN_ENOMEM;
    while (scrubbed < 1UL << order) {
        page_scrub(mfn_add(*mfn, scrubbed), ORDER_2M);
        scrubbed += 1UL << ORDER_2M;
        if (!preempt_check())
            continue;
        if (suspend_large_extent(d, *mfn, order, scrubbed))
            return -XEN_ERESTART;
    }
    return 0;
}

// Allocates a guest extent and scrubs it; a large one in pieces, other work is served in between.
// -XEN_ERESTART: come back; -XEN_ENOMEM.
static int get_scrubbed_extent(struct domain *d, unsigned order, mfn_t *mfn)
{
    if (order > ORDER_2M)
        return get_large_extent(d, order, mfn);
    *mfn = page_alloc_domain(d, order, 0);
    if (!mfn_valid(*mfn))
        return -XEN_ENOMEM;
    page_scrub(*mfn, order);
    return 0;
}

void memory_drop_pending_extent(struct domain *d)
{
    spin_lock(&d->lock);
    struct pending_extent pending = d->pending_extent;
    d->pending_extent.order = 0;
    spin_unlock(&d->lock);
    if (pending.order)
        page_free_domain(d, pending.mfn, pending.order);
}

static int populate_extent(struct domain *d, gfn_t gfn, unsigned order)
{
    mfn_t mfn;
    int rc = get_scrubbed_extent(d, order, &mfn);

    if (rc)
        return rc;
    rc = p2m_insert(d, gfn, mfn, 1UL << order, P2M_RAM);
    if (rc)
        page_free_domain(d, mfn, order);
    return rc;
}

static int release_extent(struct domain *d, gfn_t gfn, unsigned order)
{
    for (uint64_t i = 0; i < 1UL << order; i++) {
        struct p2m_entry entry = p2m_lookup(d, gfn_add(gfn, i));

        if (entry.type != P2M_RAM)
            return -XEN_EINVAL;
        int rc = p2m_remove(d, gfn_add(gfn, i));
        if (rc)
            return rc;
    }
    return 0;
}

// populate_physmap and decrease_reservation: returns the number of extents done; the guest sees how far it
// came.
static long reservation(struct vcpu *v, struct hypercall *call, unsigned max_order,
                        int (*one)(struct domain *d, gfn_t gfn, unsigned order))
{
    struct xen_memory_reservation r;
    uint64_t done = call->args[0] >> EXTENT_SHIFT;
    long rc;

    if (copy_from_guest(&r, GVA(call->args[1]), sizeof(r)))
        return -XEN_EFAULT;
    if (done > r.nr_extents || r.nr_extents > ~0UL >> EXTENT_SHIFT || r.extent_order > max_order)
        return -XEN_EINVAL;
    struct domain *d = target_domain(v, r.domid, PRIV_OP_FOREIGN_MEMORY, &rc);
    if (!d)
        return rc;
    for (; done < r.nr_extents; done++) {
        xen_pfn_t gfn;

        rc = -XEN_EFAULT;
        if (copy_from_guest(&gfn, guest_elem(HANDLE_GVA(r.extent_start), done, sizeof(gfn)), sizeof(gfn)))
            break;
        rc = one(d, GFN(gfn), r.extent_order);
        if (rc)
            break;
        if (done + 1 < r.nr_extents && preempt_check()) {
            done++;
            rc = -XEN_ERESTART;
            break;
        }
    }
    domain_put(d);
    return rc == -XEN_ERESTART ? continue_at(call, done) : (long)done;
}

static long populate_physmap(struct vcpu *v, struct hypercall *call)
{
    return reservation(v, call, v->domain->privileges & PRIV_CONTROL ? ORDER_1G : ORDER_2M, populate_extent);
}

static long decrease_reservation(struct vcpu *v, struct hypercall *call)
{
    return reservation(v, call, ORDER_2M, release_extent);
}

static long domain_figure(struct vcpu *v, struct hypercall *call)
{
    domid_t domid;
    long rc;

    if (copy_from_guest(&domid, GVA(call->args[1]), sizeof(domid)))
        return -XEN_EFAULT;
    struct domain *d = target_domain(v, domid, PRIV_OP_FOREIGN_MEMORY, &rc);
    if (!d)
        return rc;
    switch (call->args[0] & OP_MASK) {
    case XENMEM_current_reservation: rc = d->tot_pages; break;
    case XENMEM_maximum_reservation: rc = d->max_pages; break;
    default: rc = d->p2m.max_gfn;
    }
    domain_put(d);
    return rc;
}

static long maximum_ram_page(struct vcpu *v, struct hypercall *call)
{
    maddr_t end = 0;

    (void)v, (void)call;
    for (unsigned i = 0; i < boot_info.nr_regions; i++)
        if (boot_info.regions[i].type == MEM_RAM)
            end = MAX(end, boot_info.regions[i].end);
    return (end >> PAGE_SHIFT) - 1;
}

// --- the physmap ---

// Maps a page of the hypervisor's; the p2m entry gets a reference of its own.
static int map_shared(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type)
{
    if (!page_get(mfn))
        return -XEN_EINVAL;
    int rc = p2m_replace(d, gfn, mfn, type);
    if (rc)
        page_put(mfn);
    return rc;
}

// The page is at both places for a moment: were it removed first, a failure would lose it.
static int move_page(struct domain *d, gfn_t from, gfn_t to)
{
    mfn_t mfn = p2m_get_page(d, from, true);

    if (!mfn_valid(mfn))
        return -XEN_EINVAL;
    int rc = from.n == to.n ? 0 : p2m_replace(d, to, mfn, P2M_RAM);
    if (rc || from.n == to.n) {
        page_put(mfn);
        return rc;
    }
    rc = p2m_remove(d, from);
    if (rc)
        p2m_remove(d, to);
    return rc;
}

static int map_foreign(struct domain *d, struct domain *foreign, gfn_t from, gfn_t to)
{
    mfn_t mfn = p2m_get_page(foreign, from, true);

    if (!mfn_valid(mfn))
        return -XEN_EINVAL;
    int rc = p2m_replace(d, to, mfn, P2M_FOREIGN);
    if (rc)
        page_put(mfn);
    return rc;
}

// One entry of add_to_physmap{,_batch}. `foreign` is the domain the space gmfn_foreign needs.
static int map_from_space(struct domain *d, struct domain *foreign, unsigned space, uint64_t index, gfn_t gfn)
{
    mfn_t mfn;
    int rc;

    switch (space) {
    case XENMAPSPACE_shared_info:
        return index == 0 ? map_shared(d, gfn, d->shared_info_mfn, P2M_SHARED) : -XEN_EINVAL;
    case XENMAPSPACE_grant_table:
        if (index > UINT32_MAX) // also XENMAPIDX_grant_table_status: there is none in version 1
            return -XEN_EINVAL;
        rc = gnttab_get_frame(d, index, &mfn);
        return rc ? rc : map_shared(d, gfn, mfn, P2M_SHARED);
    case XENMAPSPACE_gmfn: return move_page(d, GFN(index), gfn);
    case XENMAPSPACE_gmfn_foreign: return map_foreign(d, foreign, GFN(index), gfn);
    default: return -XEN_ENOSYS;
    }
}

static long add_to_physmap(struct vcpu *v, struct hypercall *call)
{
    struct xen_add_to_physmap op;
    long rc;

    if (copy_from_guest(&op, GVA(call->args[1]), sizeof(op)))
        return -XEN_EFAULT;
    struct domain *d = target_domain(v, op.domid, PRIV_OP_FOREIGN_MEMORY, &rc);
    if (!d)
        return rc;
    if (op.space == XENMAPSPACE_gmfn_foreign) // there is no room for the other domain's id
        rc = -XEN_ENOSYS;
    uint64_t count = op.space == XENMAPSPACE_gmfn_range ? op.size : 1;
    unsigned space = op.space == XENMAPSPACE_gmfn_range ? XENMAPSPACE_gmfn : op.space;
    uint64_t done = call->args[0] >> EXTENT_SHIFT;
    for (; rc == 0 && done < count; done++) {
        rc = map_from_space(d, NULL, space, op.idx + done, GFN(op.gpfn + done));
        if (rc == 0 && done + 1 < count && preempt_check())
            rc = -XEN_ERESTART;
    }
    domain_put(d);
    return rc == -XEN_ERESTART ? continue_at(call, done) : rc;
}

// Up to BATCH entries from `at`: arrays copied in together, error codes written back together.
static int batch_chunk(struct domain *d, struct domain *foreign, const struct xen_add_to_physmap_batch *op,
                       uint64_t at, uint64_t n)
{
    xen_ulong_t idxs[BATCH];
    xen_pfn_t gpfns[BATCH];
    int errs[BATCH];

    if (copy_from_guest(idxs, guest_elem(HANDLE_GVA(op->idxs), at, sizeof(*idxs)), n * sizeof(*idxs)) ||
        copy_from_guest(gpfns, guest_elem(HANDLE_GVA(op->gpfns), at, sizeof(*gpfns)), n * sizeof(*gpfns)))
        return -XEN_EFAULT;
    for (uint64_t i = 0; i < n; i++)
        errs[i] = map_from_space(d, foreign, op->space, idxs[i], GFN(gpfns[i]));
    return copy_to_guest(guest_elem(HANDLE_GVA(op->errs), at, sizeof(*errs)), errs, n * sizeof(*errs));
}

static long batch_in(struct hypercall *call, const struct xen_add_to_physmap_batch *op, struct domain *d,
                     struct domain *foreign)
{
    for (uint64_t at = call->args[0] >> EXTENT_SHIFT; at < op->size;) {
        uint64_t n = MIN(op->size - at, (uint64_t)BATCH);

        if (batch_chunk(d, foreign, op, at, n))
            return -XEN_EFAULT;
        at += n;
        if (at < op->size && preempt_check())
            return continue_at(call, at);
    }
    return 0;
}

static long add_to_physmap_batch(struct vcpu *v, struct hypercall *call)
{
    struct xen_add_to_physmap_batch op;
    struct domain *foreign = NULL;
    long rc;

    if (copy_from_guest(&op, GVA(call->args[1]), sizeof(op)))
        return -XEN_EFAULT;
    if (op.space == XENMAPSPACE_gmfn_range)
        return -XEN_ENOSYS;
    struct domain *d = target_domain(v, op.domid, PRIV_OP_FOREIGN_MEMORY, &rc);
    if (!d)
        return rc;
    if (op.space == XENMAPSPACE_gmfn_foreign)
        foreign = target_domain(v, op.u.foreign_domid, PRIV_OP_FOREIGN_MAP, &rc);
    if (rc == 0)
        rc = batch_in(call, &op, d, foreign);
    if (foreign)
        domain_put(foreign);
    domain_put(d);
    return rc;
}

static long remove_from_physmap(struct vcpu *v, struct hypercall *call)
{
    struct xen_remove_from_physmap op;
    long rc;

    if (copy_from_guest(&op, GVA(call->args[1]), sizeof(op)))
        return -XEN_EFAULT;
    struct domain *d = target_domain(v, op.domid, PRIV_OP_FOREIGN_MEMORY, &rc);
    if (!d)
        return rc;
    rc = p2m_remove(d, GFN(op.gpfn));
    domain_put(d);
    return rc;
}

// XENMEM_acquire_resource: only the grant table's shared frames exist. -XEN_EIO: some are mapped.
static long acquire_frames(struct vcpu *v, const struct xen_mem_acquire_resource *op, struct domain *target)
{
    for (uint32_t i = 0; i < op->nr_frames; i++) {
        xen_pfn_t gfn;
        mfn_t mfn;

        int rc = copy_from_guest(&gfn, guest_elem(HANDLE_GVA(op->frame_list), i, sizeof(gfn)), sizeof(gfn));
        if (rc == 0)
            rc = gnttab_get_frame(target, op->frame + i, &mfn);
        if (rc == 0)
            rc = map_shared(v->domain, GFN(gfn), mfn, P2M_FOREIGN);
        if (rc)
            return i ? -XEN_EIO : rc;
    }
    return 0;
}

static long acquire_resource(struct vcpu *v, struct hypercall *call)
{
    struct xen_mem_acquire_resource op;
    long rc;

    if (copy_from_guest(&op, GVA(call->args[1]), sizeof(op)))
        return -XEN_EFAULT;
    if (op.type != XENMEM_resource_grant_table || op.id != XENMEM_resource_grant_table_id_shared)
        return -XEN_EOPNOTSUPP;
    struct domain *d = target_domain(v, op.domid, PRIV_OP_FOREIGN_MAP, &rc);
    if (!d)
        return rc;
    uint32_t limit = d->gnttab.max_frames;
    if (op.pad || (!op.frame_list.p && op.nr_frames)) {
        rc = -XEN_EINVAL;
    } else if (!op.frame_list.p) {
        op.nr_frames = limit;
        rc = copy_to_guest(GVA(call->args[1]), &op, sizeof(op));
    } else if (op.nr_frames > limit || op.frame > limit - op.nr_frames) {
        rc = -XEN_EINVAL;
    } else {
        rc = acquire_frames(v, &op, d);
    }
    domain_put(d);
    return rc;
}

// --- memory maps ---

static void exchange_memory_map(struct domain *d, struct e820_entry **map, uint32_t *nr)
{
    struct e820_entry *old_map = d->memory_map;
    uint32_t old_nr = d->nr_memory_map;

    d->memory_map = *map;
    d->nr_memory_map = *nr;
    *map = old_map;
    *nr = old_nr;
}

static long set_memory_map(struct vcpu *v, struct hypercall *call)
{
    struct xen_foreign_memory_map op;
    long rc;

    if (copy_from_guest(&op, GVA(call->args[1]), sizeof(op)))
        return -XEN_EFAULT;
    uint32_t nr = op.map.nr_entries;
    if (nr > MAX_MEMORY_MAP)
        return -XEN_EINVAL;
    struct domain *d = target_domain(v, op.domid, PRIV_OP_FOREIGN_MEMORY, &rc);
    if (!d)
        return rc;
    struct e820_entry *map = hv_alloc(nr * sizeof(*map));
    rc = !map ? -XEN_ENOMEM : copy_from_guest(map, HANDLE_GVA(op.map.buffer), nr * sizeof(*map));
    if (rc == 0) {
        spin_lock(&d->lock);
        exchange_memory_map(d, &map, &nr);
        spin_unlock(&d->lock);
    }
    hv_free(map, nr * sizeof(*map));
    domain_put(d);
    return rc;
}

static long memory_map(struct vcpu *v, struct hypercall *call)
{
    struct domain *d = v->domain;
    struct xen_memory_map op;

    if (copy_from_guest(&op, GVA(call->args[1]), sizeof(op)))
        return -XEN_EFAULT;
    spin_lock(&d->lock);
    long rc = d->memory_map ? 0 : -XEN_ENOSYS;
    op.nr_entries = MIN(op.nr_entries, d->nr_memory_map);
    if (rc == 0)
        rc = copy_to_guest(HANDLE_GVA(op.buffer), d->memory_map, op.nr_entries * sizeof(*d->memory_map));
    spin_unlock(&d->lock);
    return rc ? rc : copy_to_guest(GVA(call->args[1]), &op, sizeof(op));
}

static long machine_memory_map(struct vcpu *v, struct hypercall *call)
{
    struct xen_memory_map op;
    long rc = priv_check(v->domain, PRIV_OP_PLATFORM, NULL);

    if (rc)
        return rc;
    if (copy_from_guest(&op, GVA(call->args[1]), sizeof(op)))
        return -XEN_EFAULT;
    op.nr_entries = MIN(op.nr_entries, boot_info.nr_regions);
    for (unsigned i = 0; i < op.nr_entries; i++) {
        const struct mem_region *region = &boot_info.regions[i];
        struct e820_entry entry = {region->start, region->end - region->start, region->type};

        if (copy_to_guest(guest_elem(HANDLE_GVA(op.buffer), i, sizeof(entry)), &entry, sizeof(entry)))
            return -XEN_EFAULT;
    }
    return copy_to_guest(GVA(call->args[1]), &op, sizeof(op));
}

long do_memory_op(struct vcpu *v, struct hypercall *call)
{
    switch (call->args[0] & OP_MASK) {
    case XENMEM_populate_physmap: return populate_physmap(v, call);
    case XENMEM_decrease_reservation: return decrease_reservation(v, call);
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn: return domain_figure(v, call);
    case XENMEM_maximum_ram_page: return maximum_ram_page(v, call);
    case XENMEM_add_to_physmap: return add_to_physmap(v, call);
    case XENMEM_add_to_physmap_batch: return add_to_physmap_batch(v, call);
    case XENMEM_remove_from_physmap: return remove_from_physmap(v, call);
    case XENMEM_acquire_resource: return acquire_resource(v, call);
    case XENMEM_set_memory_map: return set_memory_map(v, call);
    case XENMEM_memory_map: return memory_map(v, call);
    case XENMEM_machine_memory_map: return machine_memory_map(v, call);
    case XENMEM_get_sharing_freed_pages:
    case XENMEM_get_sharing_shared_pages: return 0;
    default: return -XEN_ENOSYS;
    }
}
