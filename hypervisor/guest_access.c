// SPDX-License-Identifier: MIT
// Copies between the hypervisor and guest memory, one page at a time. Each page is looked up and pinned for
// the copy, so it may be taken away by another cpu at any time without harm; what it holds may change while
// it is read, which is why everything is copied once and checked afterwards.

#include <hv/arch.h>
#include <hv/guest_access.h>
#include <hv/page_alloc.h>
#include <hv/string.h>

enum direction { FROM_GUEST, TO_GUEST, CLEAR_GUEST };

// [gpa, gpa + n) is within one page.
static int copy_in_page(struct domain *d, gpa_t gpa, void *buf, size_t n, enum direction direction)
{
    mfn_t mfn;

    if (!p2m_get_memory(d, GFN(gpa >> PAGE_SHIFT), direction != FROM_GUEST, &mfn))
        return -XEN_EFAULT;
    char *guest = (char *)mfn_to_virt(mfn) + (gpa & ~PAGE_MASK);
    switch (direction) {
    case FROM_GUEST: memcpy(buf, guest, n); break;
    case TO_GUEST: memcpy(guest, buf, n); break;
    case CLEAR_GUEST: memset(guest, 0, n); break;
    }
    page_put(mfn);
    return 0;
}

static size_t rest_of_page(uint64_t address, size_t n)
{
    return MIN(n, PAGE_SIZE - (address & ~PAGE_MASK));
}

// buf is not used by CLEAR_GUEST.
static int copy_gva(struct vcpu *v, uint64_t va, void *buf, size_t n, enum direction direction)
{
    for (size_t done = 0, chunk; done < n; done += chunk) {
        gpa_t gpa;

        chunk = rest_of_page(va + done, n - done);
        if (!arch_gva_to_gpa(v, va + done, direction != FROM_GUEST, &gpa) ||
            copy_in_page(v->domain, gpa, buf ? (char *)buf + done : NULL, chunk, direction))
            return -XEN_EFAULT;
    }
    return 0;
}

static int copy_gpa(struct domain *d, gpa_t gpa, void *buf, size_t n, enum direction direction)
{
    for (size_t done = 0, chunk; done < n; done += chunk) {
        chunk = rest_of_page(gpa + done, n - done);
        if (copy_in_page(d, gpa + done, (char *)buf + done, chunk, direction))
            return -XEN_EFAULT;
    }
    return 0;
}

int copy_from_guest(void *dst, gva_t src, size_t n)
{
    return copy_gva(current_vcpu(), src.va, dst, n, FROM_GUEST);
}

int copy_to_guest(gva_t dst, const void *src, size_t n)
{
    return copy_gva(current_vcpu(), dst.va, (void *)src, n, TO_GUEST);
}

int clear_guest(gva_t dst, size_t n)
{
    return copy_gva(current_vcpu(), dst.va, NULL, n, CLEAR_GUEST);
}

int copy_to_guest_vcpu(struct vcpu *v, gva_t dst, const void *src, size_t n)
{
    return copy_gva(v, dst.va, (void *)src, n, TO_GUEST);
}

int copy_from_gpa(struct domain *d, void *dst, gpa_t src, size_t n)
{
    return copy_gpa(d, src, dst, n, FROM_GUEST);
}

int copy_to_gpa(struct domain *d, gpa_t dst, const void *src, size_t n)
{
    return copy_gpa(d, dst, (void *)src, n, TO_GUEST);
}
