// SPDX-License-Identifier: MIT
// Deferred work of each cpu.

#include <hv/arch.h>
#include <hv/lock.h>
#include <hv/sched.h>
#include <hv/softirq.h>

static void (*const handlers[SOFTIRQ_COUNT])(void) = {
    [SOFTIRQ_TIMER] = timer_softirq,
    [SOFTIRQ_DOMAIN_FREE] = domain_free_softirq,
    [SOFTIRQ_SCHEDULE] = sched_softirq,
};

void softirq_raise(unsigned cpu, enum softirq nr)
{
    // Sequentially consistent: what the handler shall look at is visible before the bit, and the bit before
    // the kick.
    __atomic_fetch_or(&cpus[cpu]->softirq_pending, 1U << nr, __ATOMIC_SEQ_CST);
    if (cpu != this_cpu()->id)
        arch_kick_cpu(cpu);
}

void softirq_run(void)
{
    struct cpu *cpu = this_cpu();

    while (__atomic_load_n(&cpu->softirq_pending, __ATOMIC_RELAXED)) {
        uint32_t pending = __atomic_exchange_n(&cpu->softirq_pending, 0, __ATOMIC_SEQ_CST);

        for (; pending; pending &= pending - 1)
            handlers[__builtin_ctz(pending)]();
    }
}

bool preempt_check(void)
{
    lock_check_none_held();
    arch_irq_window();
    return __atomic_load_n(&this_cpu()->softirq_pending, __ATOMIC_RELAXED) != 0;
}
