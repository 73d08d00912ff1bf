// SPDX-License-Identifier: MIT
//
// What operations cost, in TSC ticks: the least of many runs, less the cost of reading the TSC. Under QEMU's
// -icount a tick is an instruction, the hypervisor's included. One line per row: `bench <row> <ticks>`.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <guest/cpu.h>
#include <guest/event.h>
#include <guest/gnttab.h>
#include <guest/hypercall.h>
#include <guest/main.h>
#include <guest/mem.h>
#include <guest/thread.h>
#include <guest/xenstore.h>
#include "../test.h"

#define RUNS             200
#define PAGES            16
#define MSR_MISC_ENABLE  0x1a0
#define MSR_HWCR         0xc0010015
#define MSR_EFER         0xc0000080
#define APIC_PAGE        0xfee00000
#define PORT_SYSTEM_CTRL 0x61

uint64_t bench_upcall_tsc; // set by upcall.S
void bench_upcall(void);

static uint64_t tsc_cost;
static uint32_t msr;
static evtchn_port_t self_port;
static domid_t self;
static char *source, *target;
static int source_refs[PAGES];

// Each operation returns false when it can't be measured here.
static bool nothing(void)
{
    return true;
}

static bool null_hypercall(void)
{
    return HYPERVISOR_xen_version(XENVER_version, NULL) > 0;
}

static bool cpuid_leaf_0(void)
{
    return cpuid(0, 0).eax > 0;
}

// An MSR that exits: Intel's, or where that doesn't exist AMD's.
static uint32_t exiting_msr(void)
{
    uint64_t value;
    return rdmsr_safe(MSR_MISC_ENABLE, &value) ? MSR_MISC_ENABLE : MSR_HWCR;
}

static bool read_msr(void)
{
    rdmsr(msr);
    return true;
}

static bool write_efer(void)
{
    wrmsr(MSR_EFER, rdmsr(MSR_EFER));
    return true;
}

static volatile uint32_t *apic_register(unsigned offset)
{
    return (volatile uint32_t *)(uintptr_t)(APIC_PAGE + offset);
}

static bool read_apic(void)
{
    return *apic_register(0x30) != 0; // its version
}

static bool end_of_interrupt(void)
{
    *apic_register(0xb0) = 0;
    return true;
}

static bool read_port(void)
{
    inb(PORT_SYSTEM_CTRL);
    return true;
}

static bool sched_yield(void)
{
    return !HYPERVISOR_sched_op(SCHEDOP_yield, NULL);
}

static bool get_param(void)
{
    uint64_t value;
    return !hvm_param_get(DOMID_SELF, HVM_PARAM_STORE_PFN, &value);
}

static bool copy_pages(unsigned count)
{
    struct gnttab_copy ops[PAGES];
    for (unsigned i = 0; i < count; i++)
        ops[i] = (struct gnttab_copy){
            .source = {.u.ref = (grant_ref_t)source_refs[i], .domid = self},
            .dest = {.u.gmfn = mem_gfn_of(target) + i, .domid = DOMID_SELF},
            .len = PAGE_SIZE,
            .flags = GNTCOPY_source_gref,
        };
    return !grant_copy(ops, count);
}

static bool copy_1_page(void)
{
    return copy_pages(1);
}

static bool copy_16_pages(void)
{
    return copy_pages(16);
}

static bool map_and_unmap(void)
{
    struct grant_mapping mapping;
    grant_ref_t ref = (grant_ref_t)source_refs[0];
    if (grant_map(self, &ref, 1, false, &mapping))
        return false;
    grant_unmap(&mapping, 1);
    return true;
}

static bool give_and_take_page(void)
{
    xen_pfn_t gfn = mem_gfn_of(target);
    struct xen_memory_reservation op = {.nr_extents = 1, .domid = DOMID_SELF};
    set_xen_guest_handle(op.extent_start, &gfn);
    return HYPERVISOR_memory_op(XENMEM_decrease_reservation, &op) == 1 &&
           HYPERVISOR_memory_op(XENMEM_populate_physmap, &op) == 1;
}

