// SPDX-License-Identifier: MIT
// Copies between the hypervisor and guest memory, one page at a time. The p2m lock is held for each, so that
// the page can't be taken away meanwhile; what it holds may change while it is read, which is why everything
// is copied once and checked afterwards.

#include <hv/arch.h>
#include <hv/guest_access.h>
#include <hv/page_alloc.h>
#include <hv/string.h>

enum direction { FROM_GUEST, TO_GUEST };

// n bytes at `guest`, within one page; NULL when the guest has no such memory.
static inline int copy_in_page(char *guest, char *buf, size_t n, enum direction direction)
{
    if (unlikely(!guest))
        return -XEN_EFAULT;
    if (direction == FROM_GUEST)
        memcpy(buf, guest, n);
    else
        memcpy(guest, buf, n);
    return 0;
}

static inline size_t rest_of_page(uint64_t address)
{
    return PAGE_SIZE - (address & ~PAGE_MASK);
}

// [va, va + n) is within one page.
static inline int copy_gva_in_page(struct vcpu *v, uint64_t va, char *buf, size_t n, enum direction direction)
{
    struct spinlock *lock = &v->domain->p2m.lock;

    spin_lock(lock);
    int rc = copy_in_page(arch_guest_memory(v, va, direction != FROM_GUEST), buf, n, direction);
    spin_unlock(lock);
    return rc;
}

static int copy_gva_by_pages(struct vcpu *v, uint64_t va, char *buf, size_t n, enum direction direction)
{
    for (size_t done = 0, chunk; done < n; done += chunk) {
        chunk = MIN(n - done, rest_of_page(va + done));
        if (copy_gva_in_page(v, va + done, buf + done, chunk, direction))
            return -XEN_EFAULT;
    }
    return 0;
}

// Nearly every hypercall copies a small structure that lies in one page; inlined, that is short.
static inline int copy_gva(struct vcpu *v, uint64_t va, char *buf, size_t n, enum direction direction)
{
    if (likely(n - 1 < rest_of_page(va))) // not for n = 0
        return copy_gva_in_page(v, va, buf, n, direction);
    return copy_gva_by_pages(v, va, buf, n, direction);
}

int copy_from_guest(void *dst, gva_t src, size_t n)
{
    return copy_gva(current_vcpu(), src.va, dst, n, FROM_GUEST);
}

int copy_to_guest(gva_t dst, const void *src, size_t n)
{
    return copy_gva(current_vcpu(), dst.va, (void *)src, n, TO_GUEST);
}

int guest_arg_read(struct guest_arg *arg, void *dst, gva_t at, size_t n)
{
    struct vcpu *v = current_vcpu();
    struct p2m *p2m = &v->domain->p2m;

    arg->p2m = p2m;
    arg->at = at;
    arg->room = 0;
    if (unlikely(n - 1 >= rest_of_page(at.va)))
        return copy_gva_by_pages(v, at.va, dst, n, FROM_GUEST);
    spin_lock(&p2m->lock);
    char *memory = arch_guest_memory(v, at.va, true);
    if (likely(memory)) {
        arg->memory = memory;
        arg->room = rest_of_page(at.va);
        arg->epoch = p2m->epoch;
    } else {
        memory = arch_guest_memory(v, at.va, false);
    }
    int rc = copy_in_page(memory, dst, n, FROM_GUEST);
    spin_unlock(&p2m->lock);
    return rc;
}

int guest_arg_write(const struct guest_arg *arg, size_t offset, const void *src, size_t n)
{
    struct p2m *p2m = arg->p2m;

    if (likely(offset + n <= arg->room)) {
        spin_lock(&p2m->lock);
        bool good = arg->epoch == p2m->epoch;
        if (likely(good))
            memcpy(arg->memory + offset, src, n);
        spin_unlock(&p2m->lock);
        if (likely(good))
            return 0;
    }
    return copy_to_guest(gva_add(arg->at, offset), src, n);
}

int copy_to_guest_vcpu(struct vcpu *v, gva_t dst, const void *src, size_t n)
{
    return copy_gva(v, dst.va, (void *)src, n, TO_GUEST);
}
