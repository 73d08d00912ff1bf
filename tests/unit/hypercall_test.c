// SPDX-License-Identifier: MIT
// Hypercalls as a guest makes them: dispatch and widths, bad pointers, privilege, and the operations of the
// stock ABI.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"

#include <hv/console.h>
#include <hv/guest_access.h>
#include <hv/sched.h>
#include <hv/softirq.h>

#include <xen/hvm/hvm_op.h>
#include <xen/physdev.h>
#include <xen/version.h>

static struct domain *control, *guest; // all privileges; none
static struct vcpu *v;                 // the guest's

#define ARG  0x100UL // where a test puts arguments in guest memory
#define AREA 0x1000UL
#define WILD 0xdeadbeef000UL

#define PAGES 4

static void *arg_of(struct vcpu *caller, size_t size)
{
    return memset(harness_memory(caller->domain, ARG), 0, size);
}

static long call(struct vcpu *caller, uint64_t nr, uint64_t cmd)
{
    return harness_hypercall(caller, nr, cmd, ARG, 0);
}

static long vcpu_op(uint64_t cmd, uint64_t id)
{
    return harness_hypercall(v, __HYPERVISOR_vcpu_op, cmd, id, ARG);
}

// --- dispatch ---

static void test_unknown_numbers(void **state)
{
    static const uint64_t unknown[] = {0, 1, 6, 16, 38, 55, 56, 1000, UINT32_MAX, UINT64_MAX};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(unknown); i++) {
        assert_int_equal(harness_hypercall(v, unknown[i], 0, 0, 0), -XEN_ENOSYS);
        assert_string_equal(hypercall_name(unknown[i]), "?");
    }
    assert_string_equal(hypercall_name(__HYPERVISOR_sched_op), "sched_op");
}

static long call_32bit(uint64_t nr, uint64_t a0, uint64_t a1)
{
    struct hypercall call = {.nr = nr, .args = {a0, a1}, .is_32bit = true};

    harness_enter(v);
    return hypercall_dispatch(v, &call);
}

static void test_32bit_callers(void **state)
{
    static const uint64_t wide[] = {
        __HYPERVISOR_memory_op,  __HYPERVISOR_multicall, __HYPERVISOR_grant_table_op, __HYPERVISOR_vcpu_op,
        __HYPERVISOR_physdev_op, __HYPERVISOR_sysctl,    __HYPERVISOR_domctl};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(wide); i++)
        assert_int_equal(call_32bit(wide[i], 0, 0), -XEN_ENOSYS);
    assert_int_equal(call_32bit(__HYPERVISOR_xen_version, XENVER_version, 0), 4 << 16 | 17);
    assert_int_equal(call_32bit(__HYPERVISOR_xen_version, XENVER_platform_parameters, ARG), -XEN_ENOSYS);
    assert_int_equal(call_32bit(__HYPERVISOR_sched_op, SCHEDOP_poll, ARG), -XEN_ENOSYS);
    assert_int_equal(call_32bit(__HYPERVISOR_sched_op, SCHEDOP_yield, 0), 0);
}

static void test_unknown_suboperations(void **state)
{
    static const uint64_t calls[] = {__HYPERVISOR_xen_version, __HYPERVISOR_sched_op,
                                     __HYPERVISOR_vcpu_op,     __HYPERVISOR_event_channel_op,
                                     __HYPERVISOR_physdev_op,  __HYPERVISOR_hvm_op,
                                     __HYPERVISOR_console_io};

    (void)state;
    arg_of(v, 64);
    for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
        for (uint64_t cmd = 100; cmd < 110; cmd++)
            assert_int_equal(harness_hypercall(control->vcpus[0], calls[i], cmd, 0, ARG), -XEN_ENOSYS);
    assert_int_equal(call(v, __HYPERVISOR_event_channel_op, EVTCHNOP_init_control), -XEN_ENOSYS);
    assert_int_equal(call(v, __HYPERVISOR_hvm_op, HVMOP_pagetable_dying), -XEN_ENOSYS);
}

