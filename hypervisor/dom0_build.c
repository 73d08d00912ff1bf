// SPDX-License-Identifier: MIT
// Builds dom0 from boot module 0: a PVH domain whose RAM has gfn = mfn, with every boot module mapped where
// it lies.
//
// An ELF without relocation wants the very frames it is linked to, and the boot loader may have put a module
// there: such a module is moved away first. All this happens before the buddy allocator takes the rest of
// memory.

#include <hv/arch.h>
#include <hv/cmdline.h>
#include <hv/elf.h>
#include <hv/page_alloc.h>
#include <hv/printk.h>
#include <hv/string.h>

#include <xen/arch-x86/hvm/start_info.h>

#define MAX_EXTENTS (64 + BOOT_MAX_MODULES)
#define MAX_MEMMAP  (2 * (BOOT_MAX_REGIONS + MAX_EXTENTS))
#define CHUNK_ALIGN (PAGE_SIZE << ORDER_2M)
// hvm_start_info and all it points to must lie where a kernel's first page tables reach.
#define START_INFO_BELOW (1UL << 30)
#define DOM0_BELOW       (1UL << 32)
#define DOM0_P2M_POOL    4096 // table pages: dom0 maps devices and other domains' pages

// Machine memory that dom0 gets, sorted by address.
struct extent {
    maddr_t start, end;
    enum p2m_type type; // P2M_RAM or P2M_BOOT_FILE
};

static struct extent extents[MAX_EXTENTS];
static unsigned nr_extents;
static struct elf_image image;
static maddr_t info_start; // pages for hvm_start_info and what it points to

// The shape of those pages.
struct info_pages {
    struct hvm_start_info start_info;
    struct hvm_memmap_table_entry memmap[MAX_MEMMAP];
    struct hvm_modlist_entry modules[BOOT_MAX_MODULES];
    char strings[BOOT_MODULE_STRINGS];
};

static void *maddr_to_virt(maddr_t maddr)
{
    return (char *)mfn_to_virt(MFN(maddr >> PAGE_SHIFT)) + (maddr & (PAGE_SIZE - 1));
}

static void add_extent(maddr_t start, maddr_t end, enum p2m_type type)
{
    unsigned i = nr_extents;

    if (nr_extents == MAX_EXTENTS)
        panic("dom0 would have more than %u pieces of memory: the memory map is too fragmented", MAX_EXTENTS);
    for (; i > 0 && extents[i - 1].start > start; i--)
        extents[i] = extents[i - 1];
    extents[i] = (struct extent){start, end, type};
    nr_extents++;
}

static void parse_image(void)
{
    if (boot_info.nr_modules == 0)
        panic("no dom0: the boot loader passed no module; the first one must be dom0's ELF image");
    const struct boot_module *module = &boot_info.modules[0];
    const char *wrong = elf_parse(&image, maddr_to_virt(module->start), module->size);
    if (wrong)
        panic("dom0 (the first boot module, %lu bytes) can't be loaded: %s", (unsigned long)module->size,
              wrong);
}

static uint64_t pages_of(const struct boot_module *module)
{
    return ALIGN_UP(module->size, PAGE_SIZE);
}

// The module's own memory has been given back: a large one may need part of it.
static void move_module(struct boot_module *module, maddr_t to)
{
    memmove(maddr_to_virt(to), maddr_to_virt(module->start), module->size);
    module->start = to;
}

// Moves a module out of [start, end), where the image goes: up as far as possible, or below the image. False
// if there is no room.
static bool move_away(struct boot_module *module, maddr_t start, maddr_t end)
{
    uint64_t size = pages_of(module);
    maddr_t to;

    boot_mem_free(module->start, module->start + size);
    to = boot_mem_alloc(size, PAGE_SIZE, DOM0_BELOW);
    if (to && to < end && start < to + size) {
        // The highest place that is large enough: there is no other above the image.
        boot_mem_free(to, to + size);
        to = boot_mem_alloc(size, PAGE_SIZE, start);
    }
    if (!to)
        boot_mem_reserve(module->start, module->start + size);
    else
        move_module(module, to);
    return to;
}

// Moves all modules up as far as they go, the highest first, so that no small one splits the room for a large
// one.
static void pack_modules(void)
{
    for (maddr_t below = DOM0_BELOW;;) {
        struct boot_module *highest = NULL;

        for (unsigned i = 0; i < boot_info.nr_modules; i++) {
            struct boot_module *module = &boot_info.modules[i];

            if (module->size && module->start < below && (!highest || module->start > highest->start))
                highest = module;
        }
        if (!highest)
            return;
        below = highest->start;
        boot_mem_free(below, below + pages_of(highest));
        move_module(highest, boot_mem_alloc(pages_of(highest), PAGE_SIZE, DOM0_BELOW));
    }
}

