// SPDX-License-Identifier: MIT
// The scheduler. Virtual time is the time a vcpu has run; the runnable vcpu with the least of it runs next,
// so vcpus that want the cpu all the time share it evenly. One that sleeps keeps its virtual time, but is not
// let fall behind the others by more than SLEEPER_CREDIT: enough to preempt whoever runs when it wakes, not
// enough to make up for hours.
//
// cpu->current and the run queue belong to the cpu; others change vcpus' states under its lock and raise
// SOFTIRQ_SCHEDULE there.

#include <hv/arch.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/softirq.h>

#define SLICE          5000000UL // ns between two looks at who should run, while several could
#define GRANULARITY    500000UL  // ns of virtual time one has to be behind to preempt the other
#define SLEEPER_CREDIT 2000000UL // ns of virtual time a waking vcpu may be behind at most

struct cpu *cpus[MAX_PCPUS];
unsigned nr_cpus;

static void slice_over(void *arg)
{
    struct cpu *cpu = arg;

    softirq_raise(cpu->id, SOFTIRQ_SCHEDULE);
}

void cpu_online(struct cpu *cpu)
{
    ASSERT(cpu->id < MAX_PCPUS);
    cpus[cpu->id] = cpu;
    nr_cpus = MAX(nr_cpus, cpu->id + 1);
    timer_init_cpu(cpu);
    spin_lock_init(&cpu->sched_lock, LOCK_SCHED);
    timer_init(&cpu->slice_timer, slice_over, cpu);
    cpu->min_vruntime = SLEEPER_CREDIT; // so that subtracting the credit never goes below zero
    cpu->idle_since = arch_now();
}

void sched_init_vcpu(struct vcpu *v)
{
    unsigned cpu = (v->domain->id + v->id) % nr_cpus;

    v->sched = (struct sched_entity){.cpu = cpu, .vruntime = cpus[cpu]->min_vruntime};
    v->runstate = (struct vcpu_runstate_info){.state = RUNSTATE_offline, .state_entry_time = arch_now()};
}

static struct cpu *cpu_of(const struct vcpu *v)
{
    return cpus[v->sched.cpu];
}

static struct vcpu *first_queued(const struct cpu *cpu)
{
    return cpu->runqueue.min ? container_of(cpu->runqueue.min, struct vcpu, sched.node) : NULL;
}

// Brings virtual times up to `now`. Under the cpu's lock.
static void account(struct cpu *cpu, uint64_t now)
{
    struct vcpu *v = cpu->current, *first = first_queued(cpu);
    uint64_t least = first ? first->sched.vruntime : ~0UL;

    if (v) {
        v->sched.vruntime += now - v->sched.ran_since;
        v->sched.ran_since = now;
        least = MIN(least, v->sched.vruntime);
    }
    if (least != ~0UL)
        cpu->min_vruntime = MAX(cpu->min_vruntime, least);
}

static int state_off_cpu(const struct vcpu *v)
{
    if (vcpu_runnable(v))
        return RUNSTATE_runnable;
    return __atomic_load_n(&v->flags, __ATOMIC_RELAXED) == VCPU_BLOCKED ? RUNSTATE_blocked : RUNSTATE_offline;
}

// v has become runnable on a cpu that runs something else, or nothing. Under the cpu's lock.
static void enqueue(struct cpu *cpu, struct vcpu *v, uint64_t now)
{
    account(cpu, now);
    v->sched.vruntime = MAX(v->sched.vruntime, cpu->min_vruntime - SLEEPER_CREDIT);
    heap_insert(&cpu->runqueue, &v->sched.node, v->sched.vruntime);
    // Without a slice timer the cpu has to look once in any case, to arm it.
    if (!cpu->current || !timer_armed(&cpu->slice_timer) ||
        v->sched.vruntime + GRANULARITY < cpu->current->sched.vruntime)
        softirq_raise(cpu->id, SOFTIRQ_SCHEDULE);
}

// Whatever makes v runnable or not has changed: puts it where it belongs. Under the cpu's lock.
static void reevaluate(struct cpu *cpu, struct vcpu *v)
{
    uint64_t now = arch_now();
    bool runnable = vcpu_runnable(v), queued = v->sched.node.queued;

    if (v == cpu->current) {
        if (!runnable)
            softirq_raise(cpu->id, SOFTIRQ_SCHEDULE);
        return;
    }
    if (runnable && !queued)
        enqueue(cpu, v, now);
    else if (!runnable && queued)
        heap_remove(&cpu->runqueue, &v->sched.node);
    vcpu_set_runstate(v, state_off_cpu(v), now);
}