static void test_wild_pointers(void **state)
{
    (void)state;
    for (uint64_t cmd = 0; cmd <= EVTCHNOP_reset; cmd++)
        assert_int_equal(harness_hypercall(control->vcpus[0], __HYPERVISOR_event_channel_op, cmd, WILD, 0),
                         -XEN_EFAULT);
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_hvm_op, HVMOP_get_param, WILD, 0), -XEN_EFAULT);
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_hvm_op, HVMOP_get_time, WILD, 0), -XEN_EFAULT);
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_sched_op, SCHEDOP_shutdown, WILD, 0), -XEN_EFAULT);
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_sched_op, SCHEDOP_watchdog, WILD, 0), -XEN_EFAULT);
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_xen_version, XENVER_capabilities, WILD, 0),
                     -XEN_EFAULT);
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_console_io, CONSOLEIO_write, 100, WILD), -XEN_EFAULT);
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_multicall, WILD, 1, 0), -XEN_EFAULT);
    assert_false(guest->shutting_down);
}

// --- guest access ---

static void test_copies_cross_pages(void **state)
{
    char out[6000], in[6000];

    (void)state;
    for (unsigned i = 0; i < sizeof(out); i++)
        out[i] = i * 7;
    harness_enter(v);
    assert_int_equal(copy_to_guest(GVA(0x345), out, sizeof(out)), 0);
    assert_int_equal(copy_from_guest(in, GVA(0x345), sizeof(in)), 0);
    assert_memory_equal(in, out, sizeof(in));
    // The last page is the end of memory.
    assert_int_equal(copy_to_guest(GVA(PAGES * PAGE_SIZE - 8), out, 8), 0);
    assert_int_equal(copy_to_guest(GVA(PAGES * PAGE_SIZE - 8), out, 9), -XEN_EFAULT);
    assert_int_equal(copy_from_guest(in, GVA(WILD), 0), 0);
}

static void test_read_only_and_mmio_pages(void **state)
{
    char buf[16];
    struct p2m_entry entry = p2m_lookup(guest, GFN(1));

    (void)state;
    harness_enter(v);
    assert_true(page_get(entry.mfn));
    assert_int_equal(p2m_insert(guest, GFN(0x100), entry.mfn, 1, P2M_RAM_RO), 0);
    assert_int_equal(copy_from_guest(buf, GVA(0x100000), sizeof(buf)), 0);
    assert_int_equal(copy_to_guest(GVA(0x100000), buf, sizeof(buf)), -XEN_EFAULT);
    assert_int_equal(p2m_insert(guest, GFN(0x200), MFN(0xfee00), 1, P2M_MMIO), 0);
    assert_int_equal(copy_from_guest(buf, GVA(0x200000), sizeof(buf)), -XEN_EFAULT);
    assert_int_equal(copy_to_guest(GVA(0x200000), buf, sizeof(buf)), -XEN_EFAULT);
}

// What is written back goes where the guest's memory is by then, and nowhere else.
static void test_arguments_are_written_back(void **state)
{
    struct guest_arg arg;
    char buf[64] = {0};
    mfn_t other = page_alloc(0, PAGE_ALLOC_ZERO);
    struct p2m_entry entry = p2m_lookup(guest, GFN(2));

    (void)state;
    harness_enter(v);
    strcpy(harness_memory(guest, 0x2010), "argument");
    assert_int_equal(guest_arg_read(&arg, buf, GVA(0x2010), 16), 0);
    assert_string_equal(buf, "argument");
    assert_int_equal(guest_arg_write(&arg, 4, "X", 1), 0);
    assert_string_equal((char *)harness_memory(guest, 0x2010), "arguXent");
    // Across the end of the page, in reading or only in writing.
    assert_int_equal(guest_arg_write(&arg, 0xff0 - 32, buf, 64), 0);
    assert_int_equal(guest_arg_read(&arg, buf, GVA(0x2fe0), 64), 0);
    memset(buf, 7, sizeof(buf));
    assert_int_equal(guest_arg_write(&arg, 0, buf, 64), 0);
    assert_int_equal(*(char *)harness_memory(guest, 0x301f), 7);
    // Another page has taken its place.
    assert_int_equal(guest_arg_read(&arg, buf, GVA(0x2010), 16), 0);
    assert_true(page_get(entry.mfn));
    assert_int_equal(p2m_replace(guest, GFN(2), other, P2M_SHARED), 0);
    assert_int_equal(guest_arg_write(&arg, 0, "new place", 10), 0);
    assert_string_equal((char *)mfn_to_virt(other) + 0x10, "new place");
    assert_string_equal((char *)mfn_to_virt(entry.mfn) + 0x10, buf);
    page_put(entry.mfn);
    // None has.
    assert_int_equal(guest_arg_read(&arg, buf, GVA(0x2010), 16), 0);
    assert_int_equal(p2m_remove(guest, GFN(2)), 0);
    assert_int_equal(guest_arg_write(&arg, 0, buf, 16), -XEN_EFAULT);
    assert_int_equal(guest_arg_read(&arg, buf, GVA(WILD), 16), -XEN_EFAULT);
    // To be read only.
    entry = p2m_lookup(guest, GFN(1));
    assert_true(page_get(entry.mfn));
    assert_int_equal(p2m_insert(guest, GFN(0x101), entry.mfn, 1, P2M_RAM_RO), 0);
    assert_int_equal(guest_arg_read(&arg, buf, GVA(0x101000), 16), 0);
    assert_int_equal(guest_arg_write(&arg, 0, buf, 16), -XEN_EFAULT);
}

