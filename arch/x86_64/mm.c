// SPDX-License-Identifier: MIT
// The host's address space (asm/layout.h): built once from the boot allocator, then only leaves of the two
// windows change. Boot cpu only until other cpus are started; nothing here is locked.

#include <hv/arch.h>
#include <hv/boot_info.h>
#include <hv/page_alloc.h>
#include <hv/printk.h>
#include <hv/string.h>

#include <asm/cpu.h>
#include <asm/layout.h>
#include <asm/machine.h>
#include <asm/percpu.h>
#include <asm/pt.h>

#define BOOT_MAP_END (4UL << 30) // what the boot page tables reach

extern char image_text[], image_rodata[], image_data[], image_end[];

uint64_t image_offset; // by how much the image was moved from where it is linked to be loaded; from boot.S

static const struct pt_attr ATTR_TEXT = {.exec = true};
static const struct pt_attr ATTR_RODATA = {.write = false};
static const struct pt_attr ATTR_DATA = {.write = true};
static const struct pt_attr ATTR_MMIO = {.write = true, .uncached = true};
static const struct pt_attr ATTR_SCREEN = {.write = true, .combining = true};

void mm_enter(uint64_t cr3, uint64_t stack_top, void (*next)(void)) __attribute__((noreturn)); // entry.S

void *mfn_to_virt(mfn_t mfn)
{
    return (void *)(DIRECT_BASE + (mfn.n << PAGE_SHIFT));
}

mfn_t virt_to_mfn(const void *virt)
{
    uint64_t address = (uint64_t)virt;

    if (address >= IMAGE_BASE && address < (uint64_t)image_end)
        return MFN((address - IMAGE_BASE + image_offset) >> PAGE_SHIFT);
    ASSERT(address >= DIRECT_BASE && address < DIRECT_BASE + DIRECT_SIZE);
    return MFN((address - DIRECT_BASE) >> PAGE_SHIFT);
}

maddr_t mm_image_start(void)
{
    return IMAGE_LOAD + image_offset;
}

maddr_t mm_image_end(void)
{
    return (maddr_t)image_end - IMAGE_BASE + image_offset;
}

static mfn_t boot_page(void *ctx)
{
    maddr_t page = boot_mem_alloc(PAGE_SIZE, PAGE_SIZE, BOOT_MAP_END);

    (void)ctx;
    if (!page)
        return MFN_INVALID;
    memset(mfn_to_virt(MFN(page >> PAGE_SHIFT)), 0, PAGE_SIZE);
    return MFN(page >> PAGE_SHIFT);
}

// Only the firmware window and the MMIO window change later, and those have all their tables.
static void no_free(void *ctx, mfn_t table)
{
    (void)ctx;
    panic("host page table %lx freed", table.n);
}

static struct pt host_pt = {.format = &pt_format_host, .alloc = boot_page, .free = no_free};

static void map(uint64_t virt, mfn_t mfn, unsigned order, struct pt_attr attr)
{
    // Frame numbers of virtual addresses: the sign extension above bit 47 is not part of them.
    uint64_t frame = (virt & ((1UL << 48) - 1)) >> PAGE_SHIFT;

    if (pt_map(&host_pt, frame, mfn, order, attr) != 0)
        panic("too little memory below 4 GiB for the hypervisor's page tables");
}

static void unmap(uint64_t virt)
{
    pt_unmap(&host_pt, (virt & ((1UL << 48) - 1)) >> PAGE_SHIFT, ORDER_4K);
    invlpg((void *)virt);
}

static unsigned largest_order(uint64_t frame, uint64_t end)
{
    static const unsigned orders[] = {ORDER_1G, ORDER_2M};

    for (unsigned i = 0; i < ARRAY_SIZE(orders); i++) {
        uint64_t pages = 1UL << orders[i];

        if (orders[i] == ORDER_1G && !cpu_has(XEN_X86_FEATURE_PAGE1GB))
            continue;
        if (frame % pages == 0 && end - frame >= pages)
            return orders[i];
    }
    return ORDER_4K;
}

// [start, end) in bytes, page-aligned, appears at base + start. Where a large page fits, base must be aligned
// to it.
static void map_range(uint64_t base, maddr_t start, maddr_t end, struct pt_attr attr)
{
    uint64_t frame = start >> PAGE_SHIFT, last = end >> PAGE_SHIFT;

    while (frame < last) {
        unsigned order = largest_order(frame, last);

        map(base + (frame << PAGE_SHIFT), MFN(frame), order, attr);
        frame += 1UL << order;
    }
}

static void map_direct(maddr_t start, maddr_t end)
{
    map_range(DIRECT_BASE, start, end, ATTR_DATA);
}