static struct boot_module *module_in(maddr_t start, maddr_t end)
{
    for (unsigned i = 0; i < boot_info.nr_modules; i++) {
        struct boot_module *module = &boot_info.modules[i];

        if (module->size && module->start < end && start < module->start + module->size)
            return module;
    }
    return NULL;
}

static void clear_of_modules(maddr_t start, maddr_t end)
{
    struct boot_module *module;
    bool packed = false;

    while ((module = module_in(start, end))) {
        if (move_away(module, start, end))
            continue;
        if (packed)
            panic("boot module \"%s\" lies where dom0 is linked to, and there is no room for its %lu KiB "
                  "elsewhere",
                  module->cmdline, (unsigned long)(module->size >> 10));
        pack_modules();
        packed = true;
    }
}

// What keeps dom0's image out of [start, end), which is not all free.
static const char *occupant(maddr_t start, maddr_t end)
{
    maddr_t at = start; // everything below is RAM

    for (unsigned i = 0; i < boot_info.nr_regions; i++) {
        const struct mem_region *region = &boot_info.regions[i];

        if (region->end <= start || end <= region->start)
            continue;
        if (region->type != MEM_RAM)
            return "the firmware's";
        at = region->start <= at ? region->end : at;
    }
    return at < end ? "not there" : "the hypervisor's";
}

// Takes the frames the image is linked to, and all of dom0's RAM behind them when they are free.
static uint64_t reserve_image(void)
{
    maddr_t start = ALIGN_DOWN(image.start, PAGE_SIZE), end = ALIGN_UP(image.end, PAGE_SIZE);

    clear_of_modules(start, end);
    if (boot_mem_is_free(start, start + hv_options.dom0_mem))
        end = MAX(end, start + hv_options.dom0_mem);
    if (!boot_mem_is_free(start, end))
        panic("dom0 is linked to 0x%lx-0x%lx, and some of that memory is %s", (unsigned long)start,
              (unsigned long)end, occupant(start, end));
    boot_mem_reserve(start, end);
    add_extent(start, end, P2M_RAM);
    return end - start;
}

static void reserve_ram(uint64_t wanted)
{
    uint64_t missing = wanted;

    for (uint64_t chunk = ALIGN_UP(missing, CHUNK_ALIGN); missing && chunk >= CHUNK_ALIGN;) {
        maddr_t start = boot_mem_alloc(chunk, CHUNK_ALIGN, DOM0_BELOW);

        if (!start) {
            chunk = ALIGN_DOWN(chunk / 2, CHUNK_ALIGN);
            continue;
        }
        add_extent(start, start + chunk, P2M_RAM);
        missing -= MIN(missing, chunk);
        chunk = MIN(chunk, ALIGN_UP(missing, CHUNK_ALIGN));
    }
    if (missing)
        panic("too little memory for dom0_mem=%luM: %lu MiB of it can't be found below 4 GiB",
              (unsigned long)(hv_options.dom0_mem >> 20), (unsigned long)(missing >> 20));
}

void dom0_reserve(void)
{
    parse_image();
    uint64_t taken = reserve_image();
    parse_image(); // again: the image itself may have moved
    reserve_ram(hv_options.dom0_mem - MIN(taken, hv_options.dom0_mem));
    info_start = boot_mem_alloc(sizeof(struct info_pages), PAGE_SIZE, START_INFO_BELOW);
    if (!info_start)
        panic("no %lu KiB below 1 GiB for dom0's start information",
              (unsigned long)(sizeof(struct info_pages) >> 10));
    add_extent(info_start, info_start + ALIGN_UP(sizeof(struct info_pages), PAGE_SIZE), P2M_RAM);
    for (unsigned i = 1; i < boot_info.nr_modules; i++) {
        const struct boot_module *module = &boot_info.modules[i];

        if (module->size)
            add_extent(module->start, ALIGN_UP(module->start + module->size, PAGE_SIZE), P2M_BOOT_FILE);
    }
}

// Modules the loader packed into one page would be two extents of it; multiboot page-aligns them, so this
// names a bug.
static void map_extents(struct domain *d)
{
    for (unsigned i = 0; i < nr_extents; i++) {
        const struct extent *e = &extents[i];
        uint64_t count = (e->end - e->start) >> PAGE_SHIFT;
        mfn_t mfn = MFN(e->start >> PAGE_SHIFT);

        for (uint64_t n = 0; n < count; n++) {
            if (e->type == P2M_RAM)
                page_assign(mfn_add(mfn, n), d);
            else
                page_mark_boot_file(mfn_add(mfn, n));
        }
        int rc = p2m_insert(d, GFN(mfn.n), mfn, count, e->type);
        if (rc)
            panic("dom0: mapping 0x%lx-0x%lx failed with error %d", (unsigned long)e->start,
                  (unsigned long)e->end, -rc);
    }
}