// --- multicall ---

static void test_multicall(void **state)
{
    struct multicall_entry *list = harness_memory(guest, AREA);

    (void)state;
    memset(list, 0, 4 * sizeof(*list));
    list[0] = (struct multicall_entry){.op = __HYPERVISOR_xen_version, .args = {XENVER_version}};
    list[1] = (struct multicall_entry){.op = 999};
    list[2] = (struct multicall_entry){.op = __HYPERVISOR_multicall, .args = {AREA, 4}};
    list[3] = (struct multicall_entry){.op = __HYPERVISOR_xen_version, .args = {XENVER_pagesize}};
    softirq_raise(0, SOFTIRQ_TIMER); // makes it continue after the first
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_multicall, AREA, 4, 0), 0);
    assert_int_equal(list[0].result, 4 << 16 | 17);
    assert_int_equal(list[1].result, (xen_ulong_t)-XEN_ENOSYS);
    assert_int_equal(list[2].result, (xen_ulong_t)-XEN_EINVAL);
    assert_int_equal(list[3].result, 4096);
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_multicall, AREA, 0, 0), 0);
}

static void test_multicall_carries_on_inside_an_entry(void **state)
{
    struct vcpu *owner = control->vcpus[0];
    struct multicall_entry *list = harness_memory(control, AREA);

    (void)state;
    memset(harness_memory(control, ARG), 'x', 600);
    list[0] = (struct multicall_entry){.op = __HYPERVISOR_console_io, .args = {CONSOLEIO_write, 600, ARG}};
    harness_enter(owner);
    struct hypercall call = {.nr = __HYPERVISOR_multicall, .args = {AREA, 1}};
    softirq_raise(0, SOFTIRQ_TIMER);
    assert_int_equal(hypercall_dispatch(owner, &call), HYPERCALL_CONTINUE);
    assert_in_range(list[0].args[1], 1, 599);
    softirq_run();
    assert_int_equal(hypercall_dispatch(owner, &call), 0);
    assert_int_equal(list[0].result, 0);
    assert_int_equal(strspn(harness_console, "x"), 600);
}

// --- version ---

static void test_version(void **state)
{
    char *text = harness_memory(guest, AREA);
    struct xen_feature_info *info = arg_of(v, sizeof(*info));
    const uint32_t needed = 1U << XENFEAT_auto_translated_physmap | 1U << XENFEAT_hvm_callback_vector |
                            1U << XENFEAT_hvm_safe_pvclock;

    (void)state;
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_xen_version, XENVER_version, 0, 0), 4 << 16 | 17);
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_xen_version, XENVER_extraversion, AREA, 0), 0);
    assert_string_equal(text, ".0-proxenos");
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_xen_version, XENVER_capabilities, AREA, 0), 0);
    assert_non_null(strstr(text, "hvm-3.0-x86_64"));
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_xen_version, XENVER_commandline, AREA, 0), 0);
    assert_string_equal(text, "<denied>");
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_xen_version, XENVER_build_id, 0, 0), -XEN_ENODATA);
    assert_int_equal(call(v, __HYPERVISOR_xen_version, XENVER_get_features), 0);
    assert_int_equal(info->submap & needed, needed);
    assert_int_equal(info->submap & (1U << XENFEAT_hvm_pirqs | 1U << XENFEAT_dom0), 0);
    info->submap_idx = 1;
    assert_int_equal(call(v, __HYPERVISOR_xen_version, XENVER_get_features), -XEN_EINVAL);
}

// --- vcpu_op ---

