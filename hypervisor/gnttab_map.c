// SPDX-License-Identifier: MIT
// The mapping side: grants of other domains in our own guest-physical space, found again by handle.

#include <hv/domain.h>
#include <hv/gnttab.h>
#include <hv/page_alloc.h>
#include <hv/slab.h>

// Handles looked at by one call of gnttab_destroy().
#define DESTROY_BATCH 128

static struct maptrack *maptrack_of(struct gnttab *gt, grant_handle_t handle)
{
    return &gt->maptrack[handle / MAPTRACK_PER_FRAME][handle % MAPTRACK_PER_FRAME];
}

static bool grow_maptrack(struct gnttab *gt)
{
    if (!gt->maptrack)
        gt->maptrack = hv_alloc(gt->max_maptrack * sizeof(*gt->maptrack));
    uint32_t frame = gt->nr_maptrack / MAPTRACK_PER_FRAME;
    if (!gt->maptrack || frame == gt->max_maptrack)
        return false;
    gt->maptrack[frame] = hv_alloc(PAGE_SIZE);
    if (!gt->maptrack[frame])
        return false;
    gt->nr_maptrack += MAPTRACK_PER_FRAME;
    for (uint32_t i = MAPTRACK_PER_FRAME; i-- > 0;) {
        gt->maptrack[frame][i].ref = gt->free_maptrack;
        gt->free_maptrack = frame * MAPTRACK_PER_FRAME + i;
    }
    return true;
}

// Takes over the caller's reference to the granter. MAPTRACK_END when the domain's limit is reached.
static grant_handle_t new_handle(struct gnttab *gt, const struct maptrack *mapping)
{
    grant_handle_t handle = MAPTRACK_END;

    spin_lock(&gt->maptrack_lock);
    if (gt->free_maptrack != MAPTRACK_END || grow_maptrack(gt)) {
        handle = gt->free_maptrack;
        struct maptrack *slot = maptrack_of(gt, handle);
        gt->free_maptrack = slot->ref;
        *slot = *mapping;
    }
    spin_unlock(&gt->maptrack_lock);
    return handle;
}

// Frees the handle if it is live (and, unless gfn is NULL, was mapped there) and copies what it stood for.
static int take_handle(struct gnttab *gt, grant_handle_t handle, const gfn_t *gfn, struct maptrack *mapping)
{
    int status = GNTST_bad_handle;

    spin_lock(&gt->maptrack_lock);
    if (handle < gt->nr_maptrack) {
        struct maptrack *slot = maptrack_of(gt, handle);

        if (slot->granter && gfn && slot->gfn.n != gfn->n) {
            status = GNTST_bad_virt_addr;
        } else if (slot->granter) {
            *mapping = *slot;
            *slot = (struct maptrack){.ref = gt->free_maptrack};
            gt->free_maptrack = handle;
            status = GNTST_okay;
        }
    }
    spin_unlock(&gt->maptrack_lock);
    return status;
}

static void end_mapping(struct domain *d, const struct maptrack *mapping)
{
    struct p2m_entry entry = p2m_lookup(d, mapping->gfn);

    // The guest may have removed the entry itself; whatever stands there now is then none of this mapping's
    // business.
    if (entry.type == P2M_GRANT_RW || entry.type == P2M_GRANT_RO)
        p2m_remove(d, mapping->gfn);
    gnttab_release(mapping->granter, mapping->ref, !mapping->readonly);
    domain_put(mapping->granter);
}

static int map_acquired(struct domain *d, struct gnttab_map_grant_ref *op, const struct maptrack *mapping,
                        mfn_t mfn)
{
    grant_handle_t handle = new_handle(&d->gnttab, mapping);

    if (handle == MAPTRACK_END)
        return GNTST_no_device_space;
    if (p2m_replace(d, mapping->gfn, mfn, mapping->readonly ? P2M_GRANT_RO : P2M_GRANT_RW) != 0) {
        struct maptrack unused;

        take_handle(&d->gnttab, handle, NULL, &unused);
        return GNTST_general_error;
    }
    op->handle = handle;
    // A bus address only means something to whoever programs devices.
    op->dev_bus_addr = d->privileges & PRIV_HARDWARE ? mfn.n << PAGE_SHIFT : 0;
    return GNTST_okay;
}

static int map_from(struct domain *d, struct domain *granter, struct gnttab_map_grant_ref *op)
{
    struct maptrack mapping = {
        .granter = granter,
        .ref = op->ref,
        .readonly = op->flags & GNTMAP_readonly,
        .gfn = GFN(op->host_addr >> PAGE_SHIFT),
    };
    mfn_t mfn;
    int status = gnttab_acquire(granter, d->id, op->ref, !mapping.readonly, &mfn);

    if (status != GNTST_okay)
        return status;
    status = map_acquired(d, op, &mapping, mfn);
    if (status != GNTST_okay) {
        page_put(mfn);
        gnttab_release(granter, op->ref, !mapping.readonly);
    }
    return status;
}

void gnttab_map(struct domain *d, struct gnttab_map_grant_ref *op)
{
    if (!(op->flags & GNTMAP_host_map) || (op->flags & GNTMAP_contains_pte)) {
        op->status = GNTST_bad_gntref;
        return;
    }
    if (op->host_addr & (PAGE_SIZE - 1)) {
        op->status = GNTST_bad_virt_addr;
        return;
    }
    struct domain *granter = domain_lookup(op->dom);
    if (!granter) {
        op->status = GNTST_bad_domain;
        return;
    }
    op->status = map_from(d, granter, op);
    if (op->status != GNTST_okay)
        domain_put(granter);
}

void gnttab_unmap(struct domain *d, struct gnttab_unmap_grant_ref *op)
{
    gfn_t gfn = GFN(op->host_addr >> PAGE_SHIFT);
    struct maptrack mapping;

    op->status = take_handle(&d->gnttab, op->handle, op->host_addr ? &gfn : NULL, &mapping);
    if (op->status == GNTST_okay)
        end_mapping(d, &mapping);
}

int gnttab_destroy(struct domain *d)
{
    struct gnttab *gt = &d->gnttab;

    for (unsigned i = 0; i < DESTROY_BATCH && gt->teardown < gt->nr_maptrack; i++, gt->teardown++) {
        struct maptrack mapping;

        if (take_handle(gt, gt->teardown, NULL, &mapping) == GNTST_okay)
            end_mapping(d, &mapping);
    }
    return gt->teardown < gt->nr_maptrack ? -XEN_ERESTART : 0;
}
