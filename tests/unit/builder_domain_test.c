// SPDX-License-Identifier: MIT
// domain_build() against a hypervisor of a few lines: what a good build does, and that a build that fails
// anywhere leaves nothing behind.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dom0/builder.h>
#include <dom0/builder_boot.h>
#include <dom0/ctl.h>

#include <guest/mem.h>

#include <xen/hvm/params.h>

#include "builder_images.h"

#define DOMID    7
#define RAM_SIZE (UINT64_C(4) << 20)

// The one domain there can be.
static struct {
    bool exists;
    unsigned int created, destroyed, mapped;
    uint64_t max_kib, pages;
    uint64_t params[HVM_NR_PARAMS];
    uint32_t ports;
    bool granted, has_map, has_vcpus, has_context;
    uint8_t ram[RAM_SIZE];
    uint8_t acpi[GUEST_PAGE_SIZE];
} guest;

static uint64_t free_pages;
static int calls_to_failure; // the call that fails; 0: none

static bool fails_now(void)
{
    return calls_to_failure && !--calls_to_failure;
}

static int step(struct error *err)
{
    return fails_now() ? error_set(err, -EIO, "injected failure") : 0;
}

int ctl_physinfo(struct xen_sysctl_physinfo *info, struct error *err)
{
    *info = (struct xen_sysctl_physinfo){.free_pages = free_pages};
    return step(err);
}

int ctl_domain_create(const uint8_t uuid[16], unsigned int max_vcpus, domid_t *domid, struct error *err)
{
    assert_int_equal(uuid[0], 0xab);
    assert_true(max_vcpus >= 1);
    if (step(err))
        return err->code;
    guest.exists = true;
    guest.created++;
    *domid = DOMID;
    return 0;
}

int ctl_domain_destroy(domid_t domid, struct error *err)
{
    (void)err;
    assert_int_equal(domid, DOMID);
    assert_true(guest.exists);
    guest.exists = false;
    guest.destroyed++;
    return 0;
}

int ctl_domain_set_max_mem(domid_t domid, uint64_t max_kib, struct error *err)
{
    assert_int_equal(domid, DOMID);
    guest.max_kib = max_kib;
    return step(err);
}

int ctl_domain_set_max_vcpus(domid_t domid, unsigned int max, struct error *err)
{
    assert_int_equal(domid, DOMID);
    guest.has_vcpus = max > 0;
    return step(err);
}

int ctl_domain_set_paging_mib(domid_t domid, unsigned int mib, struct error *err)
{
    assert_int_equal(domid, DOMID);
    assert_true(mib > 0);
    return step(err);
}

int ctl_populate(domid_t domid, uint64_t gfn, uint64_t pages, struct error *err)
{
    assert_int_equal(domid, DOMID);
    assert_true(guest.has_vcpus);
    assert_true(gfn + pages <= RAM_SIZE >> GUEST_PAGE_SHIFT || gfn >= GUEST_ACPI_BASE >> GUEST_PAGE_SHIFT);
    guest.pages += pages;
    return step(err);
}

int ctl_set_memory_map(domid_t domid, const struct e820_entry *map, unsigned int entries, struct error *err)
{
    assert_int_equal(domid, DOMID);
    assert_int_equal(entries, 3);
    assert_int_equal(map[0].size, RAM_SIZE);
    guest.has_map = true;
    return step(err);
}

int ctl_evtchn_alloc_unbound(domid_t domid, uint32_t *port, struct error *err)
{
    assert_int_equal(domid, DOMID);
    *port = ++guest.ports;
    return step(err);
}

int ctl_hvm_param_set(domid_t domid, uint32_t index, uint64_t value, struct error *err)
{
    assert_int_equal(domid, DOMID);
    guest.params[index] = value;
    return step(err);
}

int ctl_grant_seed(domid_t domid, uint64_t console_gfn, uint64_t store_gfn, struct error *err)
{
    assert_int_equal(domid, DOMID);
    assert_int_equal(console_gfn, GUEST_CONSOLE_GFN);
    assert_int_equal(store_gfn, GUEST_STORE_GFN);
    guest.granted = true;
    return step(err);
}

int ctl_hvm_context_set(domid_t domid, const void *records, uint32_t size, struct error *err)
{
    assert_int_equal(domid, DOMID);
    assert_non_null(records);
    assert_true(size >= vcpu_context_size(1));
    guest.has_context = true;
    return step(err);
}

void *foreign_map(domid_t domid, const uint64_t *gfns, size_t count, int *errors)
{
    assert_int_equal(domid, DOMID);
    assert_null(errors);
    for (size_t i = 1; i < count; i++)
        assert_int_equal(gfns[i], gfns[0] + i);
    if (fails_now()) {
        errno = ENOMEM;
        return NULL;
    }
    guest.mapped += (unsigned int)count;
    if (gfns[0] == GUEST_ACPI_BASE >> GUEST_PAGE_SHIFT)
        return guest.acpi;
    assert_true(gfns[0] + count <= RAM_SIZE >> GUEST_PAGE_SHIFT);
    return guest.ram + (gfns[0] << GUEST_PAGE_SHIFT);
}

void foreign_unmap(void *address, size_t count)
{
    assert_non_null(address);
    guest.mapped -= (unsigned int)count;
}

static const struct test_segment segments[] = {{0x100000, 300000, 400000}};
static const struct test_elf spec = {64, segments, 1, 0x100100, 8};
static const uint8_t ramdisk[5000] = "an initrd";

struct fixture {
    uint8_t *kernel;
    struct domain_config config;
    struct built_domain built;
    struct error err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    size_t size;