static void test_register_vcpu_info(void **state)
{
    struct vcpu_register_vcpu_info *op = arg_of(v, sizeof(*op));
    struct vcpu_info *mine = (struct vcpu_info *)((char *)harness_memory(guest, AREA) + 0x80);
    uint32_t port;

    (void)state;
    *op = (struct vcpu_register_vcpu_info){.mfn = 1, .offset = PAGE_SIZE - sizeof(*mine) + 1};
    assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 0), -XEN_EINVAL);
    op->offset = 4;
    assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 0), -XEN_ENXIO);
    *op = (struct vcpu_register_vcpu_info){.mfn = 0x12345, .offset = 0x80};
    assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 0), -XEN_EINVAL);
    op->mfn = 1;
    assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 1), -XEN_ENOENT);
    assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 0), 0);
    assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 0), -XEN_EINVAL); // once only
    assert_ptr_equal(v->info, mine);
    assert_int_equal(mine->time.version & 1, 0);
    assert_int_equal(mine->time.tsc_to_system_mul, arch_clock.mul);
    assert_int_equal(mine->evtchn_upcall_pending, 1); // look at everything once
    harness_take_upcall(v);
    assert_int_equal(evtchn_bind_ipi(guest, 0, &port), 0);
    evtchn_send(guest, port);
    assert_int_equal(mine->evtchn_upcall_pending, 1);
    assert_int_equal(mine->evtchn_pending_sel, 1);
    // Giving the page away does not take it from under the hypervisor.
    assert_int_equal(p2m_remove(guest, GFN(1)), 0);
    evtchn_send(guest, port);
}

static void test_runstate_and_time_areas(void **state)
{
    struct vcpu_register_runstate_memory_area *op = arg_of(v, sizeof(*op));
    struct vcpu_runstate_info *area = harness_memory(guest, AREA);
    struct vcpu_time_info *time = harness_memory(guest, AREA + 0x100);

    (void)state;
    op->addr.p = WILD;
    assert_int_equal(vcpu_op(VCPUOP_register_runstate_memory_area, 0), -XEN_EFAULT);
    op->addr.p = AREA;
    assert_int_equal(vcpu_op(VCPUOP_register_runstate_memory_area, 0), 0);
    assert_int_equal(area->state, RUNSTATE_running);
    harness_enter(control->vcpus[0]);
    harness_advance(3000);
    harness_enter(v);
    assert_int_equal(area->state, RUNSTATE_running);
    assert_int_equal(area->time[RUNSTATE_runnable], v->runstate.time[RUNSTATE_runnable]);
    assert_true(area->time[RUNSTATE_runnable] >= 3000);
    assert_int_equal(area->state_entry_time & XEN_RUNSTATE_UPDATE, 0);
    assert_int_equal(vcpu_op(VCPUOP_get_runstate_info, 0), 0);
    op->addr.p = AREA + 0x100;
    assert_int_equal(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0), 0);
    assert_int_equal(time->tsc_to_system_mul, arch_clock.mul);
    assert_int_equal(time->flags, XEN_PVCLOCK_TSC_STABLE_BIT);
}

static void test_timers(void **state)
{
    struct vcpu_set_singleshot_timer *shot = arg_of(v, sizeof(*shot));
    struct vcpu_set_periodic_timer *period = (void *)shot;
    uint32_t port;

    (void)state;
    assert_int_equal(evtchn_bind_virq(guest, VIRQ_TIMER, 0, &port), 0);
    *shot = (struct vcpu_set_singleshot_timer){.timeout_abs_ns = harness_now + 500};
    assert_int_equal(vcpu_op(VCPUOP_set_singleshot_timer, 0), 0);
    harness_advance(499);
    assert_false(harness_take_upcall(v));
    harness_advance(1);
    assert_true(harness_take_upcall(v));
    guest->shared_info->evtchn_pending[0] = 0;

    *shot = (struct vcpu_set_singleshot_timer){.timeout_abs_ns = 1, .flags = VCPU_SSHOTTMR_future};
    assert_int_equal(vcpu_op(VCPUOP_set_singleshot_timer, 0), -XEN_ETIME);
    *shot = (struct vcpu_set_singleshot_timer){.timeout_abs_ns = harness_now + 500};
    assert_int_equal(vcpu_op(VCPUOP_set_singleshot_timer, 0), 0);
    assert_int_equal(vcpu_op(VCPUOP_stop_singleshot_timer, 0), 0);
    harness_advance(1000);
    assert_false(harness_take_upcall(v));

    period->period_ns = 1000;
    assert_int_equal(vcpu_op(VCPUOP_set_periodic_timer, 0), -XEN_EINVAL);
    period->period_ns = 2000000;
    assert_int_equal(vcpu_op(VCPUOP_set_periodic_timer, 0), 0);
    for (unsigned i = 0; i < 3; i++) {
        harness_advance(2000000);
        assert_true(harness_take_upcall(v));
        guest->shared_info->evtchn_pending[0] = 0;
    }
    assert_int_equal(vcpu_op(VCPUOP_stop_periodic_timer, 0), 0);
    harness_advance(10000000);
    assert_false(harness_take_upcall(v));
}

