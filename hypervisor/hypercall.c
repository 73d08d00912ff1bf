// SPDX-License-Identifier: MIT
// From a hypercall's number to its handler. hypercall.def is the table.

#include <hv/hypercall.h>
#include <hv/types.h>

static const struct {
    long (*handler)(struct vcpu *v, struct hypercall *call);
    const char *name;
    uint32_t attributes;
} hypercalls[] = {
#define HYPERCALL(number, name, nargs, attributes) [number] = {do_##name, #name, attributes},
#include "hypercall.def"
#undef HYPERCALL
};

#define HYPERCALL(number, name, nargs, attributes) \
    _Static_assert((nargs) <= HYPERCALL_ARGS, "arguments of " #name);
#include "hypercall.def"
#undef HYPERCALL

static bool known(uint64_t nr)
{
    return nr < ARRAY_SIZE(hypercalls) && hypercalls[nr].handler;
}

long hypercall_dispatch(struct vcpu *v, struct hypercall *call)
{
    if (!known(call->nr))
        return -XEN_ENOSYS;
    if (call->is_32bit && !(hypercalls[call->nr].attributes & HYPERCALL_ANY_WIDTH))
        return -XEN_ENOSYS;
    return hypercalls[call->nr].handler(v, call);
}

const char *hypercall_name(uint64_t nr)
{
    return known(nr) ? hypercalls[nr].name : "?";
}
