// SPDX-License-Identifier: MIT
//
// Hypercalls and their subcommands, as far as they have no test guest of their own (events, grants, memory).

#include <stdint.h>
#include <string.h>
#include <xen/features.h>
#include <guest/cpu.h>
#include <guest/event.h>
#include <guest/hypercall.h>
#include <guest/main.h>
#include <guest/mem.h>
#include <guest/thread.h>
#include <guest/time.h>
#include "abi.h"

void test_version(void)
{
    union {
        xen_extraversion_t extra;
        xen_compile_info_t compile;
        xen_capabilities_info_t capabilities;
        xen_changeset_info_t changeset;
        xen_platform_parameters_t platform;
        xen_domain_handle_t handle;
        struct xen_feature_info features;
    } u;
    CHECK(HYPERVISOR_xen_version(XENVER_version, NULL) >= 4 << 16);
    CHECK_EQUAL(HYPERVISOR_xen_version(XENVER_extraversion, &u), 0);
    CHECK(memchr(u.extra, 0, sizeof(u.extra)));
    CHECK_EQUAL(HYPERVISOR_xen_version(XENVER_compile_info, &u), 0);
    CHECK_EQUAL(HYPERVISOR_xen_version(XENVER_capabilities, &u), 0);
    CHECK(strstr(u.capabilities, "hvm-3.0-x86_64"));
    CHECK_EQUAL(HYPERVISOR_xen_version(XENVER_changeset, &u), 0);
    CHECK_EQUAL(HYPERVISOR_xen_version(XENVER_platform_parameters, &u), 0);
    CHECK_EQUAL(HYPERVISOR_xen_version(XENVER_pagesize, NULL), PAGE_SIZE);
    CHECK_EQUAL(HYPERVISOR_xen_version(XENVER_guest_handle, &u), 0);
    u.features.submap_idx = 0;
    CHECK_EQUAL(HYPERVISOR_xen_version(XENVER_get_features, &u), 0);
    CHECK(u.features.submap & 1u << XENFEAT_auto_translated_physmap);
    CHECK(u.features.submap & 1u << XENFEAT_hvm_callback_vector);
    CHECK(u.features.submap & 1u << XENFEAT_hvm_safe_pvclock);
    CHECK(!(u.features.submap & 1u << XENFEAT_hvm_pirqs));
}

void test_unknown_calls(void)
{
    static const unsigned unknown[] = {11, 27, 45, 63, 64, 1000, 0x7fffffff, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        CHECK_EQUAL(hypercall5(unknown[i], 0, 0, 0, 0, 0), -XEN_ENOSYS);
    CHECK_EQUAL(HYPERVISOR_xen_version(999, NULL), -XEN_ENOSYS);
    CHECK_EQUAL(HYPERVISOR_memory_op(0x3f, NULL), -XEN_ENOSYS);
    CHECK_EQUAL(HYPERVISOR_event_channel_op(999, NULL), -XEN_ENOSYS);
    CHECK_EQUAL(HYPERVISOR_sched_op(999, NULL), -XEN_ENOSYS);
    CHECK(HYPERVISOR_vcpu_op(999, 0, NULL) < 0);
    CHECK(HYPERVISOR_grant_table_op(999, NULL, 0) < 0);
    CHECK(HYPERVISOR_hvm_op(999, NULL) < 0);
    // What an ordinary domain has no business with.
    CHECK(hypercall1(__HYPERVISOR_platform_op, 0) < 0);
    CHECK(HYPERVISOR_domctl(NULL) < 0);
    CHECK(HYPERVISOR_sysctl(NULL) < 0);
    CHECK(HYPERVISOR_physdev_op(PHYSDEVOP_eoi, NULL) < 0);
}

void test_bad_pointers(void)
{
    void *bad[] = {NULL, (void *)0x8000000000000000, (void *)0xffffffffffffffff, (void *)0x400000000000,
                   (char *)mem_of_gfn(gfn_window_alloc(1))};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_EQUAL(HYPERVISOR_event_channel_op(EVTCHNOP_send, bad[i]), -XEN_EFAULT);
        CHECK_EQUAL(HYPERVISOR_memory_op(XENMEM_add_to_physmap, bad[i]), -XEN_EFAULT);
        CHECK_EQUAL(HYPERVISOR_xen_version(XENVER_extraversion, bad[i]), -XEN_EFAULT);
        CHECK_EQUAL(HYPERVISOR_hvm_op(HVMOP_get_param, bad[i]), -XEN_EFAULT);
        CHECK_EQUAL(HYPERVISOR_sched_op(SCHEDOP_poll, bad[i]), -XEN_EFAULT);
        CHECK_EQUAL(HYPERVISOR_grant_table_op(GNTTABOP_copy, bad[i], 1), -XEN_EFAULT);
        CHECK_EQUAL(HYPERVISOR_vcpu_op(VCPUOP_set_singleshot_timer, 0, bad[i]), -XEN_EFAULT);
        CHECK_EQUAL(HYPERVISOR_multicall(bad[i], 1), -XEN_EFAULT);
    }
    // A structure whose second half is on an unmapped page.
    uint64_t *edge = (uint64_t *)(uintptr_t)(2 * PAGE_SIZE - sizeof(uint64_t));
    CHECK(mem_gfn_of(edge + 1) != INVALID_GFN);
}