// All RAM but the image, whose text and constants must not be writable under another address.
static void map_ram(const struct mem_region *region)
{
    maddr_t image_start = mm_image_start(), image_stop = mm_image_end();

    if (region->end > DIRECT_SIZE)
        panic("RAM at %lx is beyond the direct map", region->end);
    if (region->end <= image_start || image_stop <= region->start) {
        map_direct(region->start, region->end);
        return;
    }
    if (region->start < image_start)
        map_direct(region->start, image_start);
    if (image_stop < region->end)
        map_direct(image_stop, region->end);
}

static void map_image(const char *start, const char *end, struct pt_attr attr)
{
    uint64_t base = IMAGE_BASE - image_offset;

    map_range(base, (uint64_t)start - base, (uint64_t)end - base, attr);
}

static uint64_t map_stack(uint64_t guard, uint64_t size)
{
    uint64_t virt = guard + STACK_GUARD_SIZE;

    for (uint64_t end = virt + size; virt < end; virt += PAGE_SIZE) {
        mfn_t page = boot_page(NULL);

        if (!mfn_valid(page))
            panic("no memory for a stack");
        map(virt, page, ORDER_4K, ATTR_DATA);
    }
    return virt;
}

static void map_stacks(unsigned cpu)
{
    uint64_t at = map_stack(STACK_BASE + (uint64_t)cpu * STACK_SLOT_SIZE, STACK_MAIN_SIZE);

    for (unsigned i = 0; i < IST_COUNT; i++)
        at = map_stack(at, STACK_EMERGENCY_SIZE);
}

// Makes the tables of a window by mapping its first page for a moment. Each window lies in one lowest-level
// table.
static void prepare_window(uint64_t base)
{
    map(base, MFN(0), ORDER_4K, ATTR_RODATA);
    unmap(base);
}

// --- page records ---

static void map_records(uint64_t virt, uint64_t end)
{
    while (virt < end) {
        bool large = virt % (PAGE_SIZE << ORDER_2M) == 0 && end - virt >= PAGE_SIZE << ORDER_2M;
        unsigned order = large ? ORDER_2M : ORDER_4K;
        uint64_t size = PAGE_SIZE << order;
        maddr_t memory = boot_mem_alloc(size, size, 0);

        if (!memory)
            panic("no memory for the page records");
        memset(mfn_to_virt(MFN(memory >> PAGE_SHIFT)), 0, size);
        map(virt, MFN(memory >> PAGE_SHIFT), order, ATTR_DATA);
        virt += size;
    }
}

// Records of a hole in RAM: read as zeros, and take one page for all.
static void map_no_records(uint64_t virt, uint64_t end)
{
    static mfn_t zeros = {~0UL};

    if (virt < end && !mfn_valid(zeros))
        zeros = boot_page(NULL);
    for (; virt < end; virt += PAGE_SIZE)
        map(virt, zeros, ORDER_4K, ATTR_RODATA);
}

void *arch_frame_table(size_t record_size)
{
    uint64_t at = FRAME_TABLE_BASE; // everything below is mapped

    for (unsigned i = 0; i < boot_info.nr_regions; i++) {
        const struct mem_region *region = &boot_info.regions[i];
        uint64_t start = FRAME_TABLE_BASE + (region->start >> PAGE_SHIFT) * record_size;
        uint64_t end = FRAME_TABLE_BASE + (region->end >> PAGE_SHIFT) * record_size;

        if (region->type != MEM_RAM)
            continue;
        start = MAX(ALIGN_DOWN(start, PAGE_SIZE), at);
        map_no_records(at, start);
        at = MAX(ALIGN_UP(end, PAGE_SIZE), at);
        map_records(start, at);
    }
    return (void *)FRAME_TABLE_BASE;
}

// --- all together ---

void mm_init(void)
{
    host_pt.root = boot_page(NULL);
    if (!mfn_valid(host_pt.root))
        panic("no memory below 4 GiB for the hypervisor's page tables");
    for (unsigned i = 0; i < boot_info.nr_regions; i++)
        if (boot_info.regions[i].type == MEM_RAM)
            map_ram(&boot_info.regions[i]);
    map_image(image_text, image_rodata, ATTR_TEXT);
    map_image(image_rodata, image_data, ATTR_RODATA);
    map_image(image_data, image_end, ATTR_DATA);
    map_stacks(0);
    prepare_window(MMIO_BASE);
    prepare_window(FIRMWARE_BASE);
}

void mm_switch(void (*next)(void))
{
    uint64_t slot = STACK_BASE + (uint64_t)this_cpu()->id * STACK_SLOT_SIZE;

    mm_enter(host_pt.root.n << PAGE_SHIFT, slot + STACK_GUARD_SIZE + STACK_MAIN_SIZE, next);
}