void vcpu_pause_changed(struct vcpu *v)
{
    struct cpu *cpu = cpu_of(v);

    spin_lock(&cpu->sched_lock);
    reevaluate(cpu, v);
    spin_unlock(&cpu->sched_lock);
    // Acquire: its saved registers are complete when it is seen unloaded.
    while (v != current_vcpu() && !vcpu_runnable(v) && __atomic_load_n(&v->loaded, __ATOMIC_ACQUIRE))
        arch_cpu_relax();
}

void sched_destroy_vcpu(struct vcpu *v)
{
    ASSERT(v != current_vcpu() && !vcpu_runnable(v));
    vcpu_pause_changed(v);
}

void vcpu_wake(struct vcpu *v)
{
    struct cpu *cpu = cpu_of(v);
    uint64_t poller = 1UL << v->id;

    // The caller has made pending, with a locked instruction, what v shall wake up for. Either we see
    // VCPU_BLOCKED here, or v, which sets the flag first, sees what is pending and does not go to sleep: see
    // vcpu_block().
    if (!(__atomic_load_n(&v->flags, __ATOMIC_SEQ_CST) & VCPU_BLOCKED))
        return;
    if (__atomic_load_n(&v->domain->evtchn.pollers, __ATOMIC_RELAXED) & poller)
        __atomic_fetch_and(&v->domain->evtchn.pollers, ~poller, __ATOMIC_SEQ_CST);
    spin_lock(&cpu->sched_lock);
    __atomic_fetch_and(&v->flags, ~VCPU_BLOCKED, __ATOMIC_SEQ_CST);
    reevaluate(cpu, v);
    spin_unlock(&cpu->sched_lock);
}

void vcpu_block(struct vcpu *v)
{
    __atomic_fetch_or(&v->flags, VCPU_BLOCKED, __ATOMIC_SEQ_CST);
    // What came between the caller's check and the flag did not wake us, so look again.
    if (arch_vcpu_interrupt_pending(v))
        vcpu_wake(v);
    else
        softirq_raise(v->sched.cpu, SOFTIRQ_SCHEDULE);
}

void vcpu_yield(struct vcpu *v)
{
    struct cpu *cpu = cpu_of(v);

    if (!cpu->runqueue.min)
        return;
    cpu->yielded = true;
    softirq_raise(cpu->id, SOFTIRQ_SCHEDULE);
}

// Who runs next. The current vcpu stays unless somebody else is clearly behind it, or it gave way.
static struct vcpu *pick(struct cpu *cpu)
{
    struct vcpu *prev = cpu->current, *first = first_queued(cpu);

    if (!prev || !vcpu_runnable(prev))
        return first;
    if (!first || (!cpu->yielded && first->sched.vruntime + GRANULARITY >= prev->sched.vruntime))
        return prev;
    return first;
}

// Makes `next` current in the books. Under the cpu's lock.
static void replace_current(struct cpu *cpu, struct vcpu *next, uint64_t now)
{
    struct vcpu *prev = cpu->current;

    if (prev) {
        vcpu_set_runstate(prev, state_off_cpu(prev), now);
        if (vcpu_runnable(prev))
            heap_insert(&cpu->runqueue, &prev->sched.node, prev->sched.vruntime);
    }
    if (!next)
        cpu->idle_since = now;
    if (next) {
        heap_remove(&cpu->runqueue, &next->sched.node);
        vcpu_set_runstate(next, RUNSTATE_running, now);
        next->sched.ran_since = now;
        next->loaded = true;
        if (!prev)
            cpu->idle_ns += now - cpu->idle_since;
    }
    cpu->current = next;
}

static void arm_slice(struct cpu *cpu, bool fresh, uint64_t now)
{
    if (!cpu->runqueue.min)
        timer_stop(&cpu->slice_timer);
    else if (fresh || !timer_armed(&cpu->slice_timer))
        timer_set(&cpu->slice_timer, now + SLICE);
}

void sched_softirq(void)
{
    struct cpu *cpu = this_cpu();
    struct vcpu *prev = cpu->current;
    uint64_t now = arch_now();

    spin_lock(&cpu->sched_lock);
    account(cpu, now);
    struct vcpu *next = pick(cpu);
    cpu->yielded = false;
    if (next != prev)
        replace_current(cpu, next, now);
    arm_slice(cpu, next != prev, now);
    spin_unlock(&cpu->sched_lock);

    if (next == prev)
        return;
    arch_vcpu_switch(prev, next);
    if (prev)
        __atomic_store_n(&prev->loaded, false, __ATOMIC_RELEASE);
    if (next)
        vcpu_update_runstate_area(next);
}

uint64_t vcpu_run_time(const struct vcpu *v)
{
    uint64_t ran = v->runstate.time[RUNSTATE_running];

    if (v->runstate.state == RUNSTATE_running)
        ran += arch_now() - v->runstate.state_entry_time;
    return ran;
}
