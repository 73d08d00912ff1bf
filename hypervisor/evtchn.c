// SPDX-License-Identifier: MIT
// Event channels: the table of ports of each domain and the rules for binding, sending and closing.
//
// A domain's lock guards its whole table. The two ends of an interdomain channel point at each other, and
// both change only with both locks held; so either lock is enough to send from one end to the other.

#include <hv/arch.h>
#include <hv/evtchn.h>
#include <hv/irq.h>
#include <hv/slab.h>

int evtchn_init(struct domain *d, uint32_t max_port)
{
    struct evtchn_domain *e = &d->evtchn;

    spin_lock_init(&e->lock, LOCK_EVTCHN);
    e->max_port = MIN(max_port, EVTCHN_2L_PORTS - 1);
    e->buckets[0] = hv_alloc(EVTCHNS_PER_BUCKET * sizeof(struct evtchn));
    e->nr_ports = 1; // port 0 exists and is never bound
    return e->buckets[0] ? 0 : -XEN_ENOMEM;
}

// NULL for a port that has never been allocated. Under the domain's lock.
static struct evtchn *find(struct domain *d, uint32_t port)
{
    struct evtchn_domain *e = &d->evtchn;

    if (port == 0 || port >= e->nr_ports)
        return NULL;
    return &e->buckets[port / EVTCHNS_PER_BUCKET][port % EVTCHNS_PER_BUCKET];
}

// Takes a closed port, which stays closed until the caller sets its state. Under the domain's lock.
static int allocate(struct domain *d, uint32_t *port)
{
    struct evtchn_domain *e = &d->evtchn;
    struct evtchn **bucket;

    if (e->free_list) {
        *port = e->free_list;
        e->free_list = find(d, *port)->next_free;
        return 0;
    }
    if (e->nr_ports > e->max_port)
        return -XEN_ENOSPC;
    bucket = &e->buckets[e->nr_ports / EVTCHNS_PER_BUCKET];
    if (!*bucket)
        *bucket = hv_alloc(EVTCHNS_PER_BUCKET * sizeof(struct evtchn));
    if (!*bucket)
        return -XEN_ENOMEM;
    *port = e->nr_ports++;
    return 0;
}

// Under the domain's lock.
static void release(struct domain *d, uint32_t port)
{
    struct evtchn_domain *e = &d->evtchn;

    evtchn_2l_clear(d, port);
    *find(d, port) = (struct evtchn){.state = EVTCHNSTAT_closed, .next_free = e->free_list};
    e->free_list = port;
}

// A dying domain gets no new ports: its table is about to be emptied for good. Under the domain's lock.
static int allocate_as(struct domain *d, struct evtchn setup, uint32_t *port)
{
    int rc = d->state == DOMAIN_LIVE ? allocate(d, port) : -XEN_EINVAL;

    if (rc == 0)
        *find(d, *port) = setup;
    return rc;
}

static int locked_allocate_as(struct domain *d, struct evtchn setup, uint32_t *port)
{
    spin_lock(&d->evtchn.lock);
    int rc = allocate_as(d, setup, port);
    spin_unlock(&d->evtchn.lock);
    return rc;
}

static struct vcpu *notified_vcpu(struct domain *d, const struct evtchn *chn)
{
    return d->vcpus[chn->vcpu];
}

// A domain being built has ports before it has vcpus; there is nobody to tell yet.
static void set_pending(struct domain *d, uint32_t port, const struct evtchn *chn)
{
    struct vcpu *v = notified_vcpu(d, chn);

    if (v)
        evtchn_2l_set_pending(v, port);
}

int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port)
{
    return locked_allocate_as(d, (struct evtchn){.state = EVTCHNSTAT_unbound, .unbound_remote = remote},
                              port);
}

static struct evtchn interdomain(struct domain *remote, uint32_t remote_port, uint16_t vcpu)
{
    return (struct evtchn){
        .state = EVTCHNSTAT_interdomain, .vcpu = vcpu, .interdomain = {remote, remote_port}};
}

// Both locks held.
static int bind_interdomain(struct domain *d, struct domain *remote, uint32_t remote_port, uint32_t *port)
{
    struct evtchn *peer = find(remote, remote_port);

    if (!peer || peer->state != EVTCHNSTAT_unbound || peer->unbound_remote != d->id ||
        remote->state != DOMAIN_LIVE)
        return -XEN_EINVAL;
    int rc = allocate_as(d, interdomain(remote, remote_port, 0), port);
    if (rc)
        return rc;
    *peer = interdomain(d, *port, peer->vcpu);
    domain_get(d);
    domain_get(remote);
    // The other end may have sent while it was unbound.
    set_pending(d, *port, find(d, *port));
    return 0;
}

