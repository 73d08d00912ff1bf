// SPDX-License-Identifier: MIT
// Types every core file shares: typed frame numbers, guest addresses that cannot be dereferenced, and page
// geometry.
#pragma once

#include <stdint.h>

#include <stdbool.h>
#include <stddef.h>

#include <xen/errno.h>
#include <xen/xen.h>

// "Call me again": internal, never seen by a guest, so the public header gives it to the hypervisor alone.
#define XEN_ERESTART 85

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096UL
#define PAGE_MASK  (~(PAGE_SIZE - 1))

// Extent orders with a page-table leaf of their own: 4 KiB, 2 MiB, 1 GiB.
#define ORDER_4K 0U
#define ORDER_2M 9U
#define ORDER_1G 18U

// Guest frame number and machine frame number: structs, so that the compiler refuses to mix them.
typedef struct {
    uint64_t n;
} gfn_t;

typedef struct {
    uint64_t n;
} mfn_t;

#define GFN(x)      ((gfn_t){(x)})
#define MFN(x)      ((mfn_t){(x)})
#define GFN_INVALID GFN(~0UL)
#define MFN_INVALID MFN(~0UL)

static inline gfn_t gfn_add(gfn_t gfn, uint64_t pages)
{
    return GFN(gfn.n + pages);
}

static inline mfn_t mfn_add(mfn_t mfn, uint64_t pages)
{
    return MFN(mfn.n + pages);
}

static inline bool mfn_valid(mfn_t mfn)
{
    return mfn.n != ~0UL;
}

typedef uint64_t gpa_t;   // guest-physical address, bytes
typedef uint64_t maddr_t; // machine address, bytes

// A virtual address in the current vCPU's own page tables. Only guest_access.c turns it into memory.
typedef struct {
    uint64_t va;
} gva_t;

#define GVA(x) ((gva_t){(x)})

// The gva_t of a public-header guest handle: the only place besides guest_access.c that looks inside one.
#define HANDLE_GVA(handle) GVA((uint64_t)(handle).p)

static inline gva_t gva_add(gva_t gva, uint64_t bytes)
{
    return GVA(gva.va + bytes);
}

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a)                  (((x) + (a)-1) & ~((a)-1))
#define ALIGN_DOWN(x, a)                ((x) & ~((a)-1))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
