// SPDX-License-Identifier: MIT
// The granting side: the frames a guest shares its grant entries in, and which of them are in use by whom.

#include <hv/domain.h>
#include <hv/gnttab.h>
#include <hv/page_alloc.h>
#include <hv/printk.h>
#include <hv/slab.h>

// How often a guest may change an entry under our eyes before we give up on it.
#define UNSTABLE_RETRIES 4

_Static_assert(sizeof(grant_entry_v1_t) == 8 && offsetof(grant_entry_v1_t, flags) == 0 &&
                   offsetof(grant_entry_v1_t, domid) == 2 && offsetof(grant_entry_v1_t, frame) == 4,
               "flags and domid are read and written as one word");

static const size_t active_size = GRANTS_PER_FRAME * sizeof(struct grant_active);

static int32_t limit_or_default(int32_t limit, int32_t standard)
{
    return limit < 0 ? standard : limit;
}

int gnttab_init(struct domain *d, int32_t max_frames, int32_t max_maptrack)
{
    struct gnttab *gt = &d->gnttab;

    if (max_frames > GNTTAB_MAX_FRAMES || max_maptrack > GNTTAB_MAX_MAPTRACK)
        return -XEN_EINVAL;
    spin_lock_init(&gt->lock, LOCK_GNTTAB);
    spin_lock_init(&gt->maptrack_lock, LOCK_MAPTRACK);
    gt->max_frames = MAX(limit_or_default(max_frames, GNTTAB_DEFAULT_FRAMES), 1);
    gt->max_maptrack = limit_or_default(max_maptrack, GNTTAB_DEFAULT_MAPTRACK);
    gt->free_maptrack = MAPTRACK_END;
    gt->shared = hv_alloc(gt->max_frames * sizeof(*gt->shared));
    gt->active = hv_alloc(gt->max_frames * sizeof(*gt->active));
    if (gt->shared && gt->active)
        return 0;
    gnttab_free(d);
    return -XEN_ENOMEM;
}

void gnttab_free(struct domain *d)
{
    struct gnttab *gt = &d->gnttab;

    for (uint32_t i = 0; i < gt->nr_frames; i++) {
        // Only our own reference: a frame that the toolstack still maps lives on until it lets go.
        page_put(virt_to_mfn(gt->shared[i]));
        hv_free(gt->active[i], active_size);
    }
    for (uint32_t i = 0; i < gt->nr_maptrack / MAPTRACK_PER_FRAME; i++)
        hv_free(gt->maptrack[i], PAGE_SIZE);
    hv_free(gt->shared, gt->max_frames * sizeof(*gt->shared));
    hv_free(gt->active, gt->max_frames * sizeof(*gt->active));
    hv_free(gt->maptrack, gt->max_maptrack * sizeof(*gt->maptrack));
    *gt = (struct gnttab){0};
}

static int add_frame(struct gnttab *gt)
{
    mfn_t mfn = page_alloc(0, PAGE_ALLOC_ZERO);
    struct grant_active *active = hv_alloc(active_size);

    if (!mfn_valid(mfn) || !active) {
        if (mfn_valid(mfn))
            page_free(mfn, 0);
        hv_free(active, active_size);
        return -XEN_ENOMEM;
    }
    gt->shared[gt->nr_frames] = mfn_to_virt(mfn);
    gt->active[gt->nr_frames] = active;
    gt->nr_frames++;
    return 0;
}

int gnttab_get_frame(struct domain *d, uint32_t index, mfn_t *mfn)
{
    struct gnttab *gt = &d->gnttab;
    int rc = 0;

    if (index >= gt->max_frames)
        return -XEN_EINVAL;
    spin_lock(&gt->lock);
    while (rc == 0 && gt->nr_frames <= index)
        rc = add_frame(gt);
    if (rc == 0)
        *mfn = virt_to_mfn(gt->shared[index]);
    spin_unlock(&gt->lock);
    return rc;
}