void test_hvm_op(void)
{
    uint64_t value = 0;
    CHECK_EQUAL(hvm_param_get(DOMID_SELF, HVM_PARAM_STORE_PFN, &value), 0);
    CHECK_EQUAL(hvm_param_get(DOMID_SELF, HVM_PARAM_CONSOLE_PFN, &value), 0);
    CHECK_EQUAL(hvm_param_get(guest_domid(), HVM_PARAM_CALLBACK_IRQ, &value), 0);
    CHECK_EQUAL(value >> 56, 2);
    CHECK(hvm_param_get(DOMID_SELF, HVM_NR_PARAMS, &value) == -XEN_EINVAL);
    CHECK(hvm_param_get(DOMID_SELF, 0xffffffff, &value) == -XEN_EINVAL);
    CHECK(hvm_param_set(DOMID_SELF, HVM_NR_PARAMS, 0) == -XEN_EINVAL);
    CHECK(hvm_param_set(DOMID_SELF, HVM_PARAM_STORE_PFN, 0) < 0); // the toolstack's to set
    CHECK(hvm_param_get(0, HVM_PARAM_STORE_PFN, &value) < 0);
    CHECK(hvm_param_get(0x7000, HVM_PARAM_STORE_PFN, &value) < 0);
    struct xen_hvm_evtchn_upcall_vector upcall = {.vcpu = 99, .vector = 0x60};
    CHECK(HYPERVISOR_hvm_op(HVMOP_set_evtchn_upcall_vector, &upcall) < 0);
    upcall = (struct xen_hvm_evtchn_upcall_vector){.vcpu = 0, .vector = 3};
    CHECK_EQUAL(HYPERVISOR_hvm_op(HVMOP_set_evtchn_upcall_vector, &upcall), -XEN_EINVAL);
    CHECK(HYPERVISOR_hvm_op(9 /* HVMOP_pagetable_dying */, &value) < 0);
}

static void poll_with_nothing_to_come(void)
{
    evtchn_port_t port = (evtchn_port_t)event_bind_ipi(NULL, NULL);
    struct sched_poll poll = {.nr_ports = 1, .timeout = time_after(3 * NS_PER_MS)};
    uint64_t start = time_now();
    set_xen_guest_handle(poll.ports, &port);
    CHECK_EQUAL(HYPERVISOR_sched_op(SCHEDOP_poll, &poll), 0);
    CHECK(time_now() - start >= 3 * NS_PER_MS);
    CHECK(time_now() - start < 2 * NS_PER_S);
    event_send(port);
    poll.timeout = 0; // no timeout: it must return because the port is pending
    CHECK_EQUAL(HYPERVISOR_sched_op(SCHEDOP_poll, &poll), 0);
    CHECK(event_is_pending(port));
    event_close(port);
}