int evtchn_bind_interdomain(struct domain *d, struct domain *remote, uint32_t remote_port, uint32_t *port)
{
    spin_lock_pair(&d->evtchn.lock, &remote->evtchn.lock);
    int rc = bind_interdomain(d, remote, remote_port, port);
    spin_unlock_pair(&d->evtchn.lock, &remote->evtchn.lock);
    return rc;
}

// Global VIRQs tell about the machine, not about a vcpu: the control domain gets them, on vcpu 0 until it
// rebinds.
static bool virq_is_global(uint32_t virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

// The vcpu whose virq_port names this port.
static struct vcpu *virq_owner(struct domain *d, const struct evtchn *chn)
{
    return d->vcpus[virq_is_global(chn->virq) ? 0 : chn->vcpu];
}

int evtchn_bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu, uint32_t *port)
{
    if (virq >= NR_VIRQS || (virq_is_global(virq) && vcpu != 0))
        return -XEN_EINVAL;
    if (virq_is_global(virq) && priv_check(d, PRIV_OP_GLOBAL_VIRQ, NULL))
        return -XEN_EPERM;
    struct vcpu *v = domain_vcpu(d, vcpu);
    if (!v)
        return -XEN_ENOENT;

    spin_lock(&d->evtchn.lock);
    int rc = -XEN_EEXIST;
    if (!v->virq_port[virq])
        rc = allocate_as(d, (struct evtchn){.state = EVTCHNSTAT_virq, .vcpu = vcpu, .virq = virq}, port);
    if (rc == 0)
        v->virq_port[virq] = *port;
    spin_unlock(&d->evtchn.lock);
    return rc;
}

int evtchn_bind_ipi(struct domain *d, uint32_t vcpu, uint32_t *port)
{
    if (!domain_vcpu(d, vcpu))
        return -XEN_ENOENT;
    return locked_allocate_as(d, (struct evtchn){.state = EVTCHNSTAT_ipi, .vcpu = vcpu}, port);
}

