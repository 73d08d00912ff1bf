// SPDX-License-Identifier: MIT
//
// A guest for tests of the toolstack: does what its command line says, word by word. Good and bad manners
// alike:
//   say=TEXT flood=LINES sleep=MS idle echo listen poweroff reboot crash triple wild hole rings pester hoard
//   end=REASON swap=PAGES

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/console.h>
#include <guest/console.h>
#include <guest/event.h>
#include <guest/hypercall.h>
#include <guest/main.h>
#include <guest/mem.h>
#include <guest/shutdown.h>
#include <guest/thread.h>
#include <guest/time.h>
#include <guest/xenstore.h>

static void say(const char *text)
{
    printf("%s\n", text);
}

static void flood(const char *lines)
{
    for (long i = 0, count = atol(lines); i < count; i++)
        printf("line %ld of %ld, as long as lines of a log usually are\n", i, count);
}

static void sleep_ms(const char *ms)
{
    thread_sleep((uint64_t)atol(ms) * NS_PER_MS);
}

static void idle(const char *unused)
{
    (void)unused;
    thread_sleep_until(DEADLINE_NEVER);
}

// Gives back what is typed, in angle brackets, until a q.
static void echo(const char *unused)
{
    int c;
    (void)unused;
    console_set_raw(true);
    while ((c = console_getc(DEADLINE_NEVER)) != 'q')
        console_write((char[]){'<', (char)c, '>'}, 3);
    console_write("\r\n", 2);
}

static void on_request(const char *path, void *unused)
{
    size_t size;
    char *request = xs_read(XS_NONE, path, &size);
    (void)unused;
    if (!request || !*request)
        return;
    printf("request: %s\n", request);
    xs_write(XS_NONE, path, "", 0);
    if (!strcmp(request, "poweroff"))
        shutdown_poweroff();
    if (!strcmp(request, "reboot"))
        shutdown_reboot();
}

// Obeys xl shutdown and xl reboot, as an operating system does.
static void listen(const char *unused)
{
    (void)unused;
    if (!xs_watch("control/shutdown", on_request, NULL))
        printf("no watch: %s\n", strerror(errno));
    say("listening");
    thread_sleep_until(DEADLINE_NEVER);
}

static void power_off(const char *unused)
{
    (void)unused;
    shutdown_poweroff();
}

static void reboot(const char *unused)
{
    (void)unused;
    shutdown_reboot();
}

static void crash(const char *unused)
{
    (void)unused;
    shutdown_crash();
}

// Shuts down for a reason that need not exist.
static void end(const char *reason)
{
    struct sched_shutdown op = {.reason = (unsigned)atol(reason)};
    printf("refused: %ld\n", HYPERVISOR_sched_op(SCHEDOP_shutdown, &op));
}

// A fault with no table to find a handler in.
static void triple_fault(const char *unused)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) none = {0, 0};
    (void)unused;
    __asm__ volatile("lidt %0; ud2" ::"m"(none));
}

// A hypercall whose argument is nowhere: an error is the answer, not harm.
static void wild_pointer(const char *unused)
{
    (void)unused;
    printf("wild pointer: %ld\n", HYPERVISOR_memory_op(XENMEM_add_to_physmap, (void *)0xdead00000000));
}

// An instruction the hypervisor does not know, on an address nothing backs.
static void poke_a_hole(const char *unused)
{
    volatile uint64_t *hole = (void *)UINT64_C(0x7000000000);
    (void)unused;
    mem_map_window((uintptr_t)hole, PAGE_SIZE, MEM_UNCACHED);
    printf("a hole reads as %llx\n", (unsigned long long)*hole);
    fflush(stdout);
    __asm__ volatile("lock incq %0" : "+m"(*hole));
}

// Nonsense in the indices of both the console's and the store's ring.
static void spoil_rings(const char *unused)
{
    static const uint32_t params[][2] = {{HVM_PARAM_CONSOLE_PFN, HVM_PARAM_CONSOLE_EVTCHN},
                                         {HVM_PARAM_STORE_PFN, HVM_PARAM_STORE_EVTCHN}};
    (void)unused;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t gfn, port;
        if (hvm_param_get(DOMID_SELF, params[i][0], &gfn) || hvm_param_get(DOMID_SELF, params[i][1], &port))
            continue;
        memset(mem_of_gfn(gfn), 0xa5, PAGE_SIZE);
        ((struct xencons_interface *)mem_of_gfn(gfn))->out_prod = 0x12345678;
        event_send((evtchn_port_t)port);
    }
    thread_sleep(100 * NS_PER_MS);
}

// Rings both doorbells without end, and puts nothing behind the door.
static void pester(const char *unused)
{
    uint64_t console = 0, store = 0;
    (void)unused;
    hvm_param_get(DOMID_SELF, HVM_PARAM_CONSOLE_EVTCHN, &console);
    hvm_param_get(DOMID_SELF, HVM_PARAM_STORE_EVTCHN, &store);
    for (;;) {
        event_send((evtchn_port_t)console);
        event_send((evtchn_port_t)store);
    }
}

static void ignore(const char *path, void *unused)
{
    (void)path, (void)unused;
}

// Takes all of the store it gets, and goes on asking.
static void hoard(const char *unused)
{
    static char value[1500];
    char path[64];
    xs_tx tx;
    (void)unused;
    memset(value, 'x', sizeof(value));
    for (unsigned i = 0;; i++) {
        snprintf(path, sizeof(path), "data/%u", i % 2000);
        xs_watch(path, ignore, NULL);
        xs_tx_start(&tx);
        xs_write(XS_NONE, path, value, sizeof(value));
    }
}

// Gives a page away and takes another in its place, so many times.
static void swap(const char *pages)
{
    xen_pfn_t gfn = mem_gfn_of(page_alloc(1));
    struct xen_memory_reservation op = {.nr_extents = 1, .domid = DOMID_SELF};
    long swapped = 0;
    set_xen_guest_handle(op.extent_start, &gfn);
    while (swapped < atol(pages) && HYPERVISOR_memory_op(XENMEM_decrease_reservation, &op) == 1 &&
           HYPERVISOR_memory_op(XENMEM_populate_physmap, &op) == 1)
        swapped++;
    printf("%ld pages swapped\n", swapped);
}

static const struct {
    const char *word;
    void (*act)(const char *value);
} acts[] = {
    {"say", say},           {"flood", flood},         {"sleep", sleep_ms},     {"idle", idle},
    {"echo", echo},         {"listen", listen},       {"poweroff", power_off}, {"reboot", reboot},
    {"crash", crash},       {"triple", triple_fault}, {"wild", wild_pointer},  {"hole", poke_a_hole},
    {"rings", spoil_rings}, {"pester", pester},       {"hoard", hoard},        {"end", end},
    {"swap", swap},
};

static void perform(char *word)
{
    char *value = strchr(word, '=');
    if (value)
        *value++ = '\0';
    for (unsigned i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
        if (!strcmp(acts[i].word, word)) {
            fflush(stdout);
            acts[i].act(value ? value : "");
            return;
        }
    }
    printf("don't know how to %s\n", word);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        perform(argv[i]);
    return 0;
}