static void test_vcpu_up_and_down(void **state)
{
    (void)state;
    assert_int_equal(vcpu_op(VCPUOP_is_up, 0), 1);
    assert_int_equal(vcpu_op(VCPUOP_is_up, 1), -XEN_ENOENT);
    assert_int_equal(vcpu_op(VCPUOP_up, 0), 0);
    assert_int_equal(vcpu_op(VCPUOP_initialise, 0), -XEN_EEXIST);
    assert_int_equal(vcpu_op(VCPUOP_down, 0), 0);
    assert_true(guest->shutting_down);
    assert_int_equal(guest->shutdown_code, SHUTDOWN_poweroff);
}

static void test_vm_assist(void **state)
{
    (void)state;
    assert_int_equal(
        harness_hypercall(v, __HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag, 0),
        0);
    assert_int_equal(guest->vm_assist, 1U << VMASST_TYPE_runstate_update_flag);
    assert_int_equal(
        harness_hypercall(v, __HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag, 0),
        0);
    assert_int_equal(guest->vm_assist, 0);
    assert_int_equal(
        harness_hypercall(v, __HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_4gb_segments, 0),
        -XEN_EINVAL);
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_vm_assist, VMASST_CMD_enable, 200, 0), -XEN_EINVAL);
}

// --- sched_op ---

static void test_shutdown(void **state)
{
    struct sched_shutdown *op = arg_of(v, sizeof(*op));

    (void)state;
    op->reason = 77;
    assert_int_equal(call(v, __HYPERVISOR_sched_op, SCHEDOP_shutdown), -XEN_EINVAL);
    op->reason = SHUTDOWN_reboot;
    assert_int_equal(call(v, __HYPERVISOR_sched_op, SCHEDOP_shutdown), 0);
    assert_true(guest->shutting_down);
    assert_int_equal(guest->shutdown_code, SHUTDOWN_reboot);
}

static void test_remote_shutdown(void **state)
{
    struct sched_remote_shutdown *op = arg_of(v, sizeof(*op));

    (void)state;
    *op = (struct sched_remote_shutdown){.domain_id = control->id, .reason = SHUTDOWN_poweroff};
    assert_int_equal(call(v, __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown), -XEN_EPERM);
    op->domain_id = 0x7000;
    assert_int_equal(call(v, __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown), -XEN_ESRCH);
    op = arg_of(control->vcpus[0], sizeof(*op));
    *op = (struct sched_remote_shutdown){.domain_id = guest->id, .reason = SHUTDOWN_reboot};
    assert_int_equal(call(control->vcpus[0], __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown), 0);
    assert_int_equal(guest->shutdown_code, SHUTDOWN_reboot);
}

static long watchdog(uint32_t id, uint32_t timeout)
{
    struct sched_watchdog *op = arg_of(v, sizeof(*op));

    *op = (struct sched_watchdog){.id = id, .timeout = timeout};
    return call(v, __HYPERVISOR_sched_op, SCHEDOP_watchdog);
}

static void test_watchdog(void **state)
{
    (void)state;
    assert_int_equal(watchdog(0, 0), -XEN_EINVAL);
    assert_int_equal(watchdog(1, 5), -XEN_EINVAL);
    assert_int_equal(watchdog(3, 5), -XEN_EINVAL);
    assert_int_equal(watchdog(0, 5), 1);
    assert_int_equal(watchdog(0, 5), 2);
    assert_int_equal(watchdog(0, 5), -XEN_ENOSPC);
    assert_int_equal(watchdog(2, 0), 0);
    harness_advance(4000000000UL);
    assert_int_equal(watchdog(1, 5), 0);
    harness_advance(4000000000UL);
    assert_false(guest->shutting_down);
    harness_advance(2000000000UL);
    assert_true(guest->shutting_down);
    assert_int_equal(guest->shutdown_code, SHUTDOWN_watchdog);
}

