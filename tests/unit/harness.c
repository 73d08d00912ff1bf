// SPDX-License-Identifier: MIT
// hv/arch.h for ordinary programs.

#include "harness.h"

#include <hv/cmdline.h>
#include <hv/guest_access.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/softirq.h>

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GPA_BITS    32
#define GFN_LIMIT   (1UL << (GPA_BITS - PAGE_SHIFT))
#define REGION_SIZE (1UL << ORDER_2M)
#define NR_REGIONS  (GFN_LIMIT / REGION_SIZE)

#define CHECK(cond)                                                                      \
    do {                                                                                 \
        if (!(cond)) {                                                                   \
            fprintf(stderr, "harness: %s failed at %s:%d\n", #cond, __FILE__, __LINE__); \
            abort();                                                                     \
        }                                                                                \
    } while (0)

struct boot_info boot_info;
struct arch_clock arch_clock = {
    .system_time = 0, .mul = 0x80000000U, .shift = 1, .tsc_stable = true, .tsc_khz = 1000000};

uint64_t harness_now = 1000;
struct harness_counts harness_counts;
bool harness_gsi_masked[256];
char harness_console[16384];
const char *harness_panic_message;

static char *machine_memory;
static struct cpu boot_cpu;
static uint64_t timer_deadline = TIME_NEVER;
static jmp_buf *panic_exit;

// --- the machine ---

struct cpu *this_cpu(void)
{
    return &boot_cpu;
}

void *mfn_to_virt(mfn_t mfn)
{
    CHECK(mfn.n < HARNESS_RAM >> PAGE_SHIFT);
    return machine_memory + (mfn.n << PAGE_SHIFT);
}

mfn_t virt_to_mfn(const void *virt)
{
    uint64_t offset = (const char *)virt - machine_memory;

    CHECK(offset < HARNESS_RAM);
    return MFN(offset >> PAGE_SHIFT);
}

void arch_cpu_relax(void)
{
    CHECK(!"a spinlock is taken that nobody else can release");
}

void arch_irq_window(void)
{
}

void arch_kick_cpu(unsigned cpu)
{
    CHECK(cpu == 0);
}

uint64_t arch_now(void)
{
    return harness_now;
}

uint64_t arch_boot_wallclock(void)
{
    return 1700000000123456789UL;
}

void arch_timer_program(uint64_t deadline)
{
    harness_counts.timer_programs++;
    timer_deadline = deadline;
}

void harness_advance(uint64_t ns)
{
    uint64_t end = harness_now + ns;

    softirq_run();
    while (timer_deadline <= end) {
        harness_now = MAX(harness_now, timer_deadline);
        timer_deadline = TIME_NEVER;
        timer_interrupt();
        softirq_run();
    }
    harness_now = end;
}

void arch_console_puts(const char *bytes, size_t n)
{
    size_t length = strlen(harness_console), room = sizeof(harness_console) - 1 - length;

    memcpy(harness_console + length, bytes, MIN(n, room));
    harness_console[length + MIN(n, room)] = '\0';
    if (getenv("HARNESS_VERBOSE"))
        fwrite(bytes, 1, n, stderr);
}

void harness_console_clear(void)
{
    harness_console[0] = '\0';
}

void __attribute__((noreturn)) arch_panic_halt(void)
{
    const char *message = strstr(harness_console, "PANIC: ");

    harness_panic_message = message ? message : harness_console;
    if (!panic_exit) {
        fprintf(stderr, "unexpected: %s\n", harness_panic_message);
        abort();
    }
    longjmp(*panic_exit, 1);
}

bool harness_panics(void (*fn)(void *arg), void *arg)
{
    jmp_buf here;

    panic_exit = &here;
    harness_console_clear();
    bool panicked = setjmp(here) != 0;
    if (!panicked)
        fn(arg);
    panic_exit = NULL;
    return panicked;
}

// Both end the machine, so they leave like a panic does.
void __attribute__((noreturn)) arch_poweroff(void)
{
    harness_counts.poweroffs++;
    arch_panic_halt();
}

void __attribute__((noreturn)) arch_reset(void)
{
    harness_counts.resets++;
    arch_panic_halt();
}

void *arch_frame_table(size_t record_size)
{
    uint64_t frames = 0;

    for (unsigned i = 0; i < boot_info.nr_regions; i++)
        if (boot_info.regions[i].type == MEM_RAM)
            frames = MAX(frames, boot_info.regions[i].end >> PAGE_SHIFT);
    return calloc(frames, record_size);
}

bool arch_gsi_available(unsigned gsi)
{
    return gsi < 24 && gsi != 4;
}

void arch_gsi_mask(unsigned gsi, bool masked)
{
    harness_gsi_masked[gsi] = masked;
}

bool arch_mmio_allowed(mfn_t mfn)
{
    return mfn.n >= HARNESS_RAM >> PAGE_SHIFT;
}

char harness_debug_keys[8]; // the latest first

void arch_debug_key(char key)
{
    memmove(harness_debug_keys + 1, harness_debug_keys, sizeof(harness_debug_keys) - 2);
    harness_debug_keys[0] = key;
}

void arch_machine_info(struct arch_machine_info *info)
{
    *info = (struct arch_machine_info){.speculation = "ibpb=on",
                                       .nr_cpus = 1,
                                       .threads_per_core = 1,
                                       .cores_per_socket = 1,
                                       .cpu_khz = arch_clock.tsc_khz,
                                       .hvm = true,
                                       .hap = true,
                                       .virt_name = "harness"};
}

// --- vcpus ---

int arch_vcpu_create(struct vcpu *v)
{
    v->arch = calloc(1, 1); // seen by the leak checker if it is not destroyed
    v->initialised = true;
    return 0;
}

void arch_vcpu_destroy(struct vcpu *v)
{
    free(v->arch);
}

void arch_vcpu_switch(struct vcpu *prev, struct vcpu *next)
{
    CHECK(prev != next);
    harness_counts.switches++;
}

void arch_vcpu_kick(struct vcpu *v)
{
    (void)v;
    harness_counts.vcpu_kicks++;
}

bool arch_vcpu_interrupt_pending(struct vcpu *v)
{
    return vcpu_event_pending(v);
}

void arch_vcpu_dump(const struct vcpu *v)
{
    log_error("registers of d%dv%u", v->domain->id, v->id);
}

int arch_vcpu_initialise(struct vcpu *v, gva_t context)
{
    (void)v, (void)context;
    return -XEN_ENOSYS;
}

int arch_hvm_context_set(struct domain *d, const void *buf, uint32_t size)
{
    (void)d, (void)buf, (void)size;
    return 0;
}

long arch_hvm_context_get(struct domain *d, void *buf, uint32_t size)
{
    (void)d, (void)buf, (void)size;
    return 0;
}

int arch_set_callback_irq(struct domain *d, uint64_t value)
{
    (void)d;
    return value >> 56 == HVM_PARAM_CALLBACK_TYPE_VECTOR ? 0 : -XEN_EINVAL;
}

int arch_set_upcall_vector(struct vcpu *v, uint8_t vector)
{
    (void)v, (void)vector;
    return 0;
}

// No paging: guest-virtual is guest-physical.
void *arch_guest_memory(struct vcpu *v, uint64_t va, bool write)
{
    return p2m_memory(v->domain, va, write);
}

bool harness_take_upcall(struct vcpu *v)
{
    bool pending = v->info->evtchn_upcall_pending;

    v->info->evtchn_upcall_pending = 0;
    v->info->evtchn_pending_sel = 0;
    return pending;
}

// --- guest-physical memory: a flat array of leaves; regions of 2 MiB mapped in small pages have a table page
// ---

struct arch_domain {
    struct p2m_entry *map; // [GFN_LIMIT]
    mfn_t tables[NR_REGIONS];
    unsigned small[NR_REGIONS]; // 4 KiB leaves present
    bool large[NR_REGIONS];     // mapped by a larger leaf
};

int arch_domain_create(struct domain *d)
{
    d->arch = calloc(1, sizeof(*d->arch));
    d->arch->map = mmap(NULL, GFN_LIMIT * sizeof(struct p2m_entry), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(d->arch->map != MAP_FAILED);
    for (unsigned i = 0; i < NR_REGIONS; i++)
        d->arch->tables[i] = MFN_INVALID;
    return 0;
}

void arch_domain_destroy(struct domain *d)
{
    munmap(d->arch->map, GFN_LIMIT * sizeof(struct p2m_entry));
    free(d->arch);
    d->arch = NULL;
}

unsigned arch_gpa_bits(void)
{
    return GPA_BITS;
}

int arch_p2m_init(struct domain *d)
{
    mfn_t root = p2m_table_alloc(d);

    if (!mfn_valid(root))
        return -XEN_ENOMEM;
    d->p2m.root = root.n << PAGE_SHIFT;
    return 0;
}

static bool region_is_empty(const struct arch_domain *a, uint64_t region)
{
    return a->small[region] == 0 && !a->large[region];
}

static int ensure_table(struct domain *d, uint64_t region)
{
    mfn_t *table = &d->arch->tables[region];

    if (!mfn_valid(*table))
        *table = p2m_table_alloc(d);
    return mfn_valid(*table) ? 0 : -XEN_ENOMEM;
}

static void drop_table(struct domain *d, uint64_t region)
{
    mfn_t *table = &d->arch->tables[region];

    if (mfn_valid(*table))
        p2m_table_free(d, *table);
    *table = MFN_INVALID;
    d->arch->small[region] = 0;
}

static void set_order(struct arch_domain *a, uint64_t gfn, unsigned from, unsigned to)
{
    gfn = ALIGN_DOWN(gfn, 1UL << from);
    for (uint64_t i = 0; i < 1UL << from; i++)
        a->map[gfn + i].order = to;
}

static int set_small(struct domain *d, uint64_t gfn, mfn_t mfn, enum p2m_type type)
{
    struct arch_domain *a = d->arch;
    struct p2m_entry *entry = &a->map[gfn];
    uint64_t region = gfn / REGION_SIZE;

    if (type == P2M_HOLE && entry->type == P2M_HOLE)
        return 0;
    if (ensure_table(d, region))
        return -XEN_ENOMEM;
    if (entry->type != P2M_HOLE && entry->order == ORDER_1G)
        set_order(a, gfn, ORDER_1G, ORDER_2M);
    if (entry->type != P2M_HOLE && entry->order == ORDER_2M) {
        set_order(a, gfn, ORDER_2M, ORDER_4K);
        a->small[region] = REGION_SIZE;
        a->large[region] = false;
    }
    a->small[region] += (type != P2M_HOLE) - (entry->type != P2M_HOLE);
    *entry = (struct p2m_entry){.mfn = mfn, .type = type};
    if (a->small[region] == 0)
        drop_table(d, region);
    return 0;
}

int arch_p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned order, enum p2m_type type)
{
    struct arch_domain *a = d->arch;
    uint64_t count = 1UL << order;

    CHECK(gfn.n % count == 0 && gfn.n + count <= GFN_LIMIT);
    if (order == ORDER_4K)
        return set_small(d, gfn.n, mfn, type);
    if (a->map[gfn.n].type != P2M_HOLE && a->map[gfn.n].order > order)
        set_order(a, gfn.n, ORDER_1G, order);
    for (uint64_t region = gfn.n / REGION_SIZE; region < (gfn.n + count) / REGION_SIZE; region++) {
        drop_table(d, region);
        a->large[region] = type != P2M_HOLE;
    }
    for (uint64_t i = 0; i < count; i++)
        a->map[gfn.n + i] = type == P2M_HOLE
                                ? (struct p2m_entry){.type = P2M_HOLE}
                                : (struct p2m_entry){.mfn = mfn_add(mfn, i), .type = type, .order = order};
    return 0;
}

struct p2m_entry arch_p2m_get(struct domain *d, gfn_t gfn)
{
    struct p2m_entry entry = {.mfn = MFN_INVALID, .type = P2M_HOLE};

    if (gfn.n >= GFN_LIMIT)
        return entry;
    if (d->arch->map[gfn.n].type != P2M_HOLE)
        entry = d->arch->map[gfn.n];
    else if (region_is_empty(d->arch, gfn.n / REGION_SIZE))
        entry.order = ORDER_2M;
    return entry;
}

void arch_p2m_flush(struct domain *d)
{
    (void)d;
    harness_counts.flushes++;
}

bool arch_p2m_teardown(struct domain *d, uint64_t *cursor, unsigned budget,
                       void (*leaf)(struct domain *d, struct p2m_entry entry))
{
    struct arch_domain *a = d->arch;

    while (*cursor < GFN_LIMIT && budget > 0) {
        if (region_is_empty(a, *cursor / REGION_SIZE)) {
            *cursor = ALIGN_DOWN(*cursor, REGION_SIZE) + REGION_SIZE;
            continue;
        }
        struct p2m_entry entry = a->map[*cursor];
        if (entry.type != P2M_HOLE) {
            arch_p2m_set(d, GFN(*cursor), MFN_INVALID, entry.order, P2M_HOLE);
            leaf(d, entry);
            budget--;
        }
        *cursor += 1UL << entry.order;
    }
    return *cursor >= GFN_LIMIT;
}

// --- set-up, and acting for guests ---

static uint64_t free_at_start;

static void boot(void)
{
    machine_memory =
        mmap(NULL, HARNESS_RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(machine_memory != MAP_FAILED);
    hv_options.log_level = LOG_DEBUG;
    boot_info.nr_regions = 1;
    boot_info.regions[0] = (struct mem_region){0, HARNESS_RAM, MEM_RAM};
    boot_mem_init(&boot_info);
    page_alloc_init();
    cpu_online(&boot_cpu);
    free_at_start = page_free_count();
}

void harness_init(void)
{
    if (!machine_memory)
        boot();
    softirq_run();
    hardware_domain = control_domain = NULL;
    CHECK(!current_vcpu());
    CHECK(!domain_next(0));
    CHECK(page_free_count() == free_at_start);
    harness_console_clear();
    harness_counts = (struct harness_counts){0};
}

static void give_ram(struct domain *d, unsigned pages)
{
    d->max_pages = pages;
    for (unsigned i = 0; i < pages; i++) {
        mfn_t mfn = page_alloc_domain(d, 0, 0);

        CHECK(mfn_valid(mfn));
        page_scrub(mfn, 0);
        CHECK(p2m_insert(d, GFN(i), mfn, 1, P2M_RAM) == 0);
    }
}

struct domain *harness_domain(uint32_t privileges, unsigned vcpus, unsigned pages)
{
    struct domain_config config = {.privileges = privileges,
                                   .max_vcpus = vcpus,
                                   .max_evtchn_port = EVTCHN_2L_PORTS - 1,
                                   .max_grant_frames = -1,
                                   .max_maptrack_frames = -1};
    struct domain *d;

    CHECK(domain_create(DOMID_INVALID, &config, &d) == 0);
    if ((privileges & PRIV_CONTROL) && !control_domain)
        control_domain = d;
    if ((privileges & PRIV_HARDWARE) && !hardware_domain)
        hardware_domain = d;
    give_ram(d, pages);
    for (unsigned i = 0; i < vcpus; i++) {
        CHECK(vcpu_create(d, i) == 0);
        vcpu_up(d->vcpus[i]);
    }
    CHECK(domain_unpause_by_toolstack(d) == 0);
    softirq_run();
    return d;
}

void harness_destroy(struct domain *d)
{
    if (control_domain == d)
        control_domain = NULL;
    if (hardware_domain == d)
        hardware_domain = NULL;
    domain_pause(d);
    softirq_run();
    domain_get(d);
    while (domain_destroy(d) == -XEN_ERESTART)
        softirq_run();
    domain_put(d);
    softirq_run();
}

void harness_enter(struct vcpu *v)
{
    struct vcpu *paused[256];
    unsigned count = 0;

    CHECK(vcpu_runnable(v));
    for (softirq_run(); current_vcpu() != v; softirq_run()) {
        CHECK(count < ARRAY_SIZE(paused));
        paused[count] = current_vcpu();
        vcpu_pause(paused[count++]);
    }
    while (count > 0)
        vcpu_unpause(paused[--count]);
}

long harness_hypercall(struct vcpu *v, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
    struct hypercall call = {.nr = nr, .args = {a0, a1, a2}};
    long rc;

    for (;;) {
        harness_enter(v);
        rc = hypercall_dispatch(v, &call);
        if (rc != HYPERCALL_CONTINUE)
            return rc;
        softirq_run();
    }
}

void *harness_memory(struct domain *d, gpa_t gpa)
{
    struct p2m_entry entry = p2m_lookup(d, GFN(gpa >> PAGE_SHIFT));

    return entry.type == P2M_HOLE ? NULL : (char *)mfn_to_virt(entry.mfn) + (gpa & ~PAGE_MASK);
}