static bool read_store(void)
{
    char *value = xs_read(XS_NONE, "domid", NULL);
    free(value);
    return value;
}

static void report(const char *row, uint64_t ticks)
{
    printf("bench %s %llu\n", row, (unsigned long long)ticks);
}

static uint64_t least(bool (*operation)(void))
{
    uint64_t best = UINT64_MAX;
    for (int run = 0; run < RUNS; run++) {
        uint64_t start = rdtsc();
        if (!operation())
            return 0;
        uint64_t ticks = rdtsc() - start;
        if (ticks < best)
            best = ticks;
    }
    return best - tsc_cost;
}

static void row(const char *name, bool (*operation)(void))
{
    uint64_t ticks = least(operation);
    if (ticks)
        report(name, ticks);
    else
        test_note(TEST_FAIL, "%s refused", name);
}

// ---- event to self, send to upcall entry
// --------------------------------------------------------------------------

static void on_event(evtchn_port_t port, void *arg)
{
    (void)port, (void)arg;
}

static void hook_upcall(void)
{
    struct gate {
        uint16_t low, selector, type, middle;
        uint32_t high, reserved;
    } * gate;
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) idt;
    uint64_t entry = (uintptr_t)bench_upcall;
    uint64_t vector;
    __asm__ volatile("sidt %0" : "=m"(idt));
    if (hvm_param_get(DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, &vector))
        return;
    gate = (struct gate *)idt.base + (vector & 0xff);
    gate->low = (uint16_t)entry;
    gate->middle = (uint16_t)(entry >> 16);
    gate->high = (uint32_t)(entry >> 32);
}

static void event_row(void)
{
    uint64_t best = UINT64_MAX;
    int port = event_bind_ipi(on_event, NULL);
    if (port < 0) {
        test_note(TEST_FAIL, "no event channel: %d", port);
        return;
    }
    self_port = (evtchn_port_t)port;
    hook_upcall();
    for (int run = 0; run < RUNS; run++) {
        struct evtchn_send op = {.port = self_port};
        uint64_t start = rdtsc();
        HYPERVISOR_event_channel_op(EVTCHNOP_send, &op);
        while (!event_is_pending(self_port))
            cpu_relax();
        uint64_t ticks = bench_upcall_tsc - start;
        thread_yield();
        if (ticks < best)
            best = ticks;
    }
    report("event-self", best - tsc_cost);
}

// ---------------------------------------------------------------------------------------------------------------------

static bool grant_pages(void)
{
    self = guest_domid();
    source = page_alloc(PAGES);
    target = page_alloc(PAGES);
    if (!source || !target)
        return false;
    for (int i = 0; i < PAGES; i++) {
        source_refs[i] = grant_access(self, mem_gfn_of(source) + i, false);
        if (source_refs[i] < 0)
            return false;
    }
    return true;
}

int main(void)
{
    uint64_t start_up = rdtsc() - guest_entry_tsc();
    report("entry-to-main", start_up);
    tsc_cost = least(nothing);
    row("null-hypercall", null_hypercall);
    row("cpuid", cpuid_leaf_0);
    msr = exiting_msr();
    row("rdmsr", read_msr);
    row("efer", write_efer);
    mem_map_window(APIC_PAGE, PAGE_SIZE, MEM_UNCACHED);
    row("apic-read", read_apic);
    row("apic-eoi", end_of_interrupt);
    row("port-read", read_port);
    row("sched-yield", sched_yield);
    row("get-param", get_param);
    event_row();
    if (grant_pages()) {
        row("grant-copy-4k", copy_1_page);
        row("grant-copy-16x4k", copy_16_pages);
        if (test_on_proxenos()) // real Xen doesn't reliably map grants of one's own: see the guest "pair"
            row("grant-map-unmap", map_and_unmap);
        row("decrease-populate", give_and_take_page);
    } else {
        test_note(TEST_FAIL, "no pages granted");
    }
    if (xs_available())
        row("xenstore-read", read_store);
    return test_end("bench");
}