static void test_block(void **state)
{
    (void)state;
    v->info->evtchn_upcall_pending = 1;
    assert_int_equal(call(v, __HYPERVISOR_sched_op, SCHEDOP_block), 0);
    assert_true(vcpu_runnable(v));
    v->info->evtchn_upcall_pending = 0;
    assert_int_equal(call(v, __HYPERVISOR_sched_op, SCHEDOP_block), 0);
    assert_false(vcpu_runnable(v));
    vcpu_wake(v);
}

// --- hvm_op ---

static long param(struct vcpu *caller, uint64_t cmd, domid_t domid, uint32_t index, uint64_t *value)
{
    struct xen_hvm_param *op = arg_of(caller, sizeof(*op));

    *op = (struct xen_hvm_param){.domid = domid, .index = index, .value = *value};
    long rc = call(caller, __HYPERVISOR_hvm_op, cmd);
    *value = op->value;
    return rc;
}

static void test_hvm_params(void **state)
{
    struct vcpu *tool = control->vcpus[0];
    uint64_t value = 0xfeffc;

    (void)state;
    assert_int_equal(param(v, HVMOP_set_param, DOMID_SELF, HVM_PARAM_STORE_PFN, &value), -XEN_EPERM);
    assert_int_equal(param(tool, HVMOP_set_param, guest->id, HVM_PARAM_STORE_PFN, &value), 0);
    value = 0;
    assert_int_equal(param(v, HVMOP_get_param, DOMID_SELF, HVM_PARAM_STORE_PFN, &value), 0);
    assert_int_equal(value, 0xfeffc);
    assert_int_equal(param(v, HVMOP_get_param, guest->id, HVM_PARAM_STORE_PFN, &value), 0);
    assert_int_equal(param(v, HVMOP_get_param, control->id, HVM_PARAM_STORE_PFN, &value), -XEN_EPERM);
    assert_int_equal(param(v, HVMOP_get_param, 0x7000, HVM_PARAM_STORE_PFN, &value), -XEN_ESRCH);
    assert_int_equal(param(v, HVMOP_get_param, DOMID_SELF, HVM_PARAM_IDENT_PT, &value), -XEN_EPERM);
    assert_int_equal(param(v, HVMOP_get_param, DOMID_SELF, HVM_NR_PARAMS, &value), -XEN_EINVAL);
    assert_int_equal(param(v, HVMOP_get_param, DOMID_SELF, UINT32_MAX, &value), -XEN_EINVAL);
    assert_int_equal(param(v, HVMOP_get_param, DOMID_SELF, HVM_PARAM_IOREQ_PFN, &value), -XEN_EINVAL);
    value = 2UL << 56 | 0xf3;
    assert_int_equal(param(v, HVMOP_set_param, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, &value), 0);
    value = 1;
    assert_int_equal(param(v, HVMOP_set_param, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, &value), -XEN_EINVAL);
    assert_int_equal(guest->hvm_params[HVM_PARAM_CALLBACK_IRQ], 2UL << 56 | 0xf3);
}

static void test_get_mem_type(void **state)
{
    struct xen_hvm_get_mem_type *op = arg_of(v, sizeof(*op));

    (void)state;
    *op = (struct xen_hvm_get_mem_type){.domid = DOMID_SELF, .pfn = 0};
    assert_int_equal(call(v, __HYPERVISOR_hvm_op, HVMOP_get_mem_type), 0);
    assert_int_equal(op->mem_type, HVMMEM_ram_rw);
    op->pfn = 0x55555;
    assert_int_equal(call(v, __HYPERVISOR_hvm_op, HVMOP_get_mem_type), 0);
    assert_int_equal(op->mem_type, HVMMEM_mmio_dm);
    op->pfn = UINT64_MAX;
    assert_int_equal(call(v, __HYPERVISOR_hvm_op, HVMOP_get_mem_type), 0);
    assert_int_equal(op->mem_type, HVMMEM_mmio_dm);
    op->domid = control->id;
    assert_int_equal(call(v, __HYPERVISOR_hvm_op, HVMOP_get_mem_type), -XEN_EPERM);
}

static void test_upcall_vector(void **state)
{
    struct xen_hvm_evtchn_upcall_vector *op = arg_of(v, sizeof(*op));

    (void)state;
    op->vector = 15;
    assert_int_equal(call(v, __HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector), -XEN_EINVAL);
    op->vector = 0xf3;
    assert_int_equal(call(v, __HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector), 0);
    op->vcpu = 9;
    assert_int_equal(call(v, __HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector), -XEN_ENOENT);
}

