// SPDX-License-Identifier: MIT
// Address space identifiers. When a cpu has given out all, the next generation begins: every vcpu then takes
// a new one, and flushes it at its first use because it is a used one.

#include <hv/cpu.h>

#include <asm/hvm/asid.h>

static struct asid_pool {
    uint32_t next, max;
    uint64_t generation;
    uint64_t flushes[TLB_FLUSH_KINDS];
} pools[MAX_PCPUS];

void asid_init_cpu(uint32_t max)
{
    pools[this_cpu()->id] = (struct asid_pool){.next = 1, .max = max, .generation = 1};
}

enum asid_state asid_renew(struct asid *asid)
{
    unsigned cpu = this_cpu()->id;
    struct asid_pool *pool = &pools[cpu];

    if (pool->next > pool->max) {
        pool->next = 1;
        pool->generation++;
    }
    *asid = (struct asid){.id = pool->next++, .cpu = cpu, .generation = pool->generation};
    return pool->generation == 1 ? ASID_FRESH : ASID_RECYCLED;
}

enum asid_state asid_take(struct asid *asid)
{
    unsigned cpu = this_cpu()->id;

    if (asid->id && asid->cpu == cpu && asid->generation == pools[cpu].generation)
        return ASID_KEPT;
    return asid_renew(asid);
}

void tlb_flushes_count(enum tlb_flush kind)
{
    pools[this_cpu()->id].flushes[kind]++;
}

uint64_t tlb_flushes(enum tlb_flush kind)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < nr_cpus; i++)
        sum += pools[i].flushes[kind];
    return sum;
}
