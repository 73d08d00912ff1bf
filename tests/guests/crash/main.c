// SPDX-License-Identifier: MIT
//
// A guest that ends badly, in the way its command line says: it must die alone, with its registers on record.
// Prints "about to WORD" first; a line "TEST crash: FAIL ..." means that it survived. `halt`, `reboot`,
// `hypercalls`, `random` and the words about rings end without a crash, `storm` never ends. The word `list`
// prints all words.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/console.h>
#include <xen/io/xs_wire.h>
#include <guest/console.h>
#include <guest/cpu.h>
#include <guest/event.h>
#include <guest/hypercall.h>
#include <guest/mem.h>
#include <guest/shutdown.h>
#include <guest/thread.h>
#include <guest/time.h>
#include "../test.h"

static void triple_fault(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) no_idt = {0, 0};
    __asm__ volatile("lidt %0; ud2" ::"m"(no_idt));
}

static void jump_to_nowhere(void)
{
    ((void (*)(void))UINT64_C(0x300000000000))();
}

// An address that the guest's tables map and nothing is behind, touched by an instruction no simple decoder
// knows.
static void touch_hole(void)
{
    uint64_t address = UINT64_C(0x3000000000);
    mem_map_window(address, PAGE_SIZE, 0);
    __asm__ volatile("lock cmpxchg16b (%0)" ::"r"(address), "a"(0), "b"(0), "c"(0), "d"(0) : "memory");
}

static void undefined_instruction(void)
{
    __asm__ volatile("ud2");
}

static void divide_by_zero(void)
{
    __asm__ volatile("divl %%ecx" ::"a"(1), "d"(0), "c"(0));
}

static void null_pointer(void)
{
    volatile int *volatile pointer = NULL;
    pointer[2] = 1;
}

static void write_to_text(void)
{
    *(volatile char *)(uintptr_t)write_to_text = 0;
}

static void execute_data(void)
{
    static char code[] = {(char)0xc3};
    ((void (*)(void))(uintptr_t)code)();
}

static unsigned overflow_stack_by(unsigned depth)
{
    volatile char frame[512];
    frame[0] = (char)depth;
    return depth ? overflow_stack_by(depth + 1) + (unsigned)frame[0] : 0;
}

static void overflow_stack(void)
{
    printf("%u\n", overflow_stack_by(1));
}

static void bad_page_tables(void)
{
    __asm__ volatile("mov %0, %%cr3" ::"r"(UINT64_C(0x3ffff000)) : "memory");
}

static void panic(void)
{
    guest_panic("as asked");
}

static void fail_assertion(void)
{
    abort();
}

static void reboot(void)
{
    shutdown_reboot();
}

static void crash(void)
{
    shutdown_crash();
}

static void halt_for_good(void)
{
    __asm__ volatile("cli; hlt");
}

// Every hypercall with pointers to nowhere, to read-only text, across the end of the address space: errors,
// not deaths.
static void wild_hypercalls(void)
{
    static const unsigned long wild[] = {
        0, 1, 0xfff, 0x1000000, 0x7fffffffffff, 0x8000000000000000, ~0ul, ~0ul - 4095};
    for (unsigned op = 0; op < 64; op++) {
        if (op == __HYPERVISOR_sched_op || op == __HYPERVISOR_vcpu_op) // these may well do as they are told
            continue;
        for (unsigned sub = 0; sub < 40; sub++)
            for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++)
                hypercall5(op, sub, wild[i], wild[(i + 3) % 8], wild[(i + 5) % 8], wild[(i + 7) % 8]);
    }
    printf("still alive\n");
}

// ---- random hypercalls

static uint64_t pages[4][512] __attribute__((aligned(4096)));

static uint64_t likely_word(void)
{
    static const uint64_t words[] = {DOMID_SELF, 0, ~0ul, 1ul << 63, 1ul << 32 | 1, 0x7ff0, 0xfff};
    unsigned nr = (unsigned)rand();

    switch (nr % 5) {
    case 0: return nr / 5 % 4; // as a gfn: not where the page tables are
    case 1: return mem_gfn_of(pages[nr / 5 % 4]);
    case 2: return 0x100000 + nr / 5 % 8; // gfns of nothing, until a call puts something there
    case 3: return (uintptr_t)pages[nr / 5 % 4] + nr / 20 % 2 * 4080;
    default: return words[nr / 5 % 7];
    }
}

// Structures are made of such words and of halves of them; most land in pages that calls take away meanwhile.
static void fill_at_random(void)
{
    for (unsigned i = 0; i < 8; i++) {
        uint64_t low = likely_word(), high = likely_word();

        pages[rand() % 4][rand() % 2 * 510 + i % 2] = rand() % 2 ? low : (uint32_t)low | high << 32;
    }
}

