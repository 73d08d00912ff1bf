// SPDX-License-Identifier: MIT
// GNTTABOP_copy: bytes between two pages, each the caller's own or granted to it.

#include <hv/domain.h>
#include <hv/gnttab.h>
#include <hv/page_alloc.h>
#include <hv/string.h>

// One side of a copy, held until close_side().
struct side {
    struct domain *granter; // referenced; NULL when the page is the caller's own
    grant_ref_t ref;
    bool write;
    mfn_t mfn; // referenced
};

static int open_granted(struct domain *d, const struct gnttab_copy_ptr *ptr, struct side *side)
{
    side->granter = domain_lookup(ptr->domid);
    if (!side->granter)
        return GNTST_bad_domain;
    side->ref = ptr->u.ref;
    int status = gnttab_acquire(side->granter, d, side->ref, side->write, &side->mfn);
    if (status != GNTST_okay)
        domain_put(side->granter);
    return status;
}

static int open_side(struct domain *d, const struct gnttab_copy_ptr *ptr, bool granted, struct side *side)
{
    if (granted)
        return open_granted(d, ptr, side);
    if (ptr->domid != DOMID_SELF && ptr->domid != d->id)
        return GNTST_permission_denied;
    return p2m_get_page(d, GFN(ptr->u.gmfn), side->write, &side->mfn) ? GNTST_okay : GNTST_bad_page;
}

static void close_side(struct side *side)
{
    page_put(side->mfn);
    if (side->granter) {
        gnttab_release(side->granter, side->ref, side->write);
        domain_put(side->granter);
    }
}

static int copy(struct domain *d, const struct gnttab_copy *op)
{
    struct side from = {.write = false}, to = {.write = true};

    if (op->source.offset + op->len > (int)PAGE_SIZE || op->dest.offset + op->len > (int)PAGE_SIZE)
        return GNTST_bad_copy_arg;
    int status = open_side(d, &op->source, op->flags & GNTCOPY_source_gref, &from);
    if (status != GNTST_okay)
        return status;
    status = open_side(d, &op->dest, op->flags & GNTCOPY_dest_gref, &to);
    if (status == GNTST_okay) {
        // Both may be one page, with overlapping bytes.
        memmove((char *)mfn_to_virt(to.mfn) + op->dest.offset,
                (char *)mfn_to_virt(from.mfn) + op->source.offset, op->len);
        close_side(&to);
    }
    close_side(&from);
    return status;
}

void gnttab_copy(struct domain *d, struct gnttab_copy *op)
{
    op->status = copy(d, op);
}