// Where in a cpu's slot an address lies: the guard page comes first, then the stack above it.
static bool find_in_slot(uint64_t virt, bool *guard, unsigned *cpu)
{
    if (virt < STACK_BASE || virt >= STACK_BASE + (uint64_t)MAX_PCPUS * STACK_SLOT_SIZE)
        return false;
    uint64_t offset = (virt - STACK_BASE) % STACK_SLOT_SIZE, size = STACK_MAIN_SIZE;

    *cpu = (virt - STACK_BASE) / STACK_SLOT_SIZE;
    for (unsigned i = 0; i <= IST_COUNT; i++, size = STACK_EMERGENCY_SIZE) {
        if (offset < STACK_GUARD_SIZE + size) {
            *guard = offset < STACK_GUARD_SIZE;
            return *cpu < nr_cpus || *cpu == 0;
        }
        offset -= STACK_GUARD_SIZE + size;
    }
    return false;
}

bool mm_is_stack_guard(uint64_t virt, unsigned *cpu)
{
    bool guard;

    return find_in_slot(virt, &guard, cpu) && guard;
}

bool mm_is_stack(uint64_t virt)
{
    extern char boot_stack[], boot_stack_top[];
    bool guard;
    unsigned cpu;

    if (virt % 8 != 0)
        return false;
    if (virt >= (uint64_t)boot_stack && virt < (uint64_t)boot_stack_top)
        return true;
    return find_in_slot(virt, &guard, &cpu) && !guard;
}

// --- windows ---

#define MMIO_MAX_REGIONS 32

// What the hypervisor drives itself, which therefore no domain may map.
static struct {
    maddr_t start, end;
} mmio_regions[MMIO_MAX_REGIONS];
static unsigned nr_mmio_regions;
static uint64_t mmio_next = MMIO_BASE;

static void keep_mmio(maddr_t start, maddr_t end)
{
    mmio_regions[nr_mmio_regions].start = start;
    mmio_regions[nr_mmio_regions++].end = end;
}

volatile void *map_mmio(maddr_t start, size_t size)
{
    maddr_t first = ALIGN_DOWN(start, PAGE_SIZE), end = ALIGN_UP(start + size, PAGE_SIZE);
    uint64_t virt = mmio_next;

    if (nr_mmio_regions == MMIO_MAX_REGIONS || end - first > MMIO_BASE + MMIO_SIZE - mmio_next)
        return NULL;
    for (maddr_t at = first; at < end; at += PAGE_SIZE, mmio_next += PAGE_SIZE)
        map(mmio_next, MFN(at >> PAGE_SHIFT), ORDER_4K, ATTR_MMIO);
    keep_mmio(first, end);
    return (volatile char *)virt + (start - first);
}

volatile void *map_framebuffer(maddr_t start, size_t size)
{
    maddr_t first = ALIGN_DOWN(start, PAGE_SIZE), end = ALIGN_UP(start + size, PAGE_SIZE);
    uint64_t base = SCREEN_BASE - ALIGN_DOWN(start, PAGE_SIZE << ORDER_2M);

    if (size > SCREEN_MAX_BYTES || (end - 1) >> host_cpu.phys_bits != 0)
        return NULL;
    map_range(base, first, end, ATTR_SCREEN);
    keep_mmio(first, end);
    return (volatile void *)(base + start);
}

const void *map_firmware(maddr_t start, size_t size)
{
    static uint64_t mapped; // bytes in use by the last call
    uint64_t offset = start % PAGE_SIZE;

    if (size > FIRMWARE_SIZE - PAGE_SIZE || start + size < start ||
        (start + size - 1) >> host_cpu.phys_bits != 0)
        return NULL;
    for (uint64_t at = 0; at < mapped; at += PAGE_SIZE)
        unmap(FIRMWARE_BASE + at);
    mapped = ALIGN_UP(offset + size, PAGE_SIZE);
    for (uint64_t at = 0; at < mapped; at += PAGE_SIZE)
        map(FIRMWARE_BASE + at, MFN((start + at) >> PAGE_SHIFT), ORDER_4K, ATTR_RODATA);
    return (const char *)FIRMWARE_BASE + offset;
}

bool arch_mmio_allowed(mfn_t mfn)
{
    maddr_t start = mfn.n << PAGE_SHIFT, end = start + PAGE_SIZE;

    if (mfn.n >= 1UL << (host_cpu.phys_bits - PAGE_SHIFT))
        return false;
    for (unsigned i = 0; i < nr_mmio_regions; i++)
        if (start < mmio_regions[i].end && mmio_regions[i].start < end)
            return false;
    for (unsigned i = 0; i < boot_info.nr_regions; i++) {
        const struct mem_region *region = &boot_info.regions[i];

        if (region->type == MEM_RAM && start < region->end && region->start < end)
            return false;
    }
    return true;
}