// Whatever they do to this guest, they do to nobody else. It may well lose what it needs to end by itself.
static void random_hypercalls(void)
{
    static const unsigned calls[] = {
        __HYPERVISOR_memory_op,        __HYPERVISOR_grant_table_op, __HYPERVISOR_vcpu_op,
        __HYPERVISOR_event_channel_op, __HYPERVISOR_hvm_op,         __HYPERVISOR_multicall,
        __HYPERVISOR_console_io,       __HYPERVISOR_xen_version,    __HYPERVISOR_physdev_op,
        __HYPERVISOR_domctl,           __HYPERVISOR_vm_assist};
    struct sched_shutdown off = {.reason = SHUTDOWN_poweroff};

    interrupts_disable();
    for (unsigned i = 0; i < 50000; i++) {
        unsigned call = calls[(unsigned)rand() % (sizeof(calls) / sizeof(calls[0]))];
        uint64_t sub = (unsigned)rand() % 28, count = (unsigned)rand() % 4;

        fill_at_random();
        if (call == __HYPERVISOR_multicall)
            hypercall5(call, (uintptr_t)pages[rand() % 4], count, 0, 0, 0);
        else if (call == __HYPERVISOR_vcpu_op && sub != VCPUOP_down)
            hypercall5(call, sub, 0, (uintptr_t)pages[rand() % 4], 0, 0);
        else if (call != __HYPERVISOR_vcpu_op)
            hypercall5(call, sub, (uintptr_t)pages[rand() % 4] + rand() % 2 * 4080, count, 0, 0);
    }
    HYPERVISOR_sched_op(SCHEDOP_shutdown, &off);
}

static void *ring_page(uint32_t param)
{
    uint64_t gfn = 0;
    return hvm_param_get(DOMID_SELF, param, &gfn) || !gfn ? NULL : mem_of_gfn(gfn);
}

static void kick(uint32_t param)
{
    uint64_t port = 0;
    if (!hvm_param_get(DOMID_SELF, param, &port))
        event_send((evtchn_port_t)port);
}

static void garbage_in_store_ring(void)
{
    struct xenstore_domain_interface *ring = ring_page(HVM_PARAM_STORE_PFN);
    if (!ring)
        return;
    for (unsigned round = 0; round < 100; round++) {
        for (size_t i = 0; i < sizeof(ring->req); i++)
            ring->req[i] = (char)rand();
        ring->req_prod = round % 2 ? (uint32_t)rand() : ring->req_cons + 1024;
        if (round % 3 == 0)
            ring->rsp_cons = (uint32_t)rand();
        kick(HVM_PARAM_STORE_EVTCHN);
        thread_sleep(NS_PER_MS);
    }
    shutdown_poweroff();
}

static void garbage_in_console_ring(void)
{
    struct xencons_interface *ring = ring_page(HVM_PARAM_CONSOLE_PFN);
    if (!ring)
        return;
    for (unsigned round = 0; round < 100; round++) {
        for (size_t i = 0; i < sizeof(ring->out); i++)
            ring->out[i] = (char)(round % 2 ? rand() : 0x1b);
        ring->out_prod = (uint32_t)rand();
        ring->in_cons = (uint32_t)rand();
        kick(HVM_PARAM_CONSOLE_EVTCHN);
        thread_sleep(NS_PER_MS);
    }
    shutdown_poweroff();
}

// The upcall interrupts itself for ever: not one instruction of the guest's own gets done.
static void storm_of_upcalls(void)
{
    static struct vcpu_info info __attribute__((aligned(64)));
    struct vcpu_register_vcpu_info op = {.mfn = mem_gfn_of(&info),
                                         .offset = (uintptr_t)&info & (PAGE_SIZE - 1)};
    HYPERVISOR_vcpu_op(VCPUOP_register_vcpu_info, 0, &op); // the kit goes on clearing the old place
    for (;;)
        cpu_relax();
}

static const struct {
    const char *word;
    void (*fn)(void);
} ways[] = {
    {"triple-fault", triple_fault},
    {"jump", jump_to_nowhere},
    {"hole", touch_hole},
    {"ud2", undefined_instruction},
    {"divide", divide_by_zero},
    {"null", null_pointer},
    {"text", write_to_text},
    {"data", execute_data},
    {"stack", overflow_stack},
    {"cr3", bad_page_tables},
    {"panic", panic},
    {"abort", fail_assertion},
    {"shutdown", crash},
    {"reboot", reboot},
    {"halt", halt_for_good},
    {"hypercalls", wild_hypercalls},
    {"random", random_hypercalls},
    {"store-ring", garbage_in_store_ring},
    {"console-ring", garbage_in_console_ring},
    {"storm", storm_of_upcalls},
};

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "list";
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (!strcmp(word, "list")) {
            printf("%s\n", ways[i].word);
        } else if (!strcmp(word, ways[i].word)) {
            printf("about to %s\n", word);
            fflush(stdout);
            thread_sleep(20 * NS_PER_MS); // for the console daemon
            ways[i].fn();
        }
    }
    if (strcmp(word, "hypercalls") && strcmp(word, "list"))
        test_note(TEST_FAIL, "survived \"%s\"", word);
    return test_end("crash");
}
