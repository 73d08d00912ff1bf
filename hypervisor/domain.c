// SPDX-License-Identifier: MIT
// Domains: identity, life and death.
//
// A domain's struct lives as long as its `refs`: one for being there, dropped at the end of domain_destroy();
// one for each lookup in progress; one for each event channel of another domain that leads to it; and one as
// long as any page is charged to it. The last domain_put() may happen under nearly any lock, so it only
// queues the struct, and domain_free_softirq() does the rest.

#include <hv/arch.h>
#include <hv/page_alloc.h>
#include <hv/printk.h>
#include <hv/slab.h>
#include <hv/softirq.h>
#include <hv/string.h>

#define MAX_TOOLSTACK_PAUSES 255

#define IDS_PER_BLOCK 512U
#define ID_BLOCKS     (DOMID_FIRST_RESERVED / IDS_PER_BLOCK + 1)

struct id_block {
    struct domain *domains[IDS_PER_BLOCK];
    unsigned used;
};

static struct spinlock list_lock = SPINLOCK(LOCK_DOMAIN_LIST);
static struct id_block *id_blocks[ID_BLOCKS]; // NULL where no domain has such an id
static struct list_node domains = {&domains, &domains};
static domid_t next_id = 1;
static struct domain *free_queue; // linked by next_free

struct domain *hardware_domain, *control_domain;

_Static_assert(sizeof(struct shared_info) <= PAGE_SIZE, "shared_info is one page");

// --- ids ---

// Under list_lock, as all of this section.
static struct domain *find(domid_t id)
{
    const struct id_block *block = id < DOMID_FIRST_RESERVED ? id_blocks[id / IDS_PER_BLOCK] : NULL;

    return block ? block->domains[id % IDS_PER_BLOCK] : NULL;
}

// The next id that is not in use, after the one given out last. DOMID_INVALID when all are.
static domid_t choose_id(void)
{
    for (unsigned tries = 0; tries < DOMID_FIRST_RESERVED - 1U; tries++) {
        domid_t id = next_id;

        next_id = id == DOMID_FIRST_RESERVED - 1 ? 1 : id + 1;
        if (!find(id))
            return id;
    }
    return DOMID_INVALID;
}

static int link_domain(struct domain *d)
{
    struct id_block **block = &id_blocks[d->id / IDS_PER_BLOCK];
    struct list_node *after = domains.prev;

    if (!*block)
        *block = hv_alloc(sizeof(**block));
    if (!*block)
        return -XEN_ENOMEM;
    (*block)->domains[d->id % IDS_PER_BLOCK] = d;
    (*block)->used++;
    while (after != &domains && list_entry(after, struct domain, link)->id > d->id)
        after = after->prev;
    list_insert_tail(after->next, &d->link);
    return 0;
}

static void unlink_domain(struct domain *d)
{
    struct id_block **block = &id_blocks[d->id / IDS_PER_BLOCK];

    list_remove(&d->link);
    (*block)->domains[d->id % IDS_PER_BLOCK] = NULL;
    if (--(*block)->used == 0) {
        hv_free(*block, sizeof(**block));
        *block = NULL;
    }
}

// Gives d the id, or the next free one for DOMID_INVALID.
static int publish(struct domain *d, domid_t id)
{
    int rc = 0;

    spin_lock(&list_lock);
    d->id = id == DOMID_INVALID ? choose_id() : id;
    if (d->id == DOMID_INVALID)
        rc = -XEN_ENOSPC;
    else if (d->id >= DOMID_FIRST_RESERVED)
        rc = -XEN_EINVAL;
    else if (find(d->id))
        rc = -XEN_EEXIST;
    else
        rc = link_domain(d);
    spin_unlock(&list_lock);
    return rc;
}

// --- references ---

void domain_get(struct domain *d)
{
    __atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
}

