// SPDX-License-Identifier: MIT
#include "hvm_fake.h"

#include <stdlib.h>
#include <string.h>

#include <hv/arch.h>
#include <hv/cpu.h>
#include <hv/page_alloc.h>
#include <hv/sched.h>
#include <hv/timer.h>

struct fake *fake;
struct host_cpu host_cpu;
struct arch_clock arch_clock = {.mul = 1U << 31, .tsc_khz = 2000000}; // 2 GHz
static struct cpu cpu;
static struct timer *armed;

// --- the vendor ---

static void fake_inject(struct vcpu *v, const struct guest_event *event)
{
    (void)v;
    fake->injected = *event;
    fake->injections++;
}

static bool fake_can_interrupt(const struct vcpu *v)
{
    (void)v;
    return fake->interruptible;
}

static bool fake_can_nmi(struct vcpu *v)
{
    (void)v;
    return fake->nmi_allowed;
}

static void fake_request_window(struct vcpu *v, unsigned priority)
{
    (void)v;
    fake->window = priority;
}

static uint64_t fake_get_sreg(const struct vcpu *v, enum guest_sreg reg)
{
    (void)v;
    return fake->sregs[reg];
}

static void fake_set_sreg(struct vcpu *v, enum guest_sreg reg, uint64_t value)
{
    (void)v;
    fake->sregs[reg] = value;
}

static struct guest_paging fake_get_paging(const struct vcpu *v)
{
    (void)v;
    return (struct guest_paging){fake->sregs[SREG_CR0], fake->sregs[SREG_CR3], fake->sregs[SREG_CR4],
                                 fake->sregs[SREG_EFER]};
}

static void fake_get_segment(const struct vcpu *v, enum guest_segment seg, struct guest_segment_state *state)
{
    (void)v;
    *state = fake->segments[seg];
}

static void fake_set_segment(struct vcpu *v, enum guest_segment seg, const struct guest_segment_state *state)
{
    (void)v;
    fake->segments[seg] = *state;
}

static bool fake_get_msr(const struct vcpu *v, uint32_t msr, uint64_t *value)
{
    (void)v;
    *value = 0x1234;
    return msr == MSR_LSTAR;
}

static bool fake_set_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
    (void)v, (void)value;
    return msr == MSR_LSTAR || msr == MSR_PAT;
}

static void fake_flush_tlb(struct vcpu *v)
{
    (void)v;
    fake->flushes++;
}

static bool fake_update_apic(struct vcpu *v)
{
    (void)v;
    return fake->delivers;
}

static const struct virt_ops fake_ops = {
    .name = "fake",
    .hypercall_opcode = {0x0f, 0x01, 0xd9},
    .inject = fake_inject,
    .can_interrupt = fake_can_interrupt,
    .can_nmi = fake_can_nmi,
    .request_window = fake_request_window,
    .get_sreg = fake_get_sreg,
    .set_sreg = fake_set_sreg,
    .get_paging = fake_get_paging,
    .get_segment = fake_get_segment,
    .set_segment = fake_set_segment,
    .get_msr = fake_get_msr,
    .set_msr = fake_set_msr,
    .update_apic = fake_update_apic,
    .flush_tlb = fake_flush_tlb,
};

const struct virt_ops *virt_ops = &fake_ops;

// --- the core ---

struct cpu *this_cpu(void)
{
    return &cpu;
}

struct vcpu *domain_vcpu(const struct domain *d, uint32_t id)
{
    return id < d->max_vcpus ? d->vcpus[id] : NULL;
}

void vcpu_wake(struct vcpu *v)
{
    (void)v;
    fake->wakes++;
}

void arch_kick_cpu(unsigned id)
{
    (void)id;
}

uint64_t arch_now(void)
{
    return fake->now;
}

unsigned arch_gpa_bits(void)
{
    return 40;
}

void timer_init(struct timer *timer, void (*fn)(void *), void *arg)
{
    *timer = (struct timer){.fn = fn, .arg = arg};
}

void timer_set(struct timer *timer, uint64_t deadline)
{
    armed = timer;
    timer->node.queued = true;
    fake->timer_deadline = deadline;
}

void timer_stop(struct timer *timer)
{
    timer->node.queued = false;
    fake->timer_deadline = 0;
}

void fake_timer_fire(void)
{
    fake->now = fake->timer_deadline;
    timer_stop(armed);
    armed->fn(armed->arg);
}

void *p2m_memory(struct domain *d, gpa_t gpa, bool write)
{
    uint64_t page = gpa >> PAGE_SHIFT;

    (void)d;
    if (page >= FAKE_PAGES || (write ? fake->types[page] != P2M_RAM : fake->types[page] == P2M_HOLE))
        return NULL;
    return fake->memory + gpa;
}

// --- set-up ---

int fake_setup(void **state)
{
    (void)state;
    fake = calloc(1, sizeof(*fake));
    fake->vcpus[0] = &fake->v;
    fake->d = (struct domain){.id = 7, .max_vcpus = 1, .vcpus = fake->vcpus, .arch = &fake->ad};
    fake->v = (struct vcpu){.domain = &fake->d, .arch = &fake->av, .info = &fake->shared.vcpu_info[0]};
    fake->sregs[SREG_CR0] = CR0_PE | CR0_ET;
    fake->segments[SEG_CS] = (struct guest_segment_state){.limit = ~0U, .attr = 0xc09b};
    fake->interruptible = fake->nmi_allowed = true;
    fake->window = -1;
    for (unsigned i = 0; i < FAKE_PAGES; i++)
        fake->types[i] = P2M_RAM;
    cpu.current = &fake->v;
    return 0;
}

int fake_teardown(void **state)
{
    (void)state;
    free(fake);
    return 0;
}
