// SPDX-License-Identifier: MIT
// Hypercall dispatch. hypercall.def is the one table: number, name, argument count, attributes.
#pragma once

#include <hv/types.h>

struct vcpu;

// Returned by a handler that has more to do: the guest's instruction pointer stays on the hypercall
// instruction, the arguments have been updated in place (struct hypercall.args), and the vcpu comes back
// after other work was served.
#define HYPERCALL_CONTINUE ((long)-0x10000)

#define HYPERCALL_ARGS 3 // the most that any hypercall of hypercall.def takes; the ABI has registers for six

struct hypercall {
    uint64_t nr;
    // What a handler writes here goes back into the guest's registers on CONTINUE.
    uint64_t args[HYPERCALL_ARGS];
    // 32-bit caller: pointers are zero-extended, only width-neutral structures are accepted.
    bool is_32bit;
};

// Looks the number up, checks width, calls the handler. Returns the value for the guest (a negative XEN_E* or
// a result) or HYPERCALL_CONTINUE. Unknown numbers: -XEN_ENOSYS.
long hypercall_dispatch(struct vcpu *v, struct hypercall *call);

const char *hypercall_name(uint64_t nr); // "?" when unknown

#define HYPERCALL_ANY_WIDTH 1U // all its structures have one layout for 32- and 64-bit callers

#define HYPERCALL(number, name, nargs, attributes) long do_##name(struct vcpu *v, struct hypercall *call);
#include "../../hypercall.def"
#undef HYPERCALL