// --- events through the hypercall ---

static void test_foreign_event_channels(void **state)
{
    struct evtchn_alloc_unbound *op = arg_of(v, sizeof(*op));

    (void)state;
    *op = (struct evtchn_alloc_unbound){.dom = control->id, .remote_dom = DOMID_SELF};
    assert_int_equal(call(v, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound), -XEN_EPERM);
    op->dom = DOMID_SELF;
    op->remote_dom = control->id;
    assert_int_equal(call(v, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound), 0);
    assert_int_equal(op->port, 1);
    op = arg_of(control->vcpus[0], sizeof(*op));
    *op = (struct evtchn_alloc_unbound){.dom = guest->id, .remote_dom = DOMID_SELF};
    assert_int_equal(call(control->vcpus[0], __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound), 0);
    struct evtchn_status status = {.port = op->port};
    assert_int_equal(evtchn_status(guest, &status), 0);
    assert_int_equal(status.u.unbound.dom, control->id);
}

static void test_port_is_given_back_when_it_can_not_be_told(void **state)
{
    struct p2m_entry entry = p2m_lookup(guest, GFN(0));
    struct evtchn_status status = {.port = 1};
    struct evtchn_bind_ipi op = {.vcpu = 0};

    (void)state;
    // The arguments are on a page the guest may read but not write.
    assert_true(page_get(entry.mfn));
    assert_int_equal(p2m_insert(guest, GFN(0x100), entry.mfn, 1, P2M_RAM_RO), 0);
    memcpy(harness_memory(guest, 0), &op, sizeof(op));
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, 0x100000, 0),
                     -XEN_EFAULT);
    assert_int_equal(evtchn_status(guest, &status), 0);
    assert_int_equal(status.status, EVTCHNSTAT_closed);
}

// --- physdev ---

static void test_physdev(void **state)
{
    struct vcpu *owner = control->vcpus[0];
    struct physdev_map_pirq *op = arg_of(owner, sizeof(*op));

    (void)state;
    assert_int_equal(call(v, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq), -XEN_ENOSYS);
    *op = (struct physdev_map_pirq){.domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = -1};
    assert_int_equal(call(owner, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq), -XEN_EINVAL);
    op->index = 1;
    assert_int_equal(call(owner, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq), 0);
    assert_int_equal(op->pirq, 1);
    struct physdev_unmap_pirq *unmap = arg_of(owner, sizeof(*unmap));
    *unmap = (struct physdev_unmap_pirq){.domid = DOMID_SELF, .pirq = 1};
    assert_int_equal(call(owner, __HYPERVISOR_physdev_op, PHYSDEVOP_unmap_pirq), 0);
    assert_int_equal(call(owner, __HYPERVISOR_physdev_op, PHYSDEVOP_unmap_pirq), -XEN_EINVAL);
}

// --- console ---

static long console_write_call(struct vcpu *caller, const char *text)
{
    memcpy(harness_memory(caller->domain, ARG), text, strlen(text));
    return harness_hypercall(caller, __HYPERVISOR_console_io, CONSOLEIO_write, strlen(text), ARG);
}

static void test_console_of_the_owner_is_raw(void **state)
{
    (void)state;
    harness_console_clear();
    assert_int_equal(console_write_call(control->vcpus[0], "\033[2Jhello"), 0);
    assert_string_equal(harness_console, "\033[2Jhello");
    console_input('a');
    console_input('b');
    assert_int_equal(harness_hypercall(control->vcpus[0], __HYPERVISOR_console_io, CONSOLEIO_read, 10, ARG),
                     2);
    assert_memory_equal(harness_memory(control, ARG), "ab", 2);
    assert_int_equal(harness_hypercall(v, __HYPERVISOR_console_io, CONSOLEIO_read, 10, ARG), -XEN_EPERM);
}

static void test_guests_write_log_lines(void **state)
{
    (void)state;
    harness_console_clear();
    assert_int_equal(console_write_call(v, "hel"), 0);
    assert_null(strstr(harness_console, "hel"));
    assert_int_equal(console_write_call(v, "lo\033[2J\r\n"), 0);
    assert_non_null(strstr(harness_console, ") hello.[2J\n"));
}

static unsigned logged_bytes(void)
{
    unsigned count = 0;

    for (const char *p = harness_console; *p; p++)
        count += *p == 'z';
    return count;
}

