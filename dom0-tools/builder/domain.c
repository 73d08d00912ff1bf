// SPDX-License-Identifier: MIT
/*
 * domain_build(): the order of things. Everything here is a hypercall or a call to the parts that only move
 * bytes; when one fails, the domain is destroyed and the first error stands.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <guest/mem.h>

#include <dom0/builder.h>
#include <dom0/builder_boot.h>
#include <dom0/builder_load.h>
#include <dom0/ctl.h>

#include <xen/hvm/params.h>

/* Memory the tools may use beyond the guest's own: special pages, ACPI. The value is libxl's. */
#define MAXMEM_SLACK_KIB 1024u
/* What a new domain takes from the heap besides: its structures, vCPU and page tables, with room to spare. */
#define OVERHEAD_PAGES 128u
/* RAM populated before other threads get a turn. */
#define POPULATE_STEP (UINT64_C(1) << 30)

#define MIB(bytes) ((unsigned long long)((bytes) >> 20))

/* The domain's memory through foreign mappings. */
struct foreign_memory {
    struct guest_memory base;
    domid_t domid;
};

/* One build, from the moment the domain exists. */
struct build {
    const struct domain_config *config;
    const struct build_hooks *hooks;
    unsigned int max_vcpus;
    uint64_t maxmem_kib;
    struct foreign_memory memory;
    struct elf_kernel kernel;
    uint64_t start_info;
    struct built_domain *out;
};