// Scrubs dom0's RAM (it may hold what ran before us) and copies the image in.
static void load_image(void)
{
    for (unsigned i = 0; i < nr_extents; i++)
        if (extents[i].type == P2M_RAM)
            memset(maddr_to_virt(extents[i].start), 0, extents[i].end - extents[i].start);
    for (unsigned i = 0; i < image.nr_segments; i++) {
        const struct elf_segment *segment = &image.segments[i];

        memcpy(maddr_to_virt(segment->paddr), image.data + segment->file_offset, segment->file_size);
    }
}

static void add_memmap(struct info_pages *info, maddr_t start, maddr_t end, uint32_t type)
{
    if (start < end && info->start_info.memmap_entries < MAX_MEMMAP)
        info->memmap[info->start_info.memmap_entries++] =
            (struct hvm_memmap_table_entry){.addr = start, .size = end - start, .type = type};
}

// dom0's memory map is the machine's, except that RAM is split into what dom0 has, boot files (reserved), and
// what belongs to others (unusable). So whatever lies above the last entry is neither RAM nor firmware.
static void fill_memmap(struct info_pages *info)
{
    for (unsigned i = 0; i < boot_info.nr_regions; i++) {
        const struct mem_region *region = &boot_info.regions[i];
        maddr_t at = region->start;

        if (region->type != MEM_RAM) {
            add_memmap(info, region->start, region->end, region->type);
            continue;
        }
        for (unsigned j = 0; j < nr_extents; j++) {
            const struct extent *e = &extents[j];

            if (e->start < region->start || e->start >= region->end)
                continue;
            add_memmap(info, at, e->start, XEN_HVM_MEMMAP_TYPE_UNUSABLE);
            add_memmap(info, e->start, e->end,
                       e->type == P2M_RAM ? XEN_HVM_MEMMAP_TYPE_RAM : XEN_HVM_MEMMAP_TYPE_RESERVED);
            at = e->end;
        }
        add_memmap(info, at, region->end, XEN_HVM_MEMMAP_TYPE_UNUSABLE);
    }
}

static maddr_t info_maddr(const struct info_pages *info, const void *member)
{
    return info_start + ((const char *)member - (const char *)info);
}

static void fill_modules(struct info_pages *info)
{
    char *at = info->strings, *end = info->strings + sizeof(info->strings);

    for (unsigned i = 0; i < boot_info.nr_modules; i++) {
        const struct boot_module *module = &boot_info.modules[i];
        size_t size = strlen(module->cmdline) + 1;

        ASSERT(size <= (size_t)(end - at)); // they fit into boot_info.strings, which is as large
        memcpy(at, module->cmdline, size);
        if (i == 0)
            info->start_info.cmdline_paddr = info_maddr(info, at);
        else
            info->modules[info->start_info.nr_modules++] = (struct hvm_modlist_entry){
                .paddr = module->start, .size = module->size, .cmdline_paddr = info_maddr(info, at)};
        at += size;
    }
}

static void fill_start_info(void)
{
    struct info_pages *info = maddr_to_virt(info_start);

    info->start_info.magic = XEN_HVM_START_MAGIC_VALUE;
    info->start_info.version = 1;
    info->start_info.modlist_paddr = info_maddr(info, info->modules);
    info->start_info.memmap_paddr = info_maddr(info, info->memmap);
    info->start_info.rsdp_paddr = boot_info.rsdp;
    fill_modules(info);
    fill_memmap(info);
}

void dom0_build(void)
{
    static const struct domain_config config = {
        .privileges = PRIV_CONTROL | PRIV_HARDWARE | PRIV_STORE,
        .max_vcpus = 1,
        .max_evtchn_port = EVTCHN_2L_PORTS - 1,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
    };
    struct domain *d;
    int rc = domain_create(0, &config, &d);

    if (rc == 0)
        rc = vcpu_create(d, 0);
    if (rc)
        panic("dom0 can't be created: error %d", -rc);
    d->p2m.pool_limit = DOM0_P2M_POOL;
    map_extents(d);
    d->max_pages = d->tot_pages;
    load_image();
    fill_start_info();
    arch_vcpu_start_pvh(d->vcpus[0], image.phys32_entry, info_start);
    hardware_domain = control_domain = d;
    log_info("dom0: %lu MiB of RAM, image at 0x%lx-0x%lx, entry 0x%lx, %u boot files",
             (unsigned long)(d->tot_pages >> (20 - PAGE_SHIFT)), (unsigned long)image.start,
             (unsigned long)image.end, (unsigned long)image.phys32_entry, boot_info.nr_modules - 1);
    domain_unpause_by_toolstack(d);
}
