// SPDX-License-Identifier: MIT
// What is delivered at an entry and in which order, and the local APIC: priorities, EOI, IPIs to oneself, its
// timer.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hv/arch.h>

#include "hvm_fake.h"

#define CALLBACK    0xf3
#define X2APIC(reg) (MSR_X2APIC_FIRST + (reg))

// The one page that is asked for.
static uint8_t apic_page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static bool out_of_memory;

mfn_t page_alloc(unsigned order, unsigned flags)
{
    (void)order, (void)flags;
    return out_of_memory ? MFN_INVALID : MFN(1);
}

void page_free(mfn_t mfn, unsigned order)
{
    (void)mfn, (void)order;
}

void *mfn_to_virt(mfn_t mfn)
{
    (void)mfn;
    return apic_page;
}

mfn_t virt_to_mfn(const void *virt)
{
    (void)virt;
    return MFN(1);
}

static int setup(void **state)
{
    fake_setup(state);
    assert_int_equal(vlapic_create(&fake->v), 0);
    assert_true(vlapic_set_base(&fake->v, fake->av.vlapic.base_msr | APIC_BASE_X2APIC));
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_SVR), 0x1ff));
    return 0;
}

// Enters once; the vector that was injected, or -1.
static int enter(void)
{
    unsigned before = fake->injections;

    fake->window = -1;
    hvm_attend(&fake->v, fake->av.attention);
    return fake->injections == before ? -1 : fake->injected.vector;
}

static void upcall(bool pending)
{
    fake->v.info->evtchn_upcall_pending = pending;
}

static void test_upcall_by_vector(void **state)
{
    (void)state;
    upcall(true);
    assert_int_equal(enter(), -1); // no vector yet
    assert_false(arch_vcpu_interrupt_pending(&fake->v));
    assert_int_equal(arch_set_callback_irq(&fake->d, (2UL << 56) | CALLBACK), 0);
    assert_true(arch_vcpu_interrupt_pending(&fake->v));
    assert_int_equal(enter(), CALLBACK);
    assert_int_equal(fake->injected.type, EVENT_INTERRUPT);

    fake->v.info->evtchn_upcall_mask = 1;
    assert_int_equal(enter(), -1);
    fake->v.info->evtchn_upcall_mask = 0;
    fake->interruptible = false;
    assert_int_equal(enter(), -1);
    assert_int_equal(fake->window, WINDOW_ANY_TPR);
    upcall(false);
    fake->interruptible = true;
    assert_int_equal(enter(), -1);
}

static void test_callback_kinds(void **state)
{
    (void)state;
    assert_int_equal(arch_set_callback_irq(&fake->d, 9), -XEN_EINVAL);              // a GSI
    assert_int_equal(arch_set_callback_irq(&fake->d, 1UL << 56 | 3), -XEN_EINVAL);  // a PCI line
    assert_int_equal(arch_set_callback_irq(&fake->d, 2UL << 56 | 15), -XEN_EINVAL); // an exception's vector
    assert_int_equal(arch_set_callback_irq(&fake->d, 2UL << 56 | CALLBACK), 0);
    assert_int_equal(arch_set_callback_irq(&fake->d, 0), 0);
    upcall(true);
    assert_int_equal(enter(), -1);
}

static void test_order_of_delivery(void **state)
{
    (void)state;
    assert_int_equal(arch_set_callback_irq(&fake->d, (2UL << 56) | CALLBACK), 0);
    upcall(true);
    vlapic_set_irq(&fake->v, 0x40);
    hvm_attention(&fake->v, ATTENTION_NMI);
    hvm_raise_error(&fake->v, VECTOR_GP, 5);
    assert_int_equal(enter(), VECTOR_GP);
    assert_int_equal(fake->injected.error_code, 5);
    assert_int_equal(fake->window, WINDOW_ANY_TPR); // the upcall waits
    assert_int_equal(enter(), VECTOR_NMI);
    assert_int_equal(enter(), CALLBACK);
    upcall(false);
    assert_int_equal(enter(), 0x40);
    assert_int_equal(enter(), -1);
}

static void test_interrupted_delivery_comes_again(void **state)
{
    (void)state;
    fake->interruptible = false; // it had been accepted: the flag does not matter any more
    hvm_reinject(&fake->v, &(struct guest_event){.type = EVENT_INTERRUPT, .vector = 0x99});
    assert_int_equal(enter(), 0x99);
    assert_int_equal(enter(), -1);
}

static void test_nmi_waits_while_one_is_handled(void **state)
{
    (void)state;
    fake->nmi_allowed = false;
    hvm_attention(&fake->v, ATTENTION_NMI);
    assert_int_equal(enter(), -1);
    fake->nmi_allowed = true;
    assert_int_equal(enter(), VECTOR_NMI);
}

static void test_flush_is_served_once(void **state)
{
    (void)state;
    hvm_attention(&fake->v, ATTENTION_FLUSH);
    enter();
    enter();
    assert_int_equal(fake->flushes, 1);
}

