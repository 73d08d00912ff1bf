// SPDX-License-Identifier: MIT
// The 2-level event channel format: a pending and a mask bit per port in shared_info, a selector bit per word
// of ports and the upcall flag in vcpu_info. All of it is guest memory that the guest changes at the same
// time, with locked instructions as we do; nothing in it is trusted.

#include <hv/arch.h>
#include <hv/evtchn.h>
#include <hv/sched.h>

#define WORD_BITS 64U

static bool test_bit(const xen_ulong_t *bits, uint32_t nr)
{
    return __atomic_load_n(&bits[nr / WORD_BITS], __ATOMIC_RELAXED) >> (nr % WORD_BITS) & 1;
}

// Locked instructions, as seen by the guest: full barriers.
static bool test_and_set_bit(xen_ulong_t *bits, uint32_t nr)
{
    uint64_t mask = 1UL << (nr % WORD_BITS);

    return __atomic_fetch_or(&bits[nr / WORD_BITS], mask, __ATOMIC_SEQ_CST) & mask;
}

static bool test_and_clear_bit(xen_ulong_t *bits, uint32_t nr)
{
    uint64_t mask = 1UL << (nr % WORD_BITS);

    return __atomic_fetch_and(&bits[nr / WORD_BITS], ~mask, __ATOMIC_SEQ_CST) & mask;
}

// The port is pending and not masked: makes the guest look at its word of ports.
static void notify(struct vcpu *v, uint32_t port)
{
    if (test_and_set_bit(&v->info->evtchn_pending_sel, port / WORD_BITS))
        return;
    if (__atomic_exchange_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST))
        return;
    vcpu_wake(v);
    arch_vcpu_kick(v);
}

static void wake_pollers(struct domain *d, uint32_t port)
{
    uint64_t pollers = __atomic_load_n(&d->evtchn.pollers, __ATOMIC_SEQ_CST);

    for (; pollers; pollers &= pollers - 1) {
        struct vcpu *v = d->vcpus[__builtin_ctzl(pollers)];

        if (v->poll_port < 0 || v->poll_port == port)
            vcpu_wake(v);
    }
}

void evtchn_2l_set_pending(struct vcpu *v, uint32_t port)
{
    struct domain *d = v->domain;

    // In this order: a guest that scans from the selector down, and clears each level before it looks at the
    // next, misses nothing.
    if (test_and_set_bit(d->shared_info->evtchn_pending, port))
        return;
    if (!test_bit(d->shared_info->evtchn_mask, port))
        notify(v, port);
    wake_pollers(d, port);
}

void evtchn_2l_unmask(struct vcpu *v, uint32_t port)
{
    struct domain *d = v->domain;

    if (test_and_clear_bit(d->shared_info->evtchn_mask, port) &&
        test_bit(d->shared_info->evtchn_pending, port))
        notify(v, port);
}

bool evtchn_2l_pending(const struct domain *d, uint32_t port)
{
    return test_bit(d->shared_info->evtchn_pending, port);
}

void evtchn_2l_clear(struct domain *d, uint32_t port)
{
    (void)test_and_clear_bit(d->shared_info->evtchn_pending, port);
}
