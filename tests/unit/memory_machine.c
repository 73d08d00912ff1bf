// SPDX-License-Identifier: MIT
// The surroundings that page_alloc.c, slab.c and p2m.c need, without the rest of the core.

#include "memory_machine.h"

#include <hv/arch.h>
#include <hv/cpu.h>
#include <hv/printk.h>

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct boot_info boot_info;
char machine_panic_message[256];

static char *memory;
static struct cpu cpu;
static struct domain domains[MACHINE_DOMAINS + 1];
static jmp_buf *panic_exit;

static void *anonymous(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (at == MAP_FAILED)
        abort();
    return at;
}

void *arch_frame_table(size_t record_size)
{
    return anonymous((MACHINE_END >> PAGE_SHIFT) * record_size);
}

void machine_start(const struct mem_region *regions, unsigned count)
{
    memory = anonymous(MACHINE_END);
    boot_info.nr_regions = count;
    memcpy(boot_info.regions, regions, count * sizeof(*regions));
    boot_mem_init(&boot_info);
    page_alloc_init();
    for (domid_t id = 1; id <= MACHINE_DOMAINS; id++)
        domains[id] = (struct domain){.id = id, .refs = 1, .max_pages = MACHINE_END >> PAGE_SHIFT};
}

struct domain *machine_domain(domid_t id)
{
    return &domains[id];
}

struct domain *domain_lookup_dying_too(domid_t domid)
{
    if (domid == 0 || domid > MACHINE_DOMAINS || domains[domid].refs == 0)
        return NULL;
    domains[domid].refs++;
    return &domains[domid];
}

void domain_get(struct domain *d)
{
    d->refs++;
}

void domain_put(struct domain *d)
{
    d->refs--;
}

void *mfn_to_virt(mfn_t mfn)
{
    if (mfn.n >= MACHINE_END >> PAGE_SHIFT)
        abort();
    return memory + (mfn.n << PAGE_SHIFT);
}

mfn_t virt_to_mfn(const void *virt)
{
    return MFN((uint64_t)((const char *)virt - memory) >> PAGE_SHIFT);
}

struct cpu *this_cpu(void)
{
    return &cpu;
}

void arch_cpu_relax(void)
{
    abort(); // a lock that nobody else can release
}

void panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(machine_panic_message, sizeof(machine_panic_message), fmt, args);
    va_end(args);
    if (!panic_exit) {
        fprintf(stderr, "unexpected panic: %s\n", machine_panic_message);
        abort();
    }
    longjmp(*panic_exit, 1);
}

bool machine_panics(void (*fn)(void *arg), void *arg)
{
    jmp_buf here;

    panic_exit = &here;
    bool panicked = setjmp(here) != 0;
    if (!panicked)
        fn(arg);
    panic_exit = NULL;
    return panicked;
}