static void test_priorities_and_eoi(void **state)
{
    (void)state;
    vlapic_set_irq(&fake->v, 0x51);
    vlapic_set_irq(&fake->v, 0x52);
    vlapic_set_irq(&fake->v, 0x71);
    assert_int_equal(enter(), 0x71);
    assert_int_equal(enter(), -1); // 0x5x waits for the EOI
    assert_false(arch_vcpu_interrupt_pending(&fake->v));
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_EOI), 0));
    assert_int_equal(enter(), 0x52);
    assert_int_equal(enter(), -1); // same class
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_EOI), 0));
    assert_int_equal(enter(), 0x51);
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_EOI), 0));
    assert_int_equal(enter(), -1);
}

static void test_task_priority(void **state)
{
    (void)state;
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_TPR), 0x60));
    vlapic_set_irq(&fake->v, 0x61);
    assert_false(arch_vcpu_interrupt_pending(&fake->v));
    assert_int_equal(enter(), -1);
    assert_int_equal(fake->window, 6);
    fake->sregs[SREG_TPR] = 0x50; // by CR8, without an exit
    assert_int_equal(enter(), 0x61);
}

static void test_self_ipi(void **state)
{
    uint64_t value;

    (void)state;
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_SELF_IPI), 0x42));
    assert_int_equal(enter(), 0x42);
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_EOI), 0));
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_ICR), 1UL << 18 | 0x43)); // shorthand: self
    assert_int_equal(enter(), 0x43);
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_EOI), 0));
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_ICR), 0x44)); // destination 0: us
    assert_int_equal(enter(), 0x44);
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_EOI), 0));
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_ICR), 9UL << 32 | 0x45)); // nobody
    assert_int_equal(enter(), -1);
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_ICR), 4U << 8)); // NMI to us
    assert_int_equal(enter(), VECTOR_NMI);
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_ICR), 5)); // an illegal vector
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_ESR), 0));
    assert_true(vlapic_msr_read(&fake->v, X2APIC(VLAPIC_ESR), &value));
    assert_int_equal(value, 1 << 5);
}

static void test_timer_modes(void **state)
{
    uint64_t value;

    (void)state;
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_TIMER_DIVIDE), 0xb)); // by 1: 10 ns a tick
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_LVT_TIMER), 0x30));
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_TIMER_INITIAL), 1000));
    assert_int_equal(fake->timer_deadline, 10000);
    fake->now = 4000;
    assert_true(vlapic_msr_read(&fake->v, X2APIC(VLAPIC_TIMER_CURRENT), &value));
    assert_int_equal(value, 600);
    fake_timer_fire();
    assert_int_equal(enter(), 0x30);
    assert_int_equal(fake->timer_deadline, 0);
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_EOI), 0));

    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_LVT_TIMER), 1 << 17 | 0x31)); // periodic
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_TIMER_INITIAL), 100000));
    uint64_t first = fake->timer_deadline;
    fake_timer_fire();
    assert_int_equal(fake->timer_deadline, first + 1000000);
    assert_int_equal(enter(), 0x31);
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_EOI), 0));

    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_LVT_TIMER), 2 << 17 | 0x32)); // TSC deadline
    assert_int_equal(fake->timer_deadline, 0);
    assert_true(vlapic_set_deadline(&fake->v, 20000000)); // at 2 GHz
    assert_int_equal(fake->timer_deadline, 10000000);
    fake_timer_fire();
    assert_int_equal(enter(), 0x32);
}

static void test_a_period_has_a_least_length(void **state)
{
    (void)state;
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_TIMER_DIVIDE), 0xb));
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_LVT_TIMER), 1 << 17 | 0x31));
    assert_true(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_TIMER_INITIAL), 1));
    assert_true(fake->timer_deadline >= 100000);
}

static void test_registers_that_are_not_there(void **state)
{
    uint64_t value;

    (void)state;
    assert_false(vlapic_msr_read(&fake->v, X2APIC(0x00), &value));
    assert_false(vlapic_msr_read(&fake->v, X2APIC(VLAPIC_EOI), &value));
    assert_false(vlapic_msr_read(&fake->v, X2APIC(VLAPIC_ICR + 1), &value));
    assert_false(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_ID), 0));
    assert_false(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_EOI), 1));
    assert_false(vlapic_msr_write(&fake->v, X2APIC(VLAPIC_TPR), 1UL << 32));
    assert_true(vlapic_msr_read(&fake->v, X2APIC(VLAPIC_VERSION), &value));
}

