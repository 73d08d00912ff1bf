// SPDX-License-Identifier: MIT
// Guest-physical address spaces: who may map what where, and the page references behind it. The tables
// themselves are the architecture's (arch_p2m_*).

#include <hv/arch.h>
#include <hv/page_alloc.h>
#include <hv/printk.h>
#include <hv/string.h>

// Table pages a domain may use unless the toolstack says otherwise: maps some 2 GiB in 4 KiB leaves.
#define DEFAULT_POOL_PAGES 1024
// Leaves cleared and pages freed by one call of p2m_destroy().
#define DESTROY_BATCH 1024

mfn_t p2m_table_alloc(struct domain *d)
{
    if (d->p2m.pool_pages >= d->p2m.pool_limit)
        return MFN_INVALID;
    mfn_t mfn = page_alloc(0, PAGE_ALLOC_ZERO);
    if (mfn_valid(mfn))
        d->p2m.pool_pages++;
    return mfn;
}

void p2m_table_free(struct domain *d, mfn_t mfn)
{
    d->p2m.pool_pages--;
    page_free(mfn, 0);
}

static void flush(struct domain *d)
{
    d->p2m.flushes++;
    arch_p2m_flush(d);
}

static uint64_t *addressed_word(struct p2m *p2m, mfn_t mfn)
{
    return &p2m->addressed[mfn.n % P2M_ADDRESSED / 64];
}

static uint64_t addressed_bit(mfn_t mfn)
{
    return 1UL << mfn.n % 64;
}

// Something else, or nothing, stands where this entry was.
static void entry_gone(struct domain *d, struct p2m_entry old)
{
    struct p2m *p2m = &d->p2m;

    if (*addressed_word(p2m, old.mfn) & addressed_bit(old.mfn)) {
        memset(p2m->addressed, 0, sizeof(p2m->addressed));
        p2m->epoch++;
    }
    flush(d);
}

static bool type_holds_reference(enum p2m_type type)
{
    return type != P2M_HOLE && type != P2M_MMIO;
}

static bool type_is_own_ram(enum p2m_type type)
{
    return type == P2M_RAM || type == P2M_RAM_RO;
}

static bool gfn_in_range(gfn_t gfn, uint64_t count)
{
    uint64_t limit = 1UL << (arch_gpa_bits() - PAGE_SHIFT);

    return count <= limit && gfn.n <= limit - count;
}

int p2m_init(struct domain *d)
{
    spin_lock_init(&d->p2m.lock, LOCK_P2M);
    d->p2m.pool_limit = DEFAULT_POOL_PAGES;
    return arch_p2m_init(d);
}

// `gfn` may be anything a guest made up, and the tables may be gone already: somebody who found the domain
// alive may come here after its end.
static struct p2m_entry get_entry(struct domain *d, gfn_t gfn)
{
    if (unlikely(!d->p2m.root))
        return (struct p2m_entry){.mfn = MFN_INVALID, .type = P2M_HOLE};
    return arch_p2m_get(d, gfn);
}

// Under the lock: may entries be added? What a dying domain gained behind p2m_destroy() would be lost.
static int check_open(const struct domain *d, gfn_t gfn, uint64_t count)
{
    return d->state == DOMAIN_LIVE && gfn_in_range(gfn, count) ? 0 : -XEN_EINVAL;
}

struct p2m_entry p2m_lookup(struct domain *d, gfn_t gfn)
{
    spin_lock(&d->p2m.lock);
    struct p2m_entry entry = get_entry(d, gfn);
    spin_unlock(&d->p2m.lock);
    return entry;
}

// The largest leaf that alignment allows at gfn, of at most `limit` order and `count` pages.
static unsigned leaf_order(gfn_t gfn, mfn_t mfn, uint64_t count, unsigned limit)
{
    static const unsigned orders[] = {ORDER_1G, ORDER_2M};

    for (unsigned i = 0; i < ARRAY_SIZE(orders); i++) {
        uint64_t pages = 1UL << orders[i];

        if (orders[i] <= limit && count >= pages && ((gfn.n | mfn.n) & (pages - 1)) == 0)
            return orders[i];
    }
    return ORDER_4K;
}

// Takes back the first `done` pages of an insertion that failed. The lock is held, so each leaf is cleared as
// it was set, which needs no new tables and can't fail.
static void undo_insert(struct domain *d, gfn_t gfn, uint64_t done)
{
    for (uint64_t at = 0; at < done;) {
        unsigned order = arch_p2m_get(d, gfn_add(gfn, at)).order;

        arch_p2m_set(d, gfn_add(gfn, at), MFN_INVALID, order, P2M_HOLE);
        at += 1UL << order;
    }
    flush(d);
}

static int insert_locked(struct domain *d, gfn_t gfn, mfn_t mfn, uint64_t count, enum p2m_type type)
{
    for (uint64_t done = 0; done < count;) {
        gfn_t at = gfn_add(gfn, done);
        // A hole's order says how much around it is one. No leaf is larger than that, so none ever takes the
        // place of a table, which processors may have cached.
        struct p2m_entry old = arch_p2m_get(d, at);
        unsigned order = leaf_order(at, mfn_add(mfn, done), count - done, old.order);
        int rc = old.type == P2M_HOLE ? arch_p2m_set(d, at, mfn_add(mfn, done), order, type) : -XEN_EEXIST;

        if (rc) {
            undo_insert(d, gfn, done);
            return rc;
        }
        done += 1UL << order;
    }
    d->p2m.max_gfn = MAX(d->p2m.max_gfn, gfn.n + count - 1);
    return 0;
}

