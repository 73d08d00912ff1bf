// SPDX-License-Identifier: MIT
// The only way from the hypervisor into guest memory named by a guest. Everything is copied; nothing is used
// in place.
#pragma once

#include <hv/types.h>

struct domain;
struct p2m;
struct vcpu;

// Current vcpu's virtual addresses, any alignment, page crossings included. 0 or -XEN_EFAULT (nothing is
// promised about the bytes already copied). A write to a page the guest could not write itself fails.
int copy_from_guest(void *dst, gva_t src, size_t n);
int copy_to_guest(gva_t dst, const void *src, size_t n);

// The argument of a hypercall that reads it and writes back to it: found once, as a processor that completes
// an instruction looks once. Not kept beyond the hypercall.
struct guest_arg {
    struct p2m *p2m;
    gva_t at;
    size_t room;    // of the page from `at` on; 0: it has to be looked for again
    char *memory;   // there
    uint64_t epoch; // as long as this goes on
};

// The structure's first n bytes to dst, and later n bytes back at an offset into it.
int guest_arg_read(struct guest_arg *arg, void *dst, gva_t at, size_t n);
int guest_arg_write(const struct guest_arg *arg, size_t offset, const void *src, size_t n);

// The same for another vcpu's address space than the one running (v must not be in guest mode).
int copy_to_guest_vcpu(struct vcpu *v, gva_t dst, const void *src, size_t n);

// Element `index` of an array. A product that wraps is just another address of the guest's own, checked at
// the copy.
static inline gva_t guest_elem(gva_t base, uint64_t index, size_t elem_size)
{
    return gva_add(base, index * elem_size);
}
