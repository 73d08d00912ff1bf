// SPDX-License-Identifier: MIT
// What dom0 takes of the machine before anybody else: the frames its image is linked to, its RAM, and boot
// modules moved out of the way.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <elf.h>

#include "memory_machine.h"

#include <hv/arch.h>
#include <hv/cmdline.h>
#include <hv/printk.h>

#include <xen/elfnote.h>

#define MIB      (1UL << 20)
#define LINKED   (8 * MIB) // where the image is linked to
#define IN_RAM   (4 * MIB) // how much memory it takes
#define RAM_END  (32 * MIB)
#define DOM0_MEM (8 * MIB)

struct hv_options hv_options;
struct domain *hardware_domain, *control_domain;

// dom0_build() itself is for the boot tests.
int domain_create(domid_t domid, const struct domain_config *config, struct domain **out)
{
    (void)domid, (void)config, (void)out;
    abort();
}

int vcpu_create(struct domain *d, unsigned id)
{
    (void)d, (void)id;
    abort();
}

int p2m_insert(struct domain *d, gfn_t gfn, mfn_t mfn, uint64_t count, enum p2m_type type)
{
    (void)d, (void)gfn, (void)mfn, (void)count, (void)type;
    abort();
}

int domain_unpause_by_toolstack(struct domain *d)
{
    (void)d;
    abort();
}

void arch_vcpu_start_pvh(struct vcpu *v, uint32_t entry, uint32_t start_info)
{
    (void)v, (void)entry, (void)start_info;
    abort();
}

void log_line(enum log_level level, const char *fmt, ...)
{
    (void)level, (void)fmt;
}

struct file {
    Elf64_Ehdr header;
    Elf64_Phdr phdrs[2];
    Elf64_Nhdr note;
    char name[4];
    uint64_t entry;
    char code[64];
};

static struct file image(void)
{
    return (struct file){.header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                                    .e_type = ET_EXEC,
                                    .e_machine = EM_X86_64,
                                    .e_phoff = offsetof(struct file, phdrs),
                                    .e_phentsize = sizeof(Elf64_Phdr),
                                    .e_phnum = 2},
                         .phdrs = {{.p_type = PT_LOAD,
                                    .p_offset = offsetof(struct file, code),
                                    .p_paddr = LINKED,
                                    .p_filesz = 64,
                                    .p_memsz = IN_RAM},
                                   {.p_type = PT_NOTE,
                                    .p_offset = offsetof(struct file, note),
                                    .p_filesz = offsetof(struct file, code) - offsetof(struct file, note)}},
                         .note = {4, 8, XEN_ELFNOTE_PHYS32_ENTRY},
                         .name = "Xen",
                         .entry = LINKED + 16,
                         .code = "the code of dom0"};
}

static void *at(maddr_t maddr)
{
    return (char *)mfn_to_virt(MFN(maddr >> PAGE_SHIFT)) + (maddr & ~PAGE_MASK);
}

static int start_machine(void **state)
{
    static const struct mem_region ram = {MIB, RAM_END, MEM_RAM};

    (void)state;
    machine_start(&ram, 1);
    return 0;
}

// As the boot code leaves it: RAM from 1 MiB up to `end`, modules reserved. The first holds dom0.
static void boot_with(maddr_t end, unsigned modules, const maddr_t *starts, uint64_t size)
{
    struct file file = image();

    boot_info.regions[0] = (struct mem_region){MIB, end, MEM_RAM};
    boot_mem_init(&boot_info);
    boot_info.nr_modules = modules;
    for (unsigned i = 0; i < modules; i++) {
        boot_info.modules[i] = (struct boot_module){starts[i], size, "module"};
        memset(at(starts[i]), 'a' + i, size);
        boot_mem_reserve(starts[i], starts[i] + size);
    }
    if (modules)
        memcpy(at(starts[0]), &file, sizeof(file));
    hv_options.dom0_mem = DOM0_MEM;
}

static void reserve(void *unused)
{
    (void)unused;
    dom0_reserve();
}

static bool overlaps(const struct boot_module *module, maddr_t start, maddr_t end)
{
    return module->start < end && start < module->start + module->size;
}

static void assert_content(const struct boot_module *module, char content)
{
    const char *bytes = at(module->start);

    for (uint64_t i = 0; i < module->size; i++)
        assert_int_equal(bytes[i], content);
}

static void test_modules_stay_where_they_do_not_matter(void **state)
{
    static const maddr_t starts[] = {2 * MIB, 4 * MIB};

    (void)state;
    boot_with(RAM_END, 2, starts, MIB);
    dom0_reserve();
    assert_int_equal(boot_info.modules[0].start, 2 * MIB);
    assert_int_equal(boot_info.modules[1].start, 4 * MIB);
    // All of its RAM is behind the image, in one piece.
    assert_false(boot_mem_is_free(LINKED, LINKED + PAGE_SIZE));
    assert_false(boot_mem_is_free(LINKED + DOM0_MEM - PAGE_SIZE, LINKED + DOM0_MEM));
    assert_true(boot_mem_is_free(LINKED + DOM0_MEM, LINKED + DOM0_MEM + PAGE_SIZE));
}

