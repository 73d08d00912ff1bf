// SPDX-License-Identifier: MIT
// HYPERVISOR_multicall (public/xen.h): a list of hypercalls in one.

#include <hv/domain.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>
#include <hv/softirq.h>
#include <hv/vcpu.h>

_Static_assert(sizeof(struct multicall_entry) == 64, "op, result, six arguments");

static int store_result(gva_t entry, long result)
{
    return copy_to_guest(gva_add(entry, offsetof(struct multicall_entry, result)), &result, sizeof(result));
}

// Runs one entry. HYPERCALL_CONTINUE when it has more to do; its arguments in the guest's list have then
// moved on.
static long run_entry(struct vcpu *v, gva_t at)
{
    struct multicall_entry entry;

    if (copy_from_guest(&entry, at, sizeof(entry)))
        return -XEN_EFAULT;
    struct hypercall call = {.nr = entry.op};
    for (unsigned i = 0; i < ARRAY_SIZE(call.args); i++)
        call.args[i] = entry.args[i];
    // One level only: lists within lists could go on for ever.
    long result = entry.op == __HYPERVISOR_multicall ? -XEN_EINVAL : hypercall_dispatch(v, &call);
    if (result != HYPERCALL_CONTINUE)
        return store_result(at, result);
    int rc = copy_to_guest(gva_add(at, offsetof(struct multicall_entry, args)), call.args, sizeof(call.args));
    return rc ? rc : HYPERCALL_CONTINUE;
}

// args: list of entries, their number. Both move on as entries are done.
long do_multicall(struct vcpu *v, struct hypercall *call)
{
    while ((uint32_t)call->args[1] > 0) {
        long rc = run_entry(v, GVA(call->args[0]));

        if (rc)
            return rc;
        call->args[0] += sizeof(struct multicall_entry);
        call->args[1] = (uint32_t)call->args[1] - 1;
        if (call->args[1] && (v->domain->shutting_down || preempt_check()))
            return HYPERCALL_CONTINUE;
    }
    return 0;
}
