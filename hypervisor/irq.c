// SPDX-License-Identifier: MIT
// Machine interrupts given to a domain. A pirq is the number of its GSI. The line is open only while an event
// port is bound to it.

#include <hv/arch.h>
#include <hv/irq.h>

struct pirq {
    struct domain *owner; // holds a reference; NULL: not given away
    uint32_t port;        // 0: not bound, and masked
};

static struct spinlock irq_lock = SPINLOCK(LOCK_IRQ);
static struct pirq pirqs[NR_PIRQS];

int pirq_map_gsi(struct domain *d, unsigned gsi)
{
    int rc = -XEN_EINVAL;

    if (gsi >= NR_PIRQS || !arch_gsi_available(gsi))
        return rc;
    spin_lock(&irq_lock);
    struct pirq *pirq = &pirqs[gsi];
    if (!pirq->owner) {
        domain_get(d);
        pirq->owner = d;
    }
    rc = pirq->owner == d ? (int)gsi : -XEN_EBUSY;
    spin_unlock(&irq_lock);
    return rc;
}

// The pirq if it is d's. Under irq_lock.
static struct pirq *find(struct domain *d, unsigned nr)
{
    return nr < NR_PIRQS && pirqs[nr].owner == d ? &pirqs[nr] : NULL;
}

int pirq_unmap(struct domain *d, unsigned nr)
{
    spin_lock(&irq_lock);
    struct pirq *pirq = find(d, nr);
    int rc = !pirq ? -XEN_EINVAL : pirq->port ? -XEN_EBUSY : 0;
    if (rc == 0)
        pirq->owner = NULL;
    spin_unlock(&irq_lock);
    if (rc == 0)
        domain_put(d);
    return rc;
}

int pirq_bind(struct domain *d, unsigned nr, uint32_t port)
{
    spin_lock(&irq_lock);
    struct pirq *pirq = find(d, nr);
    int rc = !pirq ? -XEN_EINVAL : pirq->port ? -XEN_EEXIST : 0;
    if (rc == 0) {
        pirq->port = port;
        arch_gsi_mask(nr, false);
    }
    spin_unlock(&irq_lock);
    return rc;
}

void pirq_unbind(struct domain *d, unsigned nr)
{
    spin_lock(&irq_lock);
    struct pirq *pirq = find(d, nr);
    if (pirq) {
        arch_gsi_mask(nr, true);
        pirq->port = 0;
    }
    spin_unlock(&irq_lock);
}

void irq_deliver(unsigned gsi)
{
    if (gsi >= NR_PIRQS)
        return;
    spin_lock(&irq_lock);
    struct pirq pirq = pirqs[gsi];
    if (pirq.port)
        domain_get(pirq.owner);
    spin_unlock(&irq_lock);
    if (!pirq.port)
        return;
    // The port's lock ranks before ours. If it was closed meanwhile, this has no effect.
    evtchn_raise_pirq(pirq.owner, pirq.port);
    domain_put(pirq.owner);
}