static void test_modules_are_moved_out_of_the_images_way(void **state)
{
    static const maddr_t starts[] = {LINKED + MIB, LINKED - MIB / 2};
    struct file file = image();

    (void)state;
    boot_with(RAM_END, 2, starts, MIB);
    dom0_reserve();
    for (unsigned i = 0; i < 2; i++) {
        const struct boot_module *module = &boot_info.modules[i];

        assert_false(overlaps(module, LINKED, LINKED + IN_RAM));
        assert_false(boot_mem_is_free(module->start, module->start + PAGE_SIZE));
    }
    assert_memory_equal(at(boot_info.modules[0].start), &file, sizeof(file));
    assert_content(&boot_info.modules[1], 'b');
    assert_true(boot_mem_is_free(LINKED - MIB / 2, LINKED)); // what the second module left
}

// The highest place for the module would be where the image goes.
static void test_a_module_is_moved_below_the_image(void **state)
{
    static const maddr_t starts[] = {LINKED, 5 * MIB};

    (void)state;
    boot_with(LINKED + IN_RAM, 2, starts, MIB);
    hv_options.dom0_mem = 0;
    dom0_reserve();
    assert_true(boot_info.modules[0].start + MIB <= LINKED);
    assert_false(overlaps(&boot_info.modules[0], 5 * MIB, 6 * MIB));
}

static void assert_panics(const char *why)
{
    assert_true(machine_panics(reserve, NULL));
    assert_non_null(strstr(machine_panic_message, why));
}

static void test_machines_that_cannot_have_dom0(void **state)
{
    static const maddr_t starts[] = {2 * MIB};

    (void)state;
    boot_with(RAM_END, 0, NULL, 0);
    assert_panics("no dom0");
    boot_with(RAM_END, 1, starts, MIB);
    ((struct file *)at(2 * MIB))->header.e_ident[0] = 0;
    assert_panics("no ELF magic number");
    boot_with(LINKED + IN_RAM - PAGE_SIZE, 1, starts, MIB);
    assert_panics("is not there");
    boot_with(RAM_END, 1, starts, MIB);
    boot_info.nr_regions = 3;
    boot_info.regions[0].end = LINKED + MIB;
    boot_info.regions[1] = (struct mem_region){LINKED + MIB, LINKED + 2 * MIB, MEM_NVS};
    boot_info.regions[2] = (struct mem_region){LINKED + 2 * MIB, RAM_END, MEM_RAM};
    boot_mem_init(&boot_info);
    assert_panics("is the firmware's");
    boot_info.nr_regions = 1;
    boot_with(RAM_END, 1, starts, MIB);
    boot_mem_reserve(LINKED + MIB, LINKED + 2 * MIB);
    assert_panics("is the hypervisor's");
    boot_with(RAM_END, 1, starts, MIB);
    hv_options.dom0_mem = 64 * MIB;
    assert_panics("too little memory for dom0_mem=64M");
    boot_with(RAM_END, 1, starts, MIB);
    hv_options.dom0_mem = ~0UL;
    assert_panics("too little memory");
}

// Neither below nor above the module is there as much room. 0: no small module.
static void move_large_module(maddr_t small)
{
    static const maddr_t starts[] = {2 * MIB, 7 * MIB};

    boot_with(RAM_END, 1, starts, MIB);
    boot_info.nr_modules = 2;
    boot_info.modules[1] = (struct boot_module){starts[1], 16 * MIB, "large"};
    boot_mem_reserve(starts[1], starts[1] + 16 * MIB);
    if (small) {
        boot_info.modules[boot_info.nr_modules++] = (struct boot_module){small, PAGE_SIZE, "small"};
        boot_mem_reserve(small, small + PAGE_SIZE);
        memset(at(small), 'c', PAGE_SIZE);
    }
    for (uint64_t i = 0; i < 16 * MIB; i += 8)
        memcpy(at(starts[1] + i), &i, 8);
    hv_options.dom0_mem = IN_RAM;
    dom0_reserve();
    assert_true(boot_info.modules[1].start >= LINKED + IN_RAM);
    for (uint64_t i = 0; i < 16 * MIB; i += 8)
        assert_memory_equal(at(boot_info.modules[1].start + i), &i, 8);
    assert_false(boot_mem_is_free(boot_info.modules[1].start, boot_info.modules[1].start + PAGE_SIZE));
    assert_true(boot_mem_is_free(starts[1], starts[1] + PAGE_SIZE));
    if (small) {
        assert_content(&boot_info.modules[2], 'c');
        assert_false(overlaps(&boot_info.modules[2], boot_info.modules[1].start,
                              boot_info.modules[1].start + 16 * MIB));
    }
}

static void test_a_large_module_is_moved_over_itself(void **state)
{
    (void)state;
    move_large_module(0);
}

static void test_a_small_module_does_not_block_a_large_one(void **state)
{
    (void)state;
    move_large_module(23 * MIB);
}

static void test_no_room_for_a_moved_module(void **state)
{
    static const maddr_t starts[] = {LINKED - 6 * MIB};

    (void)state;
    boot_with(LINKED + IN_RAM, 1, starts, 8 * MIB);
    assert_panics("there is no room for its 8192 KiB elsewhere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modules_stay_where_they_do_not_matter),
        cmocka_unit_test(test_modules_are_moved_out_of_the_images_way),
        cmocka_unit_test(test_a_module_is_moved_below_the_image),
        cmocka_unit_test(test_machines_that_cannot_have_dom0),
        cmocka_unit_test(test_a_large_module_is_moved_over_itself),
        cmocka_unit_test(test_a_small_module_does_not_block_a_large_one),
        cmocka_unit_test(test_no_room_for_a_moved_module),
    };

    return cmocka_run_group_tests(tests, start_machine, NULL);
}
