// SPDX-License-Identifier: MIT
// GNTTABOP_copy: bytes between two pages, each the caller's own or granted to it.

#include <hv/domain.h>
#include <hv/gnttab.h>
#include <hv/page_alloc.h>
#include <hv/softirq.h>
#include <hv/string.h>

// The domain, if it lives, in place of the one that *kept holds a reference to.
static inline struct domain *find_granter(struct domain **kept, domid_t domid)
{
    struct domain *d = *kept;

    if (likely(d && d->id == domid && __atomic_load_n(&d->state, __ATOMIC_ACQUIRE) == DOMAIN_LIVE))
        return d;
    if (d)
        domain_put(d);
    return *kept = domain_lookup(domid);
}

// One side of a copy: its page, referenced and, if it is granted, in use until close_side().
static inline int open_side(struct domain *d, const struct gnttab_copy_ptr *ptr, bool granted, bool write,
                            struct domain **granter, mfn_t *mfn)
{
    if (granted)
        return find_granter(granter, ptr->domid) ? gnttab_acquire(*granter, d->id, ptr->u.ref, write, mfn)
                                                 : GNTST_bad_domain;
    if (ptr->domid != DOMID_SELF && ptr->domid != d->id)
        return GNTST_permission_denied;
    *mfn = p2m_get_page(d, GFN(ptr->u.gmfn), write);
    return mfn_valid(*mfn) ? GNTST_okay : GNTST_bad_page;
}

static inline void close_side(const struct gnttab_copy_ptr *ptr, bool granted, bool write,
                              struct domain *granter, mfn_t mfn)
{
    page_put(mfn);
    if (granted)
        gnttab_release(granter, ptr->u.ref, write);
}

static void *byte_of(mfn_t mfn, const struct gnttab_copy_ptr *ptr)
{
    return (char *)mfn_to_virt(mfn) + ptr->offset;
}

// The granters stay referenced for the next copy, which probably has the same.
struct granters {
    struct domain *source, *dest;
};

static inline int copy(struct domain *d, const struct gnttab_copy *op, struct granters *granters)
{
    const struct gnttab_copy_ptr *source = &op->source, *dest = &op->dest;
    bool from_grant = op->flags & GNTCOPY_source_gref, to_grant = op->flags & GNTCOPY_dest_gref;
    mfn_t from, to;

    if (source->offset + op->len > (int)PAGE_SIZE || dest->offset + op->len > (int)PAGE_SIZE)
        return GNTST_bad_copy_arg;
    int status = open_side(d, source, from_grant, false, &granters->source, &from);
    if (status != GNTST_okay)
        return status;
    status = open_side(d, dest, to_grant, true, &granters->dest, &to);
    if (status == GNTST_okay) {
        // Both may be one page, with overlapping bytes.
        memmove(byte_of(to, dest), byte_of(from, source), op->len);
        close_side(dest, to_grant, true, granters->dest, to);
    }
    close_side(source, from_grant, false, granters->source, from);
    return status;
}

uint32_t gnttab_copy(struct domain *d, struct gnttab_copy *ops, uint32_t count)
{
    struct granters granters = {NULL, NULL};
    uint32_t done = 0;

    do {
        ops[done].status = copy(d, &ops[done], &granters);
    } while (++done < count && !preempt_check());
    if (granters.source)
        domain_put(granters.source);
    if (granters.dest)
        domain_put(granters.dest);
    return done;
}