void domain_put(struct domain *d)
{
    // Release and acquire: everybody's last use of d comes before its end.
    if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    d->next_free = __atomic_load_n(&free_queue, __ATOMIC_RELAXED);
    while (
        !__atomic_compare_exchange_n(&free_queue, &d->next_free, d, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
    softirq_raise(this_cpu()->id, SOFTIRQ_DOMAIN_FREE);
}

// Nobody holds a reference, but it can still be found: a lookup must not revive it. Under list_lock.
static bool get_unless_gone(struct domain *d)
{
    uint32_t refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED);

    while (refs &&
           !__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    return refs != 0;
}

struct domain *domain_lookup_dying_too(domid_t domid)
{
    if (domid == DOMID_SELF) {
        domain_get(current_vcpu()->domain);
        return current_vcpu()->domain;
    }
    spin_lock(&list_lock);
    struct domain *d = find(domid);
    if (d && !get_unless_gone(d))
        d = NULL;
    spin_unlock(&list_lock);
    return d;
}

struct domain *domain_lookup(domid_t domid)
{
    struct domain *d = domain_lookup_dying_too(domid);

    if (d && __atomic_load_n(&d->state, __ATOMIC_ACQUIRE) != DOMAIN_LIVE) {
        domain_put(d);
        d = NULL;
    }
    return d;
}

struct domain *domain_next(domid_t at_least)
{
    struct domain *found = NULL;

    spin_lock(&list_lock);
    list_for_each (node, &domains) {
        struct domain *d = list_entry(node, struct domain, link);

        if (d->id >= at_least && get_unless_gone(d)) {
            found = d;
            break;
        }
    }
    spin_unlock(&list_lock);
    return found;
}

// --- creation ---

static void watchdog_expired(void *arg)
{
    struct domain *d = arg;

    log_warning("d%d: watchdog expired", d->id);
    domain_shutdown(d, SHUTDOWN_watchdog);
}

void domain_update_wallclock(struct domain *d)
{
    struct shared_info *s = d->shared_info;
    uint64_t ns = arch_boot_wallclock(), sec = ns / 1000000000 + d->wallclock_offset_s;

    // Odd version: a reader retries. The guest may write here too, so the version is made odd, not merely
    // changed.
    __atomic_store_n(&s->wc_version, s->wc_version | 1, __ATOMIC_SEQ_CST);
    s->wc_sec = sec;
    s->wc_sec_hi = sec >> 32;
    s->wc_nsec = ns % 1000000000;
    __atomic_store_n(&s->wc_version, s->wc_version + 1, __ATOMIC_SEQ_CST);
}

static struct domain *alloc_domain(const struct domain_config *config)
{
    struct domain *d = hv_alloc(sizeof(*d));

    if (!d)
        return NULL;
    d->refs = 1;
    d->state = DOMAIN_DYING; // not to be found by domain_lookup() before it is complete
    spin_lock_init(&d->lock, LOCK_DOMAIN);
    d->privileges = config->privileges;
    memcpy(d->uuid, config->uuid, sizeof(d->uuid));
    d->pause_count = 1;
    d->toolstack_pauses = 1;
    d->max_vcpus = config->max_vcpus;
    for (unsigned i = 0; i < ARRAY_SIZE(d->watchdog); i++)
        timer_init(&d->watchdog[i], watchdog_expired, d);
    return d;
}

static int alloc_tables(struct domain *d)
{
    d->vcpus = hv_alloc(d->max_vcpus * sizeof(d->vcpus[0]));
    d->shared_info_mfn = page_alloc(0, PAGE_ALLOC_ZERO);
    if (mfn_valid(d->shared_info_mfn))
        d->shared_info = mfn_to_virt(d->shared_info_mfn);
    if (!d->vcpus || !d->shared_info)
        return -XEN_ENOMEM;
    domain_update_wallclock(d);
    return 0;
}

// What is left of a domain that nobody refers to.
static void free_domain(struct domain *d)
{
    hv_free(d->vcpus, d->max_vcpus * sizeof(d->vcpus[0]));
    if (d->shared_info)
        page_put(d->shared_info_mfn);
    gnttab_free(d);
    hv_free(d->memory_map, d->nr_memory_map * sizeof(*d->memory_map));
    hv_free(d, sizeof(*d));
}

// What domain_destroy() takes down again. On failure the grant tables are left to free_domain().
static int init_parts(struct domain *d, const struct domain_config *config)
{
    int rc = gnttab_init(d, config->max_grant_frames, config->max_maptrack_frames);

    if (rc)
        return rc;
    rc = evtchn_init(d, config->max_evtchn_port);
    if (rc)
        return rc;
    rc = arch_domain_create(d);
    if (rc)
        goto no_arch;
    rc = p2m_init(d);
    if (rc)
        goto no_p2m;
    return 0;

no_p2m:
    arch_domain_destroy(d);
no_arch:
    evtchn_destroy(d);
    return rc;
}

int domain_create(domid_t domid, const struct domain_config *config, struct domain **out)
{
    struct domain *d = alloc_domain(config);

    if (!d)
        return -XEN_ENOMEM;
    int rc = alloc_tables(d);
    if (rc == 0)
        rc = publish(d, domid);
    if (rc) {
        free_domain(d);
        return rc;
    }
    rc = init_parts(d, config);
    if (rc) {
        domain_put(d);
        return rc;
    }
    // Release: whoever finds it alive finds it complete.
    __atomic_store_n(&d->state, DOMAIN_LIVE, __ATOMIC_RELEASE);
    *out = d;
    return 0;
}

// --- destruction ---

// After a change of what vcpu_runnable() looks at. No lock held.
static void reevaluate_vcpus(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i])
            vcpu_pause_changed(d->vcpus[i]);
}

