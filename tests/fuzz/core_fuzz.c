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

// What there is to call: sub-operations up to `commands`, and which argument points to their structure.
static const struct {
    uint8_t nr, commands, pointer;
} calls[] = {
    {__HYPERVISOR_event_channel_op, 12, 1},
    {__HYPERVISOR_event_channel_op, 12, 1},
    {__HYPERVISOR_grant_table_op, 13, 1},
    {__HYPERVISOR_grant_table_op, 13, 1},
    {__HYPERVISOR_memory_op, 29, 1},
    {__HYPERVISOR_memory_op, 29, 1},
    {__HYPERVISOR_vcpu_op, 15, 2},
    {__HYPERVISOR_sched_op, 9, 1},
    {__HYPERVISOR_domctl, 0, 0},
    {__HYPERVISOR_domctl, 0, 0},
    {__HYPERVISOR_domctl, 0, 0},
    {__HYPERVISOR_sysctl, 0, 0},
    {__HYPERVISOR_hvm_op, 26, 1},
    {__HYPERVISOR_multicall, 0, 0},
    {__HYPERVISOR_xen_version, 12, 1},
    {__HYPERVISOR_console_io, 3, 2},
    {__HYPERVISOR_physdev_op, 32, 1},
    {__HYPERVISOR_vm_assist, 3, 2},
};

static struct domain *actors[3];

// One field of an argument structure, aligned as C does: what kind of value it is says the first byte.
static void write_field(struct input *in, uint8_t *page, size_t *at)
{
    uint8_t tag = take(in, 1), kind = tag % 8, detail = tag / 8;
    size_t size = kind <= 2 ? 8 : kind <= 4 ? 4 : 2;
    uint64_t value;

    switch (kind) {
    case 0: value = take(in, 8); break;
    case 1: value = (detail & 1 ? ARG : POINTERS) + 8 * take(in, 1); break;
    case 7: value = detail % 4 < 3 ? actors[detail % 4]->id : DOMID_SELF; break;
    default: value = detail < 24 ? detail % 6 : take(in, 2); break; // small numbers are worth most
    }
    *at = ALIGN_UP(*at, size);
    memcpy(page + *at, &value, size);
    *at += size;
}

// The caller writes the call's arguments into its memory.
static void write_arguments(struct input *in, struct vcpu *v, uint64_t nr)
{
    uint8_t *page = harness_memory(v->domain, ARG);
    size_t at = 0;

    if (!page)
        return; // it gave the page away
    if (nr == __HYPERVISOR_domctl) {
        *(struct xen_domctl *)page = (struct xen_domctl){.cmd = take(in, 1) % 90,
                                                         .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
                                                         .domain = actors[take(in, 1) % 3]->id};
        at = offsetof(struct xen_domctl, u);
    } else if (nr == __HYPERVISOR_sysctl) {
        *(struct xen_sysctl *)page =
            (struct xen_sysctl){.cmd = take(in, 1) % 32, .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
        at = offsetof(struct xen_sysctl, u);
    }
    for (unsigned fields = take(in, 1) % 24; fields > 0; fields--)
        write_field(in, page, &at);
}

static void make_call(struct input *in)
{
    struct vcpu *v = actors[take(in, 1) % 3]->vcpus[0];
    unsigned which = take(in, 1) % ARRAY_SIZE(calls);
    struct hypercall call = {.nr = calls[which].nr};

    if (!v)
        return; // its domain was destroyed
    write_arguments(in, v, call.nr);
    for (unsigned i = 0; i < 3; i++)
        call.args[i] = take(in, 1) % 8;
    if (calls[which].commands)
        call.args[0] = take(in, 1) % calls[which].commands;
    call.args[calls[which].pointer] = ARG;
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

// What a call made at random would hardly ever find: pages granted to everybody, and a list of frame numbers,
// some with RAM behind them and some without, where pointers lead.
static void prepare(struct domain *d)
{
    uint64_t *frames = harness_memory(d, POINTERS);
    mfn_t mfn;

    d->max_pages = 2048;
    for (unsigned i = 0; i < 16; i++)
        frames[i] = PAGES - 8 + i;
    if (gnttab_get_frame(d, 0, &mfn))
        abort();
    for (unsigned i = 0; i < 12; i++)
        d->gnttab.shared[0][i] = (grant_entry_v1_t){.flags = GTF_permit_access | (i >= 6 ? GTF_readonly : 0),
                                                    .domid = actors[i % 3]->id,
                                                    .frame = 4 + i};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    harness_init();
    for (unsigned i = 0; i < 3; i++) {
        actors[i] = harness_domain(i == 0 ? PRIV_CONTROL : 0, 1, PAGES);
        domain_get(actors[i]); // an actor stays nameable when another one destroys it
    }
    for (unsigned i = 0; i < 3; i++)
        prepare(actors[i]);
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