int evtchn_bind_pirq(struct domain *d, uint32_t pirq, uint32_t *port)
{
    spin_lock(&d->evtchn.lock);
    int rc = allocate_as(d, (struct evtchn){.state = EVTCHNSTAT_pirq, .pirq = pirq}, port);
    if (rc == 0) {
        // The line may fire as soon as this returns; irq_deliver then waits for our lock.
        rc = pirq_bind(d, pirq, *port);
        if (rc)
            release(d, *port);
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

// The domain at the other end of an interdomain port, with a reference; NULL for any other port.
static struct domain *get_peer(struct domain *d, uint32_t port)
{
    spin_lock(&d->evtchn.lock);
    const struct evtchn *chn = find(d, port);
    struct domain *peer = chn && chn->state == EVTCHNSTAT_interdomain ? chn->interdomain.remote : NULL;
    if (peer)
        domain_get(peer);
    spin_unlock(&d->evtchn.lock);
    return peer;
}

// The far end of an interdomain channel. Either end's lock will do.
static struct evtchn *far_end(const struct evtchn *chn)
{
    return find(chn->interdomain.remote, chn->interdomain.remote_port);
}

// As in Xen, the far end of a closed channel becomes unbound, for the closing domain to bind again. Both
// locks held.
static void unbind_interdomain(struct domain *d, struct evtchn *chn)
{
    struct evtchn *far = far_end(chn);

    *far = (struct evtchn){.state = EVTCHNSTAT_unbound, .vcpu = far->vcpu, .unbound_remote = d->id};
    domain_put(chn->interdomain.remote);
    domain_put(d);
}

// `peer`: the domain whose lock is held besides d's, or d itself. -XEN_EAGAIN when the port leads to another
// one: it was closed and bound again since the caller looked.
static int close_locked(struct domain *d, struct domain *peer, uint32_t port)
{
    struct evtchn *chn = find(d, port);

    switch (chn ? chn->state : EVTCHNSTAT_closed) {
    case EVTCHNSTAT_closed: return -XEN_EINVAL;
    case EVTCHNSTAT_interdomain:
        if (chn->interdomain.remote != peer)
            return -XEN_EAGAIN;
        unbind_interdomain(d, chn);
        break;
    case EVTCHNSTAT_virq: virq_owner(d, chn)->virq_port[chn->virq] = 0; break;
    case EVTCHNSTAT_pirq: pirq_unbind(d, chn->pirq); break;
    default: break; // unbound, ipi
    }
    release(d, port);
    return 0;
}

int evtchn_close(struct domain *d, uint32_t port)
{
    int rc;

    do {
        struct domain *peer = get_peer(d, port), *other = peer ? peer : d;

        spin_lock_pair(&d->evtchn.lock, &other->evtchn.lock);
        rc = close_locked(d, other, port);
        spin_unlock_pair(&d->evtchn.lock, &other->evtchn.lock);
        if (peer)
            domain_put(peer);
    } while (rc == -XEN_EAGAIN);
    return rc;
}

void evtchn_reset(struct domain *d)
{
    // Taken once, so that an allocation that saw a dying domain alive has been counted.
    spin_lock(&d->evtchn.lock);
    uint32_t nr_ports = d->evtchn.nr_ports;
    spin_unlock(&d->evtchn.lock);

    for (uint32_t port = 1; port < nr_ports; port++)
        (void)evtchn_close(d, port); // -XEN_EINVAL: it is closed already
}

void evtchn_destroy(struct domain *d)
{
    struct evtchn_domain *e = &d->evtchn;

    evtchn_reset(d);
    e->nr_ports = 0;
    e->free_list = 0;
    for (unsigned i = 0; i < EVTCHN_BUCKETS; i++) {
        hv_free(e->buckets[i], EVTCHNS_PER_BUCKET * sizeof(struct evtchn));
        e->buckets[i] = NULL;
    }
}

int evtchn_send(struct domain *d, uint32_t port)
{
    int rc = 0;

    spin_lock(&d->evtchn.lock);
    const struct evtchn *chn = find(d, port);
    switch (chn ? chn->state : EVTCHNSTAT_closed) {
    case EVTCHNSTAT_interdomain:
        set_pending(chn->interdomain.remote, chn->interdomain.remote_port, far_end(chn));
        break;
    case EVTCHNSTAT_ipi: set_pending(d, port, chn); break;
    case EVTCHNSTAT_unbound: break; // nobody listens yet
    default: rc = -XEN_EINVAL; break;
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

int evtchn_unmask(struct domain *d, uint32_t port)
{
    spin_lock(&d->evtchn.lock);
    const struct evtchn *chn = find(d, port);
    struct vcpu *v = chn ? notified_vcpu(d, chn) : NULL;
    if (v)
        evtchn_2l_unmask(v, port);
    spin_unlock(&d->evtchn.lock);
    return chn ? 0 : -XEN_EINVAL;
}

static bool may_change_vcpu(const struct evtchn *chn)
{
    switch (chn->state) {
    case EVTCHNSTAT_unbound:
    case EVTCHNSTAT_interdomain:
    case EVTCHNSTAT_pirq: return true;
    case EVTCHNSTAT_virq: return virq_is_global(chn->virq);
    default: return false;
    }
}

int evtchn_bind_vcpu(struct domain *d, uint32_t port, uint32_t vcpu)
{
    if (!domain_vcpu(d, vcpu))
        return -XEN_ENOENT;
    spin_lock(&d->evtchn.lock);
    struct evtchn *chn = find(d, port);
    int rc = chn && may_change_vcpu(chn) ? 0 : -XEN_EINVAL;
    if (rc == 0)
        chn->vcpu = vcpu;
    spin_unlock(&d->evtchn.lock);
    return rc;
}

int evtchn_status(struct domain *d, struct evtchn_status *status)
{
    int rc = 0;

    spin_lock(&d->evtchn.lock);
    const struct evtchn *chn = find(d, status->port);
    if (!chn) {
        rc = -XEN_EINVAL;
    } else {
        status->status = chn->state;
        status->vcpu = chn->vcpu;
        switch (chn->state) {
        case EVTCHNSTAT_unbound: status->u.unbound.dom = chn->unbound_remote; break;
        case EVTCHNSTAT_interdomain:
            status->u.interdomain.dom = chn->interdomain.remote->id;
            status->u.interdomain.port = chn->interdomain.remote_port;
            break;
        case EVTCHNSTAT_pirq: status->u.pirq = chn->pirq; break;
        case EVTCHNSTAT_virq: status->u.virq = chn->virq; break;
        default: break;
        }
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

void evtchn_send_virq(struct vcpu *v, uint32_t virq)
{
    struct domain *d = v->domain;

    spin_lock(&d->evtchn.lock);
    uint32_t port = v->virq_port[virq];
    if (port)
        set_pending(d, port, find(d, port));
    spin_unlock(&d->evtchn.lock);
}

void evtchn_send_global_virq(uint32_t virq)
{
    struct vcpu *v = control_domain ? domain_vcpu(control_domain, 0) : NULL;

    if (v)
        evtchn_send_virq(v, virq);
}

void evtchn_raise_pirq(struct domain *d, uint32_t port)
{
    spin_lock(&d->evtchn.lock);
    const struct evtchn *chn = find(d, port);
    if (chn && chn->state == EVTCHNSTAT_pirq)
        set_pending(d, port, chn);
    spin_unlock(&d->evtchn.lock);
}

int evtchn_pending(struct domain *d, uint32_t port)
{
    spin_lock(&d->evtchn.lock);
    int rc = find(d, port) ? evtchn_2l_pending(d, port) : -XEN_EINVAL;
    spin_unlock(&d->evtchn.lock);
    return rc;
}