static bool entry_of(struct gnttab *gt, grant_ref_t ref, grant_entry_v1_t **shared,
                     struct grant_active **active)
{
    uint32_t frame = ref / GRANTS_PER_FRAME;

    if (frame >= gt->nr_frames)
        return false;
    *shared = &gt->shared[frame][ref % GRANTS_PER_FRAME];
    *active = &gt->active[frame][ref % GRANTS_PER_FRAME];
    return true;
}

// Checks that the entry grants `domid` the access and marks it in use, in one atomic step: the guest writes
// entries without any lock of ours. GNTST_*.
static int mark_in_use(grant_entry_v1_t *entry, domid_t domid, bool write)
{
    uint32_t *word = (uint32_t *)entry; // flags in the low half, domid in the high one
    uint32_t old = __atomic_load_n(word, __ATOMIC_RELAXED), valid = GTF_permit_access | (uint32_t)domid << 16;
    uint32_t set = GTF_reading | (write ? GTF_writing : 0);

    for (unsigned i = 0; i < UNSTABLE_RETRIES; i++) {
        if ((old ^ valid) & (GTF_type_mask | 0xffffU << 16))
            return GNTST_bad_gntref;
        if (write && (old & GTF_readonly))
            return GNTST_general_error;
        // Acquire: the frame number is read after the flags that make it valid.
        if (__atomic_compare_exchange_n(word, &old, old | set, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return GNTST_okay;
    }
    return GNTST_general_error;
}

static void mark_unused(grant_entry_v1_t *entry, const struct grant_active *active)
{
    uint16_t clear = (active->writers ? 0 : GTF_writing) | (active->uses ? 0 : GTF_reading);

    // Release: our accesses to the page come before the guest sees that it may take it back.
    if (clear)
        __atomic_and_fetch(&entry->flags, ~clear, __ATOMIC_RELEASE);
}

// Finds the granted page. While a grant is in use its frame stays what it was when the first use began.
static mfn_t get_granted_page(struct domain *granter, const grant_entry_v1_t *entry,
                              const struct grant_active *active, bool write)
{
    mfn_t mfn = p2m_get_page(granter, GFN(__atomic_load_n(&entry->frame, __ATOMIC_RELAXED)), write);

    if (likely(active->uses == 0 || active->mfn.n == mfn.n || !mfn_valid(mfn)))
        return mfn;
    page_put(mfn);
    return MFN_INVALID;
}

static inline int acquire_locked(struct domain *granter, domid_t grantee, grant_ref_t ref, bool write,
                                 mfn_t *mfn)
{
    grant_entry_v1_t *entry;
    struct grant_active *active;

    if (!entry_of(&granter->gnttab, ref, &entry, &active))
        return GNTST_bad_gntref;
    if (active->uses && active->grantee != grantee)
        return GNTST_general_error;
    int status = mark_in_use(entry, grantee, write);
    if (status != GNTST_okay)
        return status;
    *mfn = get_granted_page(granter, entry, active, write);
    if (!mfn_valid(*mfn)) {
        mark_unused(entry, active);
        return GNTST_bad_page;
    }
    active->mfn = *mfn;
    active->grantee = grantee;
    active->uses++;
    active->writers += write;
    return GNTST_okay;
}

int gnttab_acquire(struct domain *granter, domid_t grantee, grant_ref_t ref, bool write, mfn_t *mfn)
{
    spin_lock(&granter->gnttab.lock);
    int status = acquire_locked(granter, grantee, ref, write, mfn);
    spin_unlock(&granter->gnttab.lock);
    return status;
}

void gnttab_release(struct domain *granter, grant_ref_t ref, bool write)
{
    grant_entry_v1_t *entry;
    struct grant_active *active;

    spin_lock(&granter->gnttab.lock);
    bool found = entry_of(&granter->gnttab, ref, &entry, &active);
    ASSERT(found);
    active->uses--;
    active->writers -= write;
    mark_unused(entry, active);
    spin_unlock(&granter->gnttab.lock);
}