static int stop(struct domain *d)
{
    spin_lock(&d->lock);
    d->state = DOMAIN_DYING;
    spin_unlock(&d->lock);
    for (unsigned i = 0; i < ARRAY_SIZE(d->watchdog); i++)
        timer_stop(&d->watchdog[i]);
    reevaluate_vcpus(d);
    memory_drop_pending_extent(d);
    return 0;
}

static int close_events(struct domain *d)
{
    evtchn_destroy(d);
    return 0;
}

static int finish(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++)
        if (d->vcpus[i])
            vcpu_destroy(d->vcpus[i]);
    arch_domain_destroy(d);
    d->state = DOMAIN_DEAD;
    return 0;
}

// Each returns -XEN_ERESTART to be called again.
static int (*const destroy_stages[])(struct domain *d) = {stop, close_events, gnttab_destroy, p2m_destroy,
                                                          finish};

int domain_destroy(struct domain *d)
{
    if (d->state == DOMAIN_DEAD)
        return 0;
    for (; d->destroy_stage < ARRAY_SIZE(destroy_stages); d->destroy_stage++) {
        int rc = destroy_stages[d->destroy_stage](d);

        if (rc)
            return rc;
    }
    domain_put(d); // the reference for being there
    return 0;
}

void domain_free_softirq(void)
{
    // Acquire: pairs with the release in domain_put().
    struct domain *d = __atomic_exchange_n(&free_queue, NULL, __ATOMIC_ACQUIRE);

    while (d) {
        struct domain *next = d->next_free;

        spin_lock(&list_lock);
        unlink_domain(d);
        spin_unlock(&list_lock);
        log_debug("d%d is gone", d->id);
        free_domain(d);
        // The store and the toolstack look which domains are left.
        evtchn_send_global_virq(VIRQ_DOM_EXC);
        d = next;
    }
}

// --- pausing and shutting down ---

void domain_pause(struct domain *d)
{
    spin_lock(&d->lock);
    d->pause_count++;
    spin_unlock(&d->lock);
    reevaluate_vcpus(d);
}

void domain_unpause(struct domain *d)
{
    spin_lock(&d->lock);
    ASSERT(d->pause_count > 0);
    d->pause_count--;
    spin_unlock(&d->lock);
    reevaluate_vcpus(d);
}

int domain_pause_by_toolstack(struct domain *d)
{
    spin_lock(&d->lock);
    bool ok = d->toolstack_pauses < MAX_TOOLSTACK_PAUSES;
    if (ok && d->toolstack_pauses++ == 0)
        d->pause_count++;
    spin_unlock(&d->lock);
    reevaluate_vcpus(d);
    return ok ? 0 : -XEN_EINVAL;
}

int domain_unpause_by_toolstack(struct domain *d)
{
    spin_lock(&d->lock);
    bool ok = d->toolstack_pauses > 0;
    if (ok && --d->toolstack_pauses == 0)
        d->pause_count--;
    spin_unlock(&d->lock);
    reevaluate_vcpus(d);
    return ok ? 0 : -XEN_EINVAL;
}

static void __attribute__((noreturn)) machine_shutdown(const struct domain *d, uint8_t code)
{
    switch (code) {
    case SHUTDOWN_poweroff:
        log_info("d%d, the hardware domain, has shut down: power off", d->id);
        arch_poweroff();
    case SHUTDOWN_crash:
        panic("d%d, the hardware domain, has crashed%s%s", d->id, d->death_reason[0] ? ": " : "",
              d->death_reason);
    default: log_info("d%d, the hardware domain, has shut down (%d): reset", d->id, code); arch_reset();
    }
}

void domain_shutdown(struct domain *d, uint8_t code)
{
    if (d->privileges & PRIV_HARDWARE)
        machine_shutdown(d, code);
    spin_lock(&d->lock);
    bool first = !d->shutting_down;
    if (first) {
        d->shutdown_code = code;
        d->shutting_down = true;
    }
    spin_unlock(&d->lock);
    if (!first)
        return;
    reevaluate_vcpus(d);
    evtchn_send_global_virq(VIRQ_DOM_EXC);
}

int domain_resume(struct domain *d)
{
    spin_lock(&d->lock);
    d->shutting_down = false;
    d->shutdown_code = 0;
    spin_unlock(&d->lock);
    reevaluate_vcpus(d);
    return 0;
}

void domain_crash(struct vcpu *v, const char *fmt, ...)
{
    struct domain *d = v->domain;
    char reason[DEATH_REASON_MAX];
    va_list args;

    va_start(args, fmt);
    hv_vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    log_error("d%dv%u crashed: %s", d->id, v->id, reason);
    arch_vcpu_dump(v);
    spin_lock(&d->lock);
    if (!d->death_reason[0])
        hv_strlcpy(d->death_reason, reason, sizeof(d->death_reason));
    spin_unlock(&d->lock);
    domain_shutdown(d, SHUTDOWN_crash);
}