    memset(&guest, 0, sizeof(guest));
    free_pages = 2048;
    calls_to_failure = 0;
    f->kernel = test_elf_make(&spec, &size);
    f->config = (struct domain_config){
        .uuid = {0xab},
        .kernel = {"/files/k", f->kernel, size},
        .ramdisk = {"/files/i", ramdisk, sizeof(ramdisk)},
        .cmdline = "console=hvc0",
        .memory_kib = RAM_SIZE >> 10,
        .vcpus = 1,
    };
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(guest.mapped, 0);
    free(f->kernel);
    free(f);
    return 0;
}

static void test_good_build(void **state)
{
    struct fixture *f = *state;
    const struct hvm_start_info *info = NULL;
    const struct hvm_modlist_entry *module;

    assert_int_equal(domain_build(&f->config, NULL, &f->built, &f->err), 0);
    assert_true(guest.exists && guest.granted && guest.has_map && guest.has_context);
    assert_int_equal(guest.pages, (RAM_SIZE >> GUEST_PAGE_SHIFT) + 3); // ACPI, store, console
    assert_true(guest.max_kib >= guest.pages * 4);
    assert_int_equal(f->built.domid, DOMID);
    assert_int_equal(f->built.entry, 0x100100);
    assert_int_equal(guest.params[HVM_PARAM_STORE_PFN], f->built.store_gfn);
    assert_int_equal(guest.params[HVM_PARAM_STORE_EVTCHN], f->built.store_evtchn);
    assert_int_equal(guest.params[HVM_PARAM_CONSOLE_PFN], f->built.console_gfn);
    assert_int_equal(guest.params[HVM_PARAM_CONSOLE_EVTCHN], f->built.console_evtchn);
    assert_int_not_equal(f->built.store_evtchn, f->built.console_evtchn);
    assert_memory_equal(guest.acpi, "RSD PTR ", 8);

    // start_info is on a page of its own behind kernel and initrd
    for (uint64_t at = 0x162000; at < RAM_SIZE && !info; at += GUEST_PAGE_SIZE)
        if (!memcmp(guest.ram + at, &(uint32_t){XEN_HVM_START_MAGIC_VALUE}, 4))
            info = (void *)(guest.ram + at);
    assert_non_null(info);
    assert_string_equal((char *)guest.ram + info->cmdline_paddr, "console=hvc0");
    module = (void *)(guest.ram + info->modlist_paddr);
    assert_int_equal(module->size, sizeof(ramdisk));
    assert_memory_equal(guest.ram + module->paddr, ramdisk, sizeof(ramdisk));
}

// Let the first call fail, then the second, and so on until a build gets through.
static void test_failure_anywhere(void **state)
{
    struct fixture *f = *state;
    unsigned int failures = 0;

    for (;; failures++) {
        memset(&guest, 0, sizeof(guest));
        calls_to_failure = (int)failures + 1;
        f->err = (struct error){0};
        if (!domain_build(&f->config, NULL, &f->built, &f->err))
            break;
        assert_true(f->err.code < 0 && f->err.text[0]);
        assert_false(guest.exists);
        assert_int_equal(guest.destroyed, guest.created);
        assert_int_equal(guest.mapped, 0);
    }
    assert_true(guest.exists);
    assert_true(failures > 15);
}

static void assert_refused(struct fixture *f, int code, const char *says)
{
    assert_int_equal(domain_build(&f->config, NULL, &f->built, &f->err), code);
    if (!strstr(f->err.text, says))
        fail_msg("\"%s\" lacks \"%s\"", f->err.text, says);
    assert_int_equal(guest.destroyed, guest.created);
}

static void test_bad_settings(void **state)
{
    struct fixture *f = *state;

    f->config.memory_kib = 3;
    assert_refused(f, -EINVAL, "memory is 0");
    f->config.memory_kib = 300 << 10;
    assert_refused(f, -ENOMEM, "the domain needs 300 MiB, and 8 MiB are free");
    f->config.memory_kib = RAM_SIZE >> 10;
    f->config.vcpus = 0;
    assert_refused(f, -EINVAL, "0 of 0 vCPUs");
    f->config.vcpus = BUILDER_MAX_VCPUS + 1;
    assert_refused(f, -EINVAL, "128 of 128 vCPUs");
    f->config.vcpus = 2;
    f->config.max_vcpus = 1;
    assert_refused(f, -EINVAL, "2 of 1 vCPUs");
    f->config.vcpus = 1;
    f->config.kernel.data = NULL;
    assert_refused(f, -ENOENT, "no kernel");
    assert_int_equal(guest.created, 0);
}

static void test_what_does_not_fit(void **state)
{
    struct fixture *f = *state;
    char *cmdline = malloc(RAM_SIZE);

    f->config.ramdisk.size = 3 << 20;
    assert_refused(f, -ENOMEM, "ramdisk /files/i: its 3072 KiB do not fit");
    f->config.ramdisk.size = 0;
    memset(cmdline, 'x', RAM_SIZE - 1);
    cmdline[RAM_SIZE - 1] = '\0';
    f->config.cmdline = cmdline;
    assert_refused(f, -ENOMEM, "start_info and command line do not fit");
    f->config.kernel.size = 1000;
    assert_refused(f, -ENOEXEC, "kernel /files/k: it is cut off");
    assert_int_equal(guest.created, 3);
    free(cmdline);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_good_build),
        TEST(test_failure_anywhere),
        TEST(test_bad_settings),
        TEST(test_what_does_not_fit),
    };

    return cmocka_run_group_tests_name("builder_domain", tests, NULL, NULL);
}