static void test_mode_changes(void **state)
{
    uint64_t base = VLAPIC_BASE | APIC_BASE_BSP;

    (void)state;
    assert_false(vlapic_mmio_enabled(&fake->v));
    assert_false(vlapic_set_base(&fake->v, base | APIC_BASE_ENABLED)); // x2APIC is left only by disabling
    assert_false(vlapic_set_base(&fake->v, base | APIC_BASE_X2APIC));
    assert_false(vlapic_set_base(&fake->v, (base + PAGE_SIZE) | APIC_BASE_ENABLED | APIC_BASE_X2APIC));
    assert_true(vlapic_set_base(&fake->v, base));
    assert_false(vlapic_set_base(&fake->v, base | APIC_BASE_ENABLED | APIC_BASE_X2APIC));
    assert_true(vlapic_set_base(&fake->v, base | APIC_BASE_ENABLED));
    assert_true(vlapic_mmio_enabled(&fake->v));
    assert_int_equal(vlapic_mmio_read(&fake->v, VLAPIC_ID * 16), 0);
    vlapic_mmio_write(&fake->v, VLAPIC_SVR * 16, 0x1ff);
    assert_int_equal(vlapic_mmio_read(&fake->v, VLAPIC_SVR * 16), 0x1ff);
    for (unsigned offset = 0; offset < PAGE_SIZE; offset++) { // nothing there does harm
        vlapic_mmio_write(&fake->v, offset, ~0U);
        (void)vlapic_mmio_read(&fake->v, offset);
    }
}

static void test_upcall_through_the_apic(void **state)
{
    (void)state;
    assert_int_equal(arch_set_upcall_vector(&fake->v, 3), -XEN_EINVAL);
    assert_int_equal(arch_set_upcall_vector(&fake->v, 0x55), 0);
    assert_int_equal(enter(), -1);
    upcall(true);
    arch_vcpu_kick(&fake->v);
    assert_int_equal(enter(), 0x55);
}

// A processor that virtualises the page has stored the value before we hear of it.
static void test_registers_stored_by_the_processor(void **state)
{
    uint64_t base = fake->av.vlapic.base_msr & ~(APIC_BASE_ENABLED | APIC_BASE_X2APIC);
    uint32_t *page = (uint32_t *)apic_page;

    (void)state;
    fake->v.id = 3;
    assert_true(vlapic_set_base(&fake->v, base));
    assert_true(vlapic_set_base(&fake->v, base | APIC_BASE_ENABLED));
    assert_int_equal(page[4 * VLAPIC_ID], 6 << 24);
    page[4 * VLAPIC_ID] = 0x12345678;
    vlapic_written(&fake->v, 16 * VLAPIC_ID);
    assert_int_equal(page[4 * VLAPIC_ID], 6 << 24);
    page[4 * VLAPIC_SVR] = 0xfffff1ff;
    vlapic_written(&fake->v, 16 * VLAPIC_SVR);
    assert_int_equal(page[4 * VLAPIC_SVR], 0x1ff);

    page[4 * VLAPIC_LVT_TIMER] = 0x30;
    vlapic_written(&fake->v, 16 * VLAPIC_LVT_TIMER);
    page[4 * VLAPIC_TIMER_INITIAL] = 1000;
    vlapic_written(&fake->v, 16 * VLAPIC_TIMER_INITIAL);
    assert_true(fake->timer_deadline != 0);
    page[4 * VLAPIC_LVT_TIMER] = 2 << 17 | 0x30; // another mode: what ran stops
    vlapic_written(&fake->v, 16 * VLAPIC_LVT_TIMER);
    assert_int_equal(fake->timer_deadline, 0);

    assert_true(vlapic_set_base(&fake->v, base | APIC_BASE_ENABLED | APIC_BASE_X2APIC));
    assert_int_equal(page[4 * VLAPIC_ID], 6);
    assert_int_equal(page[4 * VLAPIC_LDR], 1 << 6);
    vlapic_written(&fake->v, 0xfff); // no register
}

static void test_processor_that_delivers(void **state)
{
    uint32_t *page = (uint32_t *)apic_page;

    (void)state;
    fake->delivers = true;
    vlapic_set_irq(&fake->v, 0x41);
    assert_true(arch_vcpu_interrupt_pending(&fake->v));
    assert_int_equal(enter(), -1); // not by injection
    assert_int_equal(vlapic_requested_vector(&fake->v), 0x41);
    assert_int_equal(page[4 * (VLAPIC_IRR + 2)], 2);
    assert_true(arch_vcpu_interrupt_pending(&fake->v)); // handed over, not delivered
    page[4 * (VLAPIC_IRR + 2)] = 0;
    page[4 * (VLAPIC_ISR + 2)] = 2;
    assert_false(arch_vcpu_interrupt_pending(&fake->v));
    assert_int_equal(vlapic_served_vector(&fake->v), 0x41);
}

static void test_no_memory_for_the_page(void **state)
{
    (void)state;
    out_of_memory = true;
    assert_int_equal(vlapic_create(&fake->v), -XEN_ENOMEM);
    out_of_memory = false;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_upcall_by_vector),
        TEST(test_callback_kinds),
        TEST(test_order_of_delivery),
        TEST(test_interrupted_delivery_comes_again),
        TEST(test_nmi_waits_while_one_is_handled),
        TEST(test_flush_is_served_once),
        TEST(test_priorities_and_eoi),
        TEST(test_task_priority),
        TEST(test_self_ipi),
        TEST(test_timer_modes),
        TEST(test_a_period_has_a_least_length),
        TEST(test_registers_that_are_not_there),
        TEST(test_mode_changes),
        TEST(test_upcall_through_the_apic),
        TEST(test_registers_stored_by_the_processor),
        TEST(test_processor_that_delivers),
        TEST(test_no_memory_for_the_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