static void *map_foreign(struct guest_memory *memory, uint64_t gfn, size_t count, struct error *err)
{
    domid_t domid = ((struct foreign_memory *)memory)->domid;
    uint64_t *gfns = malloc(count * sizeof(*gfns));
    void *address;

    if (!gfns) {
        error_set(err, -ENOMEM, "dom0 has not enough memory left to map %zu pages of domain %u", count,
                  domid);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        gfns[i] = gfn + i;
    address = foreign_map(domid, gfns, count, NULL);
    if (!address)
        error_set(err, -errno, "mapping %zu pages of domain %u at gfn 0x%llx: %s", count, domid,
                  (unsigned long long)gfn, strerror(errno));
    free(gfns);
    return address;
}

static void unmap_foreign(struct guest_memory *memory, void *address, size_t count)
{
    (void)memory;
    foreign_unmap(address, count);
}

static int check_config(const struct domain_config *config, unsigned int max_vcpus, struct error *err)
{
    if (config->memory_kib < GUEST_PAGE_SIZE >> 10)
        return error_set(err, -EINVAL, "memory is 0: a domain needs some");
    if (!config->vcpus || config->vcpus > max_vcpus || max_vcpus > BUILDER_MAX_VCPUS)
        return error_set(err, -EINVAL,
                         "%u of %u vCPUs: a domain has 1 to %u, and not more online than in all",
                         config->vcpus, max_vcpus, BUILDER_MAX_VCPUS);
    if (!config->kernel.data)
        return error_set(err, -ENOENT, "there is no kernel to start");
    return 0;
}

static int check_free_memory(const struct domain_config *config, struct error *err)
{
    uint64_t pages = (config->memory_kib >> (GUEST_PAGE_SHIFT - 10)) + OVERHEAD_PAGES;
    struct xen_sysctl_physinfo info;

    if (ctl_physinfo(&info, err))
        return err->code;
    if (pages > info.free_pages)
        return error_set(err, -ENOMEM, "not enough memory: the domain needs %llu MiB, and %llu MiB are free",
                         (unsigned long long)(config->memory_kib >> 10),
                         MIB(info.free_pages << GUEST_PAGE_SHIFT));
    return 0;
}

/* The pool libxl asks for: 1 MiB per vCPU and 8 KiB per MiB of memory. */
static unsigned int paging_mib(const struct build *build)
{
    uint64_t kib = 1024 * (uint64_t)build->max_vcpus + 8 * (build->maxmem_kib >> 10);

    return (unsigned int)((kib + 1023) >> 10);
}

static int set_limits(const struct build *build, struct error *err)
{
    domid_t domid = build->memory.domid;

    if (ctl_domain_set_max_vcpus(domid, build->max_vcpus, err) ||
        ctl_domain_set_max_mem(domid, build->maxmem_kib + MAXMEM_SLACK_KIB, err) ||
        ctl_domain_set_paging_mib(domid, paging_mib(build), err))
        return err->code;
    return 0;
}

static int populate_range(const struct build *build, uint64_t gpa, uint64_t end, struct error *err)
{
    while (gpa < end) {
        uint64_t size = end - gpa < POPULATE_STEP ? end - gpa : POPULATE_STEP;

        if (ctl_populate(build->memory.domid, gpa >> GUEST_PAGE_SHIFT, size >> GUEST_PAGE_SHIFT, err))
            return err->code;
        gpa += size;
        if (build->hooks && build->hooks->yield)
            build->hooks->yield(build->hooks->ctx);
    }
    return 0;
}

static int set_memory_map(const struct build *build, struct error *err)
{
    struct hvm_memmap_table_entry map[BOOT_MAP_ENTRIES];
    struct e820_entry e820[BOOT_MAP_ENTRIES];
    unsigned int entries = boot_memory_map(&build->memory.base, map);

    for (unsigned int i = 0; i < entries; i++)
        e820[i] = (struct e820_entry){.addr = map[i].addr, .size = map[i].size, .type = map[i].type};
    return ctl_set_memory_map(build->memory.domid, e820, entries, err);
}

static int give_memory(struct build *build, struct error *err)
{
    struct guest_memory *memory = &build->memory.base;
    domid_t domid = build->memory.domid;

    boot_place_ram(memory, build->config->memory_kib << 10 & ~(GUEST_PAGE_SIZE - 1));
    if (populate_range(build, 0, memory->low_end, err) ||
        populate_range(build, GUEST_4GIB, memory->high_end, err) ||
        ctl_populate(domid, GUEST_ACPI_BASE >> GUEST_PAGE_SHIFT, GUEST_ACPI_PAGES, err) ||
        ctl_populate(domid, GUEST_STORE_GFN, 1, err) || ctl_populate(domid, GUEST_CONSOLE_GFN, 1, err))
        return error_prefix(err, "giving the domain its %llu MiB", MIB(build->config->memory_kib << 10));
    return set_memory_map(build, err);
}

static int load_acpi(struct build *build, struct error *err)
{
    uint8_t *page = malloc(GUEST_PAGE_SIZE);
    size_t used;
    int rc;

    if (!page)
        return error_set(err, -ENOMEM, "dom0 has not enough memory left for the domain's ACPI tables");
    used = acpi_build(page, build->config->vcpus, build->max_vcpus);
    rc = guest_memory_write(&build->memory.base, GUEST_ACPI_BASE, page, used, err);
    free(page);
    return rc;
}

/* Kernel, initrd and start_info follow each other in memory, as libxc lays them out. */
static int load_files(struct build *build, struct error *err)
{
    const struct domain_config *config = build->config;
    struct guest_memory *memory = &build->memory.base;
    struct boot_params params = {.cmdline = config->cmdline ? config->cmdline : "",
                                 .rsdp_gpa = GUEST_ACPI_BASE};
    struct load_progress progress = {.hooks = build->hooks,
                                     .total = kernel_unpacked_size(&config->kernel) + config->ramdisk.size};
    uint64_t end = memory->low_end < BOOT_DATA_END ? memory->low_end : BOOT_DATA_END;
    uint64_t info_size = guest_page_round_up(boot_start_info_size(&params)), after;

    if (kernel_load(memory, &config->kernel, &progress, &build->kernel, err))
        return err->code;
    after = guest_page_round_up(build->kernel.end);
    if (after > end || info_size > end - after)
        return error_set(
            err, -ENOMEM,
            "kernel %s ends at %llu MiB: %llu KiB of start_info and command line do not fit below %llu MiB",
            config->kernel.name, MIB(after), (unsigned long long)(info_size >> 10), MIB(end));
    if (config->ramdisk.size) {
        if (ramdisk_load(memory, &config->ramdisk, after, end - info_size, &progress, &params.ramdisk_gpa,
                         err))
            return err->code;
        params.ramdisk_size = config->ramdisk.size;
        after = guest_page_round_up(params.ramdisk_gpa + params.ramdisk_size);
    }
    build->start_info = after;
    return boot_write_start_info(memory, after, &params, err);
}

/* The channels to the store and the console: a page, a port and a grant each. */
static int connect_channels(struct build *build, struct error *err)
{
    struct built_domain *out = build->out;
    domid_t domid = build->memory.domid;

    out->store_gfn = GUEST_STORE_GFN;
    out->console_gfn = GUEST_CONSOLE_GFN;
    if (ctl_evtchn_alloc_unbound(domid, &out->store_evtchn, err) ||
        ctl_evtchn_alloc_unbound(domid, &out->console_evtchn, err) ||
        ctl_hvm_param_set(domid, HVM_PARAM_STORE_PFN, out->store_gfn, err) ||
        ctl_hvm_param_set(domid, HVM_PARAM_STORE_EVTCHN, out->store_evtchn, err) ||
        ctl_hvm_param_set(domid, HVM_PARAM_CONSOLE_PFN, out->console_gfn, err) ||
        ctl_hvm_param_set(domid, HVM_PARAM_CONSOLE_EVTCHN, out->console_evtchn, err))
        return err->code;
    return ctl_grant_seed(domid, out->console_gfn, out->store_gfn, err);
}

static int set_vcpus(const struct build *build, struct error *err)
{
    size_t size = vcpu_context_size(build->max_vcpus);
    void *records = malloc(size);
    int rc;

    if (!records)
        return error_set(err, -ENOMEM, "dom0 has not enough memory left for the state of %u vCPUs",
                         build->max_vcpus);
    vcpu_context_build(records, build->max_vcpus, build->kernel.entry, build->start_info);
    rc = ctl_hvm_context_set(build->memory.domid, records, (uint32_t)size, err);
    free(records);
    return rc;
}

static int build_created(struct build *build, struct error *err)
{
    if (set_limits(build, err) || give_memory(build, err) || load_files(build, err) ||
        load_acpi(build, err) || connect_channels(build, err) || set_vcpus(build, err))
        return err->code;
    build->out->domid = build->memory.domid;
    build->out->entry = build->kernel.entry;
    return 0;
}

int domain_build(const struct domain_config *config, const struct build_hooks *hooks,
                 struct built_domain *out, struct error *err)
{
    struct build build = {
        .config = config,
        .hooks = hooks,
        .max_vcpus = config->max_vcpus ? config->max_vcpus : config->vcpus,
        .maxmem_kib = config->maxmem_kib > config->memory_kib ? config->maxmem_kib : config->memory_kib,
        .memory.base = {.map = map_foreign, .unmap = unmap_foreign},
        .out = out,
    };
    struct error ignored;

    if (check_config(config, build.max_vcpus, err) || check_free_memory(config, err) ||
        ctl_domain_create(config->uuid, build.max_vcpus, &build.memory.domid, err))
        return err->code;
    if (build_created(&build, err)) {
        ctl_domain_destroy(build.memory.domid, &ignored); /* nothing more to be done if that fails too */
        return err->code;
    }
    return 0;
}