static void test_guests_can_not_flood_the_log(void **state)
{
    static char line[1001];

    (void)state;
    memset(line, 'z', 1000);
    for (unsigned i = 0; i < 100; i++) {
        harness_console_clear();
        assert_int_equal(console_write_call(v, line), 0);
    }
    assert_int_equal(logged_bytes(), 0); // the credit is used up
    harness_advance(2000000000UL);
    harness_console_clear();
    assert_int_equal(console_write_call(v, line), 0);
    assert_true(logged_bytes() > 0);
}

// A line on a serial port takes milliseconds, so others get their turn behind each of them.
static void test_log_lines_are_preemptible(void **state)
{
    struct hypercall call = {.nr = __HYPERVISOR_console_io, .args = {CONSOLEIO_write, 6, ARG}};

    (void)state;
    memcpy(harness_memory(guest, ARG), "a\nb\nc\n", 6);
    harness_enter(v);
    for (unsigned left = 4; left > 0; left -= 2) {
        softirq_raise(0, SOFTIRQ_TIMER);
        assert_int_equal(hypercall_dispatch(v, &call), HYPERCALL_CONTINUE);
        assert_int_equal(call.args[1], left);
        softirq_run();
    }
    assert_int_equal(hypercall_dispatch(v, &call), 0);
}

static void test_empty_lines_are_not_free(void **state)
{
    static char newlines[1001];
    unsigned lines = 0;

    (void)state;
    memset(newlines, '\n', 1000);
    for (unsigned i = 0; i < 40; i++) {
        harness_console_clear();
        assert_int_equal(console_write_call(v, newlines), 0);
        for (const char *p = harness_console; *p; p++)
            lines += *p == '\n';
    }
    assert_in_range(lines, 100, 1000);
}

// --- privileges ---

static void test_privileges(void **state)
{
    struct domain none = {.privileges = 0}, store = {.privileges = PRIV_STORE}, all = {.privileges = ~0U};

    (void)state;
    for (unsigned op = 0; op < PRIV_OP_COUNT; op++) {
        assert_int_equal(priv_check(&all, op, &none), 0);
        assert_int_equal(priv_check(&none, op, &all), -XEN_EPERM);
        assert_int_equal(priv_check(&none, op, NULL), -XEN_EPERM);
        assert_int_equal(priv_check(&store, op, &none), op == PRIV_OP_FOREIGN_MAP ? 0 : -XEN_EPERM);
    }
    assert_int_equal(priv_check(&none, PRIV_OP_HVM_PARAM, &none), 0);
    assert_int_equal(priv_check(&none, PRIV_OP_FOREIGN_EVTCHN, &none), 0);
    assert_int_equal(priv_check(&none, PRIV_OP_DOMCTL, &none), -XEN_EPERM);
    assert_int_equal(priv_check(&none, PRIV_OP_REMOTE_SHUTDOWN, &none), -XEN_EPERM);
}

static int setup(void **state)
{
    (void)state;
    harness_init();
    control = harness_domain(PRIV_CONTROL | PRIV_HARDWARE, 1, PAGES);
    guest = harness_domain(0, 1, PAGES);
    v = guest->vcpus[0];
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    harness_destroy(guest);
    harness_destroy(control);
    harness_init();
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_unknown_numbers),
        TEST(test_32bit_callers),
        TEST(test_unknown_suboperations),
        TEST(test_wild_pointers),
        TEST(test_copies_cross_pages),
        TEST(test_read_only_and_mmio_pages),
        TEST(test_arguments_are_written_back),
        TEST(test_multicall),
        TEST(test_multicall_carries_on_inside_an_entry),
        TEST(test_version),
        TEST(test_register_vcpu_info),
        TEST(test_runstate_and_time_areas),
        TEST(test_timers),
        TEST(test_vcpu_up_and_down),
        TEST(test_vm_assist),
        TEST(test_shutdown),
        TEST(test_remote_shutdown),
        TEST(test_watchdog),
        TEST(test_block),
        TEST(test_hvm_params),
        TEST(test_get_mem_type),
        TEST(test_upcall_vector),
        TEST(test_foreign_event_channels),
        TEST(test_port_is_given_back_when_it_can_not_be_told),
        TEST(test_physdev),
        TEST(test_console_of_the_owner_is_raw),
        TEST(test_guests_write_log_lines),
        TEST(test_guests_can_not_flood_the_log),
        TEST(test_log_lines_are_preemptible),
        TEST(test_empty_lines_are_not_free),
        TEST(test_privileges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
