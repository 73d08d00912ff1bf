// SPDX-License-Identifier: MIT
// Timers: one heap of deadlines per cpu. The hardware is armed for the earliest of them and moved only when a
// nearer one comes; stopping a timer leaves the hardware alone, which costs at most one interrupt for
// nothing.

#include <hv/arch.h>
#include <hv/softirq.h>
#include <hv/timer.h>

void timer_init_cpu(struct cpu *cpu)
{
    spin_lock_init(&cpu->timer_lock, LOCK_TIMER);
    cpu->timer_programmed = TIME_NEVER;
}

void timer_init(struct timer *timer, void (*fn)(void *), void *arg)
{
    *timer = (struct timer){.fn = fn, .arg = arg};
}

// Under the timer lock of the cpu we run on.
static void program(struct cpu *cpu, uint64_t deadline)
{
    if (deadline == cpu->timer_programmed)
        return;
    cpu->timer_programmed = deadline;
    arch_timer_program(deadline);
}

void timer_set(struct timer *timer, uint64_t deadline)
{
    struct cpu *cpu = this_cpu();

    if (timer->node.queued && timer->cpu != cpu->id)
        timer_stop(timer);
    spin_lock(&cpu->timer_lock);
    if (timer->node.queued)
        heap_remove(&cpu->timers, &timer->node);
    timer->cpu = cpu->id;
    heap_insert(&cpu->timers, &timer->node, deadline);
    if (deadline < cpu->timer_programmed)
        program(cpu, deadline);
    spin_unlock(&cpu->timer_lock);
}

void timer_stop(struct timer *timer)
{
    struct cpu *cpu = cpus[timer->cpu];

    if (!timer->node.queued)
        return;
    spin_lock(&cpu->timer_lock);
    // It may have fired on its own cpu since we looked.
    if (timer->node.queued)
        heap_remove(&cpu->timers, &timer->node);
    spin_unlock(&cpu->timer_lock);
}

void timer_interrupt(void)
{
    struct cpu *cpu = this_cpu();

    cpu->timer_programmed = TIME_NEVER;
    softirq_raise(cpu->id, SOFTIRQ_TIMER);
}

void timer_softirq(void)
{
    struct cpu *cpu = this_cpu();

    spin_lock(&cpu->timer_lock);
    while (cpu->timers.min && cpu->timers.min->key <= arch_now()) {
        struct timer *timer = container_of(cpu->timers.min, struct timer, node);

        heap_remove(&cpu->timers, &timer->node);
        spin_unlock(&cpu->timer_lock);
        timer->fn(timer->arg);
        spin_lock(&cpu->timer_lock);
    }
    program(cpu, cpu->timers.min ? cpu->timers.min->key : TIME_NEVER);
    spin_unlock(&cpu->timer_lock);
}
