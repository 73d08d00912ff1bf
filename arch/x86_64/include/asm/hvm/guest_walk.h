// SPDX-License-Identifier: MIT
// The way of a remembered walk, which is that of nearly every access. Inline, so that each vendor's
// guest_memory() becomes one function that calls nothing.
#pragma once

#include <asm/hvm/hvm.h>

// Walks, and remembers it in w (guest_walk.c). The result is arch_guest_memory's.
void *guest_walk(struct vcpu *v, struct guest_walk *w, uint64_t va, bool write);

// Is a walk remembered for this page still what the registers and the tables say? The entries are in memory
// that was the guest's in the epoch of the walk, and is until that ends.
static inline bool guest_walk_holds(const struct vcpu *v, const struct guest_walk *w, struct guest_paging now)
{
    if (w->epoch != v->domain->p2m.epoch || w->paging.cr3 != now.cr3 || w->paging.cr0 != now.cr0 ||
        w->paging.cr4 != now.cr4 || w->paging.efer != now.efer)
        return false;
#pragma GCC unroll 4
    for (unsigned i = 0; i < GUEST_WALK_STEPS; i++)
        if (__atomic_load_n(w->steps[i].entry, __ATOMIC_RELAXED) != w->steps[i].value)
            return false;
    return true;
}

// `now` is what virt_ops->get_paging says of v.
static inline void *guest_memory(struct vcpu *v, uint64_t va, bool write, struct guest_paging now)
{
    struct guest_walk *w = &v->arch->walks[va >> PAGE_SHIFT & (GUEST_WALKS - 1)];

    if (unlikely(w->page != (va & PAGE_MASK) || !guest_walk_holds(v, w, now)))
        return guest_walk(v, w, va, write);
    char *page = w->memory[write];
    return page ? page + (va & ~PAGE_MASK) : NULL;
}
