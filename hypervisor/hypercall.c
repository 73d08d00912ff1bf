// SPDX-License-Identifier: MIT
// From a hypercall's number to its handler. hypercall.def is the table.

#include <hv/hypercall.h>
#include <hv/types.h>

// A table for each column: the way of every hypercall needs but one of them.
static long (*const handlers[])(struct vcpu *v, struct hypercall *call) = {
#define HYPERCALL(number, name, nargs, attributes) [number] = do_##name,
#include "hypercall.def"
#undef HYPERCALL
};

static const char *const names[] = {
#define HYPERCALL(number, name, nargs, attributes) [number] = #name,
#include "hypercall.def"
#undef HYPERCALL
};

static const uint8_t attributes_of[] = {
#define HYPERCALL(number, name, nargs, attributes) [number] = (attributes),
#include "hypercall.def"
#undef HYPERCALL
};

#define HYPERCALL(number, name, nargs, attributes) \
    _Static_assert((nargs) <= HYPERCALL_ARGS, "arguments of " #name);
#include "hypercall.def"
#undef HYPERCALL

static bool known(uint64_t nr)
{
    return nr < ARRAY_SIZE(handlers) && handlers[nr];
}

long hypercall_dispatch(struct vcpu *v, struct hypercall *call)
{
    if (!known(call->nr))
        return -XEN_ENOSYS;
    if (call->is_32bit && !(attributes_of[call->nr] & HYPERCALL_ANY_WIDTH))
        return -XEN_ENOSYS;
    return handlers[call->nr](v, call);
}

const char *hypercall_name(uint64_t nr)
{
    return known(nr) ? names[nr] : "?";
}
