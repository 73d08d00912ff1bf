// SPDX-License-Identifier: MIT
// The lock checker of DEBUG=1 builds: remembers what each cpu holds and panics when lock_order.h is violated,
// so a possible deadlock shows on the first run that takes the path, not on the one in a million that hangs.

#include <hv/cpu.h>
#include <hv/lock.h>
#include <hv/printk.h>

#define MAX_HELD 16

static struct {
    const struct spinlock *locks[MAX_HELD];
    unsigned count;
} held[MAX_PCPUS]; // each cpu's own

static const char *rank_name(unsigned rank)
{
    static const char *const names[] = {
        [LOCK_NONE] = "none",
        [LOCK_DOMCTL] = "domctl",
        [LOCK_DOMAIN_LIST] = "domain list",
        [LOCK_DOMAIN] = "domain",
        [LOCK_P2M] = "p2m",
        [LOCK_GNTTAB] = "grant table",
        [LOCK_MAPTRACK] = "maptrack",
        [LOCK_EVTCHN] = "event channels",
        [LOCK_IRQ] = "irq",
        [LOCK_SCHED] = "scheduler",
        [LOCK_TIMER] = "timer",
        [LOCK_PAGE_ALLOC] = "page allocator",
        [LOCK_SLAB] = "slab",
        [LOCK_CONSOLE] = "console",
    };

    return rank < ARRAY_SIZE(names) && names[rank] ? names[rank] : "unknown";
}

void lock_check_acquire(const struct spinlock *lock, const struct spinlock *held_pair)
{
    unsigned cpu = this_cpu()->id;

    for (unsigned i = 0; i < held[cpu].count; i++) {
        const struct spinlock *other = held[cpu].locks[i];

        if (other == lock)
            panic("lock order: %s lock %p taken twice", rank_name(lock->rank), lock);
        if (other->rank > lock->rank || (other->rank == lock->rank && other != held_pair))
            panic("lock order: %s lock %p taken while %s lock %p is held", rank_name(lock->rank), lock,
                  rank_name(other->rank), other);
    }
    if (held[cpu].count == MAX_HELD)
        panic("lock order: more than %u locks held", MAX_HELD);
    held[cpu].locks[held[cpu].count++] = lock;
}

void lock_check_release(const struct spinlock *lock)
{
    unsigned cpu = this_cpu()->id, i = held[cpu].count;

    while (i-- > 0) {
        if (held[cpu].locks[i] != lock)
            continue;
        held[cpu].locks[i] = held[cpu].locks[--held[cpu].count];
        return;
    }
    panic("lock order: %s lock %p released by a cpu that does not hold it", rank_name(lock->rank), lock);
}

void lock_check_none_held(void)
{
    unsigned cpu = this_cpu()->id;

    if (held[cpu].count)
        panic("lock order: %s lock %p held where interrupts are let in", rank_name(held[cpu].locks[0]->rank),
              held[cpu].locks[0]);
}