int p2m_insert(struct domain *d, gfn_t gfn, mfn_t mfn, uint64_t count, enum p2m_type type)
{
    spin_lock(&d->p2m.lock);
    int rc = count ? check_open(d, gfn, count) : -XEN_EINVAL;
    if (rc == 0)
        rc = insert_locked(d, gfn, mfn, count, type);
    spin_unlock(&d->p2m.lock);
    return rc;
}

// A guest that is started anew in its old memory maps shared_info and its grant frames again.
static bool may_replace(enum p2m_type type)
{
    return type == P2M_HOLE || type_is_own_ram(type) || type == P2M_SHARED;
}

int p2m_replace(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type)
{
    spin_lock(&d->p2m.lock);
    struct p2m_entry old = get_entry(d, gfn);
    int rc = check_open(d, gfn, 1);
    if (rc == 0 && !may_replace(old.type))
        rc = -XEN_EEXIST;
    if (rc == 0)
        rc = arch_p2m_set(d, gfn, mfn, ORDER_4K, type);
    if (rc == 0) {
        d->p2m.max_gfn = MAX(d->p2m.max_gfn, gfn.n);
        if (old.type != P2M_HOLE)
            entry_gone(d, old);
    }
    spin_unlock(&d->p2m.lock);
    if (rc == 0 && old.type != P2M_HOLE)
        page_put(old.mfn);
    return rc;
}

int p2m_remove(struct domain *d, gfn_t gfn)
{
    spin_lock(&d->p2m.lock);
    struct p2m_entry old = get_entry(d, gfn);
    int rc = old.type == P2M_HOLE ? -XEN_ENOENT : arch_p2m_set(d, gfn, MFN_INVALID, ORDER_4K, P2M_HOLE);
    if (rc == 0)
        entry_gone(d, old);
    spin_unlock(&d->p2m.lock);
    // Only after the flush: from here on the page may belong to somebody else.
    if (rc == 0 && type_holds_reference(old.type))
        page_put(old.mfn);
    return rc;
}

mfn_t p2m_get_page(struct domain *d, gfn_t gfn, bool write)
{
    mfn_t mfn = MFN_INVALID;

    spin_lock(&d->p2m.lock);
    struct p2m_entry entry = get_entry(d, gfn);
    if (likely(entry.type == P2M_RAM || (entry.type == P2M_RAM_RO && !write)) && page_get(entry.mfn))
        mfn = entry.mfn;
    spin_unlock(&d->p2m.lock);
    return mfn;
}

void *p2m_memory(struct domain *d, gpa_t gpa, bool write)
{
    static const uint32_t writable =
        1U << P2M_RAM | 1U << P2M_SHARED | 1U << P2M_FOREIGN | 1U << P2M_GRANT_RW;
    static const uint32_t read_only = 1U << P2M_RAM_RO | 1U << P2M_GRANT_RO | 1U << P2M_BOOT_FILE;
    struct p2m_entry entry = get_entry(d, GFN(gpa >> PAGE_SHIFT));

    if (!((write ? writable : writable | read_only) >> entry.type & 1))
        return NULL;
    *addressed_word(&d->p2m, entry.mfn) |= addressed_bit(entry.mfn);
    return (char *)mfn_to_virt(entry.mfn) + (gpa & ~PAGE_MASK);
}

// MMIO of the machine appears in the hardware domain's map when it is first touched.
static bool map_mmio(struct domain *d, gfn_t gfn)
{
    return (d->privileges & PRIV_HARDWARE) && arch_mmio_allowed(MFN(gfn.n)) &&
           p2m_insert(d, gfn, MFN(gfn.n), 1, P2M_MMIO) == 0;
}

bool p2m_fault(struct vcpu *v, gpa_t gpa, bool write)
{
    static const uint32_t writable =
        1U << P2M_RAM | 1U << P2M_SHARED | 1U << P2M_FOREIGN | 1U << P2M_GRANT_RW | 1U << P2M_MMIO;
    gfn_t gfn = GFN(gpa >> PAGE_SHIFT);
    enum p2m_type type = p2m_lookup(v->domain, gfn).type;

    if (type == P2M_HOLE)
        return map_mmio(v->domain, gfn);
    // The entry allows the access: another cpu has just put it there.
    return !write || (writable & (1U << type));
}

static void drop_leaf(struct domain *d, struct p2m_entry entry)
{
    if (!type_holds_reference(entry.type))
        return;
    d->p2m.drain = entry.mfn;
    d->p2m.drain_left = 1UL << entry.order;
}

// Clears the next leaf. True when there was none, and the tables are gone.
static bool destroy_next_leaf(struct domain *d)
{
    struct p2m *p2m = &d->p2m;

    spin_lock(&p2m->lock);
    bool done = arch_p2m_teardown(d, &p2m->teardown, 1, drop_leaf) && !p2m->drain_left;
    if (done) {
        p2m_table_free(d, MFN(p2m->root >> PAGE_SHIFT));
        p2m->root = 0;
    }
    spin_unlock(&p2m->lock);
    return done;
}

int p2m_destroy(struct domain *d)
{
    struct p2m *p2m = &d->p2m;

    if (!p2m->root)
        return 0;
    for (unsigned i = 0; i < DESTROY_BATCH; i++) {
        if (p2m->drain_left) {
            page_put(p2m->drain);
            p2m->drain = mfn_add(p2m->drain, 1);
            p2m->drain_left--;
        } else if (destroy_next_leaf(d)) {
            return 0;
        }
    }
    return -XEN_ERESTART;
}
