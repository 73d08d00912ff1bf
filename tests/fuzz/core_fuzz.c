// SPDX-License-Identifier: MIT
// Hypercalls at random: the input is a program of calls by a control domain and two guests, with arguments
// that the callers wrote into their memory. Afterwards all domains are destroyed, and nothing may be left of
// them.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#include <hv/sched.h>
#include <hv/softirq.h>

#include <xen/domctl.h>
#include <xen/sysctl.h>

#define PAGES     16
#define ARG       0x1000UL // the arguments' page
#define POINTERS  0x2000UL // where pointers in arguments lead
#define MAX_CALLS 64
#define MAX_TURNS 200 // of one call that asks to be continued

struct input {
    const uint8_t *data;
    size_t left;
};

static uint64_t take(struct input *in, size_t n)
{
    uint64_t value = 0;

    n = MIN(n, in->left);
    memcpy(&value, in->data, n);
    in->data += n;
    in->left -= n;
    return value;
}

static const uint8_t calls[] = {
    __HYPERVISOR_memory_op,  __HYPERVISOR_multicall,      __HYPERVISOR_xen_version,
    __HYPERVISOR_console_io, __HYPERVISOR_grant_table_op, __HYPERVISOR_vm_assist,
    __HYPERVISOR_vcpu_op,    __HYPERVISOR_sched_op,       __HYPERVISOR_event_channel_op,
    __HYPERVISOR_physdev_op, __HYPERVISOR_hvm_op,         __HYPERVISOR_sysctl,
    __HYPERVISOR_domctl,     __HYPERVISOR_grant_table_op, __HYPERVISOR_memory_op,
    __HYPERVISOR_domctl,
};

static struct domain *actors[3];

// A number, made by its last byte into one that leads somewhere.
static uint64_t aim(uint64_t word)
{
    switch (word >> 56) {
    case 0xa5: return POINTERS + (word & 0xfff8);
    case 0xa6: return ARG + (word & 0xff8);
    case 0xa7: return actors[word % 3]->id;
    case 0xa8: return word & 0xffff;
    default: return word;
    }
}

// The caller writes the call's arguments into its memory.
static void write_arguments(struct input *in, struct vcpu *v, uint64_t nr)
{
    uint64_t *page = harness_memory(v->domain, ARG);
    unsigned words = take(in, 1) % 24;

    if (!page)
        return; // it gave the page away
    for (unsigned i = 0; i < words; i++)
        page[i] = aim(take(in, 8));
    if (nr == __HYPERVISOR_domctl) {
        struct xen_domctl *op = (struct xen_domctl *)page;

        op->cmd %= 90;
        op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
        op->domain = op->domain % 8 < 3 ? actors[op->domain % 8]->id : op->domain % 16;
    }
    if (nr == __HYPERVISOR_sysctl) {
        struct xen_sysctl *op = (struct xen_sysctl *)page;

        op->cmd %= 32;
        op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    }
}

static uint64_t argument(struct input *in)
{
    uint64_t byte = take(in, 1);

    return byte < 0x80 ? byte : byte < 0xf0 ? ARG : byte < 0xf8 ? POINTERS : take(in, 8);
}

static void make_call(struct input *in)
{
    struct vcpu *v = actors[take(in, 1) % 3]->vcpus[0];
    struct hypercall call = {.nr = calls[take(in, 1) % ARRAY_SIZE(calls)]};
    bool arg_first = call.nr == __HYPERVISOR_domctl || call.nr == __HYPERVISOR_sysctl;

    if (!v)
        return; // its domain was destroyed
    write_arguments(in, v, call.nr);
    call.args[0] = arg_first ? ARG : take(in, 1) % 48;
    call.args[1] = argument(in);
    call.args[2] = argument(in);
    call.is_32bit = take(in, 1) == 0xff;
    for (unsigned i = 0; i < MAX_TURNS && vcpu_runnable(v); i++) {
        harness_enter(v);
        if (hypercall_dispatch(v, &call) != HYPERCALL_CONTINUE)
            break;
        softirq_run();
    }
}

// So that the program does not end where an actor goes to sleep.
static void revive_actors(void)
{
    for (unsigned i = 0; i < 3; i++) {
        struct domain *d = actors[i];

        if (d->state != DOMAIN_LIVE)
            continue;
        if (d->shutting_down)
            domain_resume(d);
        while (domain_unpause_by_toolstack(d) == 0)
            ;
        vcpu_up(d->vcpus[0]);
        vcpu_wake(d->vcpus[0]);
    }
}

static void destroy_all(void)
{
    struct domain *d;

    for (unsigned i = 0; i < 3; i++)
        domain_put(actors[i]);
    control_domain = NULL;
    for (domid_t id = 0; (d = domain_next(id)) != NULL; id++) {
        id = d->id;
        domain_pause(d);
        softirq_run();
        while (domain_destroy(d) == -XEN_ERESTART)
            softirq_run();
        domain_put(d);
    }
    softirq_run();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    harness_init();
    for (unsigned i = 0; i < 3; i++) {
        actors[i] = harness_domain(i == 0 ? PRIV_CONTROL : 0, 1, PAGES);
        actors[i]->max_pages = 2048;
        domain_get(actors[i]); // an actor stays nameable when another one destroys it
    }
    for (unsigned i = 0; i < MAX_CALLS && in.left; i++) {
        make_call(&in);
        if (take(&in, 1) % 4 == 0)
            harness_advance(take(&in, 1) * 100000);
        harness_console_clear();
        revive_actors();
    }
    destroy_all();
    harness_init(); // complains about what is left
    return 0;
}