static void poll_with_bad_arguments(void)
{
    evtchn_port_t port = 0xfffffff0;
    struct sched_poll poll = {.nr_ports = 1};
    set_xen_guest_handle(poll.ports, &port);
    CHECK_EQUAL(HYPERVISOR_sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
    poll.nr_ports = 1000;
    CHECK_EQUAL(HYPERVISOR_sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
    poll.nr_ports = 1;
    set_xen_guest_handle(poll.ports, (evtchn_port_t *)0x8000000000000000);
    CHECK_EQUAL(HYPERVISOR_sched_op(SCHEDOP_poll, &poll), -XEN_EFAULT);
}

void test_sched_op(void)
{
    CHECK_EQUAL(HYPERVISOR_sched_op(SCHEDOP_yield, NULL), 0);
    poll_with_nothing_to_come();
    poll_with_bad_arguments();
    struct sched_watchdog watchdog = {.id = 0, .timeout = 60};
    long id = HYPERVISOR_sched_op(SCHEDOP_watchdog, &watchdog);
    if (id < 0)
        return; // a guest without a watchdog is none the worse
    watchdog = (struct sched_watchdog){.id = (uint32_t)id, .timeout = 0};
    CHECK_EQUAL(HYPERVISOR_sched_op(SCHEDOP_watchdog, &watchdog), 0);
}

void test_multicall(void)
{
    struct multicall_entry calls[] = {
        {.op = __HYPERVISOR_xen_version, .args = {XENVER_version}},
        {.op = 63},
        {.op = __HYPERVISOR_xen_version, .args = {XENVER_pagesize}},
    };
    CHECK_EQUAL(HYPERVISOR_multicall(calls, 3), 0);
    CHECK_EQUAL(calls[0].result, HYPERVISOR_xen_version(XENVER_version, NULL));
    CHECK_EQUAL((long)calls[1].result, -XEN_ENOSYS);
    CHECK_EQUAL(calls[2].result, PAGE_SIZE);
    CHECK_EQUAL(HYPERVISOR_multicall(NULL, 0), 0);
}

// ---- 32-bit callers
// -----------------------------------------------------------------------------------------------

long compat_hypercall(unsigned op, unsigned a1, unsigned a2);
extern uint8_t compat_vmmcall;

static uint64_t compat_gdt[6];

static void load_compat_gdt(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) pointer;
    __asm__ volatile("sgdt %0" : "=m"(pointer));
    memcpy(compat_gdt, (void *)pointer.base, 5 * sizeof(uint64_t));
    compat_gdt[5] = 0x00cf9b000000ffff; // 32-bit code, flat
    pointer.limit = sizeof(compat_gdt) - 1;
    pointer.base = (uintptr_t)compat_gdt;
    __asm__ volatile("lgdt %0" ::"m"(pointer));
}

void test_compat_calls(void)
{
    static struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    static struct evtchn_close close;
    uint32_t vendor = cpuid(0, 0).ebx;
    compat_vmmcall = vendor == 0x68747541 || vendor == 0x6f677948;
    load_compat_gdt();
    interrupts_disable();
    long version = compat_hypercall(__HYPERVISOR_xen_version, XENVER_version, 0);
    long unknown = compat_hypercall(63, 0, 0);
    long port =
        compat_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, (uint32_t)(uintptr_t)&alloc);
    // The upper halves of a 32-bit caller's registers are not part of its arguments; a wild pointer stays 32
    // bits wide.
    long wild = compat_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, 0xfffffff0);
    interrupts_enable();
    CHECK(version == HYPERVISOR_xen_version(XENVER_version, NULL) || version == -XEN_ENOSYS);
    CHECK_EQUAL(unknown, -XEN_ENOSYS);
    CHECK((port == 0 && alloc.port > 0) || port == -XEN_ENOSYS);
    CHECK(wild < 0);
    if (port == 0) {
        close.port = alloc.port;
        CHECK_EQUAL(HYPERVISOR_event_channel_op(EVTCHNOP_close, &close), 0);
    }
}

// ---- hypercall page
// -------------------------------------------------------------------------------------------------

// Older kernels have the hypervisor fill a page with 32 bytes of code per call. It can't be run where it is
// (the kit maps no page writable and executable), so its bytes are looked at.
void test_hypercall_page(void)
{
    static const uint8_t vmcall[] = {0x0f, 0x01, 0xc1}, vmmcall[] = {0x0f, 0x01, 0xd9};
    uint32_t msr = cpuid(cpuid_xen_base() + 2, 0).ebx;
    uint8_t *page = page_alloc(1);
    memset(page, 0xcc, PAGE_SIZE);
    CHECK(wrmsr_safe(msr, (uintptr_t)page));
    for (unsigned call = 1; call <= __HYPERVISOR_event_channel_op; call++) {
        const uint8_t *code = page + 32 * call; // mov $call, %eax; vm(m)call; ret
        if (call == __HYPERVISOR_iret)
            continue;
        CHECK(code[0] == 0xb8 && code[1] == call && code[8] == 0xc3);
        CHECK(!memcmp(code + 5, vmcall, 3) || !memcmp(code + 5, vmmcall, 3));
    }
    CHECK(!wrmsr_safe(msr, UINT64_C(1) << 50)); // no such frame
    page_free(page, 1);
}

void test_memory_op(void)
{
    domid_t self = DOMID_SELF;
    long current = HYPERVISOR_memory_op(XENMEM_current_reservation, &self);
    CHECK(current > 0);
    CHECK(HYPERVISOR_memory_op(XENMEM_maximum_reservation, &self) >= current);
    CHECK(HYPERVISOR_memory_op(XENMEM_maximum_gpfn, &self) > 0);
    struct mem_info info;
    mem_info(&info);
    CHECK((uint64_t)current * PAGE_SIZE >= info.total);
    domid_t other = 0x7000;
    CHECK(HYPERVISOR_memory_op(XENMEM_current_reservation, &other) < 0);
}
