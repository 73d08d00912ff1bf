// SPDX-License-Identifier: MIT
// The boot loader's tables: what GRUB and QEMU hand over, and what no loader should.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <asm/multiboot.h>

#define MB1 0x2badb002
#define MB2 0x36d76289

#define MEMORY_SIZE 65536
#define MBI         0x1000
#define MAP         0x2000
#define MODULES     0x3000
#define STRINGS     0x4000

static uint8_t *memory; // from malloc, so that ASan sees a read beyond it
static struct boot_info info;
static struct boot_screen screen;

static int setup(void **state)
{
    (void)state;
    memory = calloc(1, MEMORY_SIZE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static const char *parse(uint32_t magic, uint32_t address)
{
    const struct boot_memory mem = {memory, MEMORY_SIZE};

    return multiboot_parse(&mem, magic, address, &info, &screen);
}

static void put32(uint32_t at, uint32_t value)
{
    memcpy(memory + at, &value, 4);
}

static void put64(uint32_t at, uint64_t value)
{
    memcpy(memory + at, &value, 8);
}

static void put_string(uint32_t at, const char *text)
{
    memcpy(memory + at, text, strlen(text) + 1);
}

// --- multiboot 1 ---

static uint32_t map_end;

static void mb1_region(uint64_t start, uint64_t length, uint32_t type)
{
    put32(map_end, 20);
    put64(map_end + 4, start);
    put64(map_end + 12, length);
    put32(map_end + 20, type);
    map_end += 24;
    put32(MBI + 44, map_end - MAP);
}

// What QEMU gives: command line, loader name, memory map.
static void mb1_start(const char *cmdline)
{
    memset(memory, 0, MEMORY_SIZE);
    map_end = MAP;
    put32(MBI, 1U << 2 | 1U << 6 | 1U << 9);
    put32(MBI + 16, STRINGS);
    put_string(STRINGS, cmdline);
    put32(MBI + 48, MAP);
    put32(MBI + 64, STRINGS + 2048);
    put_string(STRINGS + 2048, "qemu");
    mb1_region(0, 0x9fc00, 1);
    mb1_region(0x100000, 0x7ee0000, 1);
}

static void mb1_module(unsigned i, uint32_t start, uint32_t end, uint32_t string)
{
    put32(MBI, 1U << 2 | 1U << 3 | 1U << 6 | 1U << 9);
    put32(MBI + 20, i + 1);
    put32(MBI + 24, MODULES);
    put32(MODULES + 16 * i, start);
    put32(MODULES + 16 * i + 4, end);
    put32(MODULES + 16 * i + 8, string);
}

static void test_mb1_as_qemu_gives_it(void **state)
{
    (void)state;
    mb1_start("build/proxenos console=com1 loglvl=all");
    put_string(STRINGS + 0x1000, "dom0.elf exec");
    mb1_module(0, 0x200000, 0x212345, STRINGS + 0x1000);
    assert_null(parse(MB1, MBI));
    assert_string_equal(info.cmdline, "console=com1 loglvl=all");
    assert_string_equal(info.loader, "qemu");
    assert_int_equal(info.nr_regions, 2);
    assert_int_equal(info.regions[0].end, 0x9f000); // aligned inwards
    assert_int_equal(info.nr_modules, 1);
    assert_int_equal(info.modules[0].start, 0x200000);
    assert_int_equal(info.modules[0].size, 0x12345);
    assert_string_equal(info.modules[0].cmdline, "dom0.elf exec");
    assert_int_equal(screen.kind, SCREEN_UNKNOWN);
}

static void test_mb1_without_map(void **state)
{
    (void)state;
    mb1_start("x");
    put32(MBI, 1U << 2);
    assert_non_null(strstr(parse(MB1, MBI), "no memory map"));
}

static void test_mb1_out_of_reach(void **state)
{
    static const struct {
        uint32_t field, value;
    } wild[] = {
        {44, 0xffffffff},      {44, MEMORY_SIZE}, {48, 0xfffffff0},
        {48, MEMORY_SIZE - 8}, {24, 0xfffffff8},  {24, MEMORY_SIZE - 8},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        mb1_start("x");
        mb1_module(0, 0x200000, 0x201000, STRINGS);
        put32(MBI + wild[i].field, wild[i].value);
        assert_non_null(parse(MB1, MBI));
    }
    assert_non_null(parse(MB1, MEMORY_SIZE - 40));
    assert_non_null(parse(MB1, 0xffffffff));
    assert_non_null(parse(0x1234, MBI));
}

static void test_strings_out_of_reach_are_empty(void **state)
{
    (void)state;
    mb1_start("x");
    put32(MBI + 16, 0xfffffffe);
    put32(MBI + 64, MEMORY_SIZE - 1); // runs into the end
    memory[MEMORY_SIZE - 1] = 'g';
    mb1_module(0, 0x200000, 0x201000, 0xffffff00);
    assert_null(parse(MB1, MBI));
    assert_string_equal(info.cmdline, "");
    assert_string_equal(info.loader, "g");
    assert_string_equal(info.modules[0].cmdline, "");
}

static void test_entry_sizes_that_lie(void **state)
{
    (void)state;
    mb1_start("x");
    put32(MAP, 0); // the first entry claims to be empty: the map ends there
    assert_null(parse(MB1, MBI));
    assert_int_equal(info.nr_regions, 1);
    put32(MAP, 0xfffffffc); // would wrap around
    assert_null(parse(MB1, MBI));
    assert_int_equal(info.nr_regions, 1);
}

static void test_modules_are_bounded(void **state)
{
    (void)state;
    mb1_start("x");
    for (unsigned i = 0; i < BOOT_MAX_MODULES; i++)
        mb1_module(i, 0x200000, 0x201000, STRINGS);
    assert_null(parse(MB1, MBI));
    mb1_module(BOOT_MAX_MODULES, 0x200000, 0x201000, STRINGS);
    assert_non_null(strstr(parse(MB1, MBI), "64 modules"));
    assert_int_equal(info.nr_modules, BOOT_MAX_MODULES);

    mb1_start("x");
    mb1_module(0, 0x200000, 0x1ff000, STRINGS);
    assert_non_null(strstr(parse(MB1, MBI), "ends before"));
    mb1_module(0, 0x200010, 0x201000, STRINGS);
    assert_non_null(strstr(parse(MB1, MBI), "page boundary"));
}

static void test_module_strings_are_bounded(void **state)
{
    (void)state;
    mb1_start("x");
    memset(memory + 0x8000, 'a', BOOT_MODULE_STRINGS - 1); // with its NUL it just fits
    mb1_module(0, 0x200000, 0x201000, 0x8000);
    assert_null(parse(MB1, MBI));
    assert_int_equal(strlen(info.modules[0].cmdline), BOOT_MODULE_STRINGS - 1);
    mb1_module(1, 0x200000, 0x201000, STRINGS);
    assert_non_null(strstr(parse(MB1, MBI), "12288"));
    memory[0x8000 + BOOT_MODULE_STRINGS - 1] = 'a';
    mb1_module(0, 0x200000, 0x201000, 0x8000);
    assert_non_null(strstr(parse(MB1, MBI), "12288"));
}

static void test_long_command_line_is_cut(void **state)
{
    (void)state;
    mb1_start("x");
    put32(MBI + 16, 0x8000);
    memset(memory + 0x8000, 'a', 4096);
    put32(MBI, 1U << 2 | 1U << 6);
    assert_null(parse(MB1, MBI));
    assert_int_equal(strlen(info.cmdline), BOOT_CMDLINE_MAX - 1);
}

// --- multiboot 2 ---

static uint32_t tags_end;

static uint32_t mb2_tag(uint32_t type, uint32_t size)
{
    uint32_t at = tags_end;

    put32(at, type);
    put32(at + 4, size);
    tags_end = (at + size + 7) & ~7U;
    put32(MBI, tags_end - MBI + 8); // room for the end tag, which is zero
    put32(tags_end, 0);
    put32(tags_end + 4, 8);
    return at;
}

static void mb2_map(const struct mem_region *regions, unsigned count, uint32_t stride)
{
    uint32_t at = mb2_tag(6, 16 + count * stride);

    put32(at + 8, stride);
    for (unsigned i = 0; i < count; i++) {
        put64(at + 16 + i * stride, regions[i].start);
        put64(at + 24 + i * stride, regions[i].end - regions[i].start);
        put32(at + 32 + i * stride, regions[i].type);
    }
}

static void mb2_start(void)
{
    static const struct mem_region regions[] = {{0, 0xa0000, MEM_RAM}, {0x100000, 0x8000000, MEM_RAM}};

    memset(memory, 0, MEMORY_SIZE);
    tags_end = MBI + 8;
    mb2_map(regions, 2, 24);
}

static void test_mb2_as_grub_gives_it(void **state)
{
    uint32_t at, rsdp;

    (void)state;
    mb2_start();
    at = mb2_tag(1, 8 + 13);
    put_string(at + 8, "loglvl=debug");
    at = mb2_tag(2, 8 + 10);
    put_string(at + 8, "GRUB 2.06");
    at = mb2_tag(3, 16 + 12);
    put32(at + 8, 0x400000);
    put32(at + 12, 0x400000);
    put_string(at + 16, "name=vmlinu");
    mb2_tag(14, 8 + 20);
    rsdp = mb2_tag(15, 8 + 36) + 8;
    at = mb2_tag(8, 32);
    memory[at + 29] = 2;
    assert_null(parse(MB2, MBI));
    assert_string_equal(info.cmdline, "loglvl=debug");
    assert_string_equal(info.loader, "GRUB 2.06");
    assert_int_equal(info.nr_regions, 2);
    assert_int_equal(info.nr_modules, 1);
    assert_int_equal(info.modules[0].size, 0);
    assert_string_equal(info.modules[0].cmdline, "name=vmlinu");
    assert_int_equal(info.rsdp, rsdp);
    assert_int_equal(screen.kind, SCREEN_TEXT);
}

static void test_mb2_strings_end_with_their_tag(void **state)
{
    (void)state;
    mb2_start();
    uint32_t at = mb2_tag(1, 8 + 4);
    memcpy(memory + at + 8, "abcdefgh", 8); // not terminated inside the tag
    assert_null(parse(MB2, MBI));
    assert_string_equal(info.cmdline, "abcd");
}

static void test_mb2_sizes_that_lie(void **state)
{
    static const uint32_t totals[] = {0, 8, 15, 0xffffffff, MEMORY_SIZE, (1U << 20) + 1};
    static const uint32_t sizes[] = {0, 7, 0xffffffff, MEMORY_SIZE, 0xfffffff8};

    (void)state;
    for (unsigned i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
        mb2_start();
        put32(MBI, totals[i]);
        assert_non_null(parse(MB2, MBI));
    }
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        mb2_start();
        uint32_t at = mb2_tag(1, 16);
        put32(at + 4, sizes[i]);
        assert_non_null(parse(MB2, MBI));
    }
    mb2_start();
    put32(MBI + 16, 0); // entries of no size would never end
    assert_non_null(parse(MB2, MBI));
}

static void test_mb2_wide_map_entries(void **state)
{
    static const struct mem_region regions[] = {{0x100000, 0x200000, MEM_RAM}, {0x200000, 0x300000, MEM_NVS}};

    (void)state;
    memset(memory, 0, MEMORY_SIZE);
    tags_end = MBI + 8;
    mb2_map(regions, 2, 40); // a later version of the format
    assert_null(parse(MB2, MBI));
    assert_int_equal(info.nr_regions, 2);
    assert_int_equal(info.regions[1].type, MEM_NVS);
}

// --- memory map ---

static void check_map(void)
{
    assert_true(info.nr_regions <= BOOT_MAX_REGIONS);
    for (unsigned i = 0; i < info.nr_regions; i++) {
        assert_true(info.regions[i].start < info.regions[i].end);
        assert_true(i == 0 || info.regions[i - 1].end <= info.regions[i].start);
        if (info.regions[i].type == MEM_RAM)
            assert_int_equal((info.regions[i].start | info.regions[i].end) % PAGE_SIZE, 0);
    }
}

static enum mem_type type_at(maddr_t address)
{
    for (unsigned i = 0; i < info.nr_regions; i++)
        if (address >= info.regions[i].start && address < info.regions[i].end)
            return info.regions[i].type;
    return 0;
}

// --- EFI ---

#define EFI_RUNTIME (1UL << 63)

static const struct {
    uint32_t type;
    uint64_t pages, attributes;
    enum mem_type becomes; // without boot services
} efi_map[] = {
    {3, 1, 0xf, MEM_RAM},
    {7, 0x9f, 0xf, MEM_RAM},
    {2, 0x100, 0xf, MEM_RAM},
    {10, 8, 0xf, MEM_NVS},
    {4, 0x700, 0xf, MEM_RAM},
    {5, 0x10, 0xf | EFI_RUNTIME, MEM_RESERVED},
    {6, 0x10, 0xf | EFI_RUNTIME, MEM_RESERVED},
    {7, 0x10, 0xf | EFI_RUNTIME, MEM_RESERVED}, // no firmware should: its runtime services want it
    {9, 0x10, 0xf, MEM_ACPI},
    {0, 0x10, 0xf, MEM_RESERVED},
    {8, 0x10, 0xf, MEM_UNUSABLE},
    {11, 0x10, 0xf, MEM_RESERVED},
    {13, 0x10, 0xf, MEM_RESERVED},
    {14, 0x10, 0xf, MEM_RESERVED},
    {15, 0x10, 0xf, MEM_RESERVED},
    {0x80000001, 0x10, 0xf, MEM_RESERVED},
};

// The ranges follow each other in memory. Firmware makes descriptors longer than they are defined.
static uint32_t mb2_efi_map(uint32_t stride)
{
    uint32_t at = mb2_tag(17, 16 + sizeof(efi_map) / sizeof(efi_map[0]) * stride);
    uint64_t start = 0;

    put32(at + 8, stride);
    put32(at + 12, 1);
    for (unsigned i = 0; i < sizeof(efi_map) / sizeof(efi_map[0]); i++) {
        uint32_t entry = at + 16 + i * stride;

        put32(entry, efi_map[i].type);
        put64(entry + 8, start);
        put64(entry + 24, efi_map[i].pages);
        put64(entry + 32, efi_map[i].attributes);
        start += efi_map[i].pages << 12;
    }
    return at;
}

static void check_efi_map(bool boot_services)
{
    uint64_t start = 0;

    check_map();
    for (unsigned i = 0; i < sizeof(efi_map) / sizeof(efi_map[0]); i++) {
        uint64_t end = start + (efi_map[i].pages << 12);
        bool held = boot_services && (efi_map[i].type == 3 || efi_map[i].type == 4);

        assert_int_equal(type_at(start), held ? MEM_RESERVED : efi_map[i].becomes);
        assert_int_equal(type_at(end - 1), held ? MEM_RESERVED : efi_map[i].becomes);
        start = end;
    }
    assert_int_equal(info.regions[info.nr_regions - 1].end, start);
}

static void test_efi_map_wins(void **state)
{
    static const struct mem_region all = {0, 0x8000000, MEM_RAM};

    (void)state;
    for (unsigned first = 0; first < 2; first++) {
        memset(memory, 0, MEMORY_SIZE);
        tags_end = MBI + 8;
        if (first)
            mb2_map(&all, 1, 24);
        mb2_efi_map(first ? 40 : 48);
        if (!first)
            mb2_map(&all, 1, 24);
        assert_null(parse(MB2, MBI));
        check_efi_map(false);
    }
}

static void test_boot_services_keep_their_memory(void **state)
{
    (void)state;
    mb2_start();
    mb2_efi_map(48);
    mb2_tag(18, 8); // behind the map
    assert_null(parse(MB2, MBI));
    check_efi_map(true);
    assert_int_equal(screen.kind, SCREEN_OTHER); // nothing was said of one, and EFI has no text mode
}

static void test_efi_map_that_lies(void **state)
{
    (void)state;
    mb2_start();
    uint32_t at = mb2_efi_map(48);
    put32(at + 8, 39); // shorter than a descriptor
    assert_non_null(parse(MB2, MBI));
    put32(at + 8, 0);
    assert_non_null(parse(MB2, MBI));
    put32(at + 8, 0xffffffff); // the map ends with the first
    assert_null(parse(MB2, MBI));
    assert_int_equal(info.nr_regions, 1);
    put32(at + 8, 48);
    put64(at + 16 + 24, 1UL << 52); // more bytes than there are numbers for
    assert_null(parse(MB2, MBI));
    check_map();

    memset(memory, 0, MEMORY_SIZE);
    tags_end = MBI + 8;
    mb2_tag(17, 16 + 40);
    put32(MBI + 16, 40); // one descriptor, of no pages
    assert_non_null(strstr(parse(MB2, MBI), "empty"));
}

// --- the screen ---

static void put_screen(uint32_t at, uint32_t colours, uint64_t address, uint32_t pitch, uint32_t width,
                       uint32_t height, uint8_t bits)
{
    put64(at, address);
    put32(at + 8, pitch);
    put32(at + 12, width);
    put32(at + 16, height);
    memory[at + 20] = bits;
    memory[at + 21] = 1; // red, green, blue
    memcpy(memory + colours, (uint8_t[]){16, 8, 8, 8, 0, 8}, 6);
}

static void check_screen(void)
{
    assert_int_equal(screen.kind, SCREEN_FRAMEBUFFER);
    assert_int_equal(screen.address, 0xc0000000);
    assert_int_equal(screen.pitch, 5120);
    assert_int_equal(screen.width, 1280);
    assert_int_equal(screen.height, 800);
    assert_int_equal(screen.bits, 32);
    assert_int_equal(screen.colours[0].shift, 16);
    assert_int_equal(screen.colours[2].shift, 0);
    assert_int_equal(screen.colours[2].bits, 8);
}

static void test_framebuffer_of_either_version(void **state)
{
    (void)state;
    mb1_start("x");
    put32(MBI, 1U << 6 | 1U << 12);
    put_screen(MBI + 88, MBI + 88 + 22, 0xc0000000, 5120, 1280, 800, 32);
    assert_null(parse(MB1, MBI));
    check_screen();

    mb2_start();
    uint32_t at = mb2_tag(8, 38);
    put_screen(at + 8, at + 32, 0xc0000000, 5120, 1280, 800, 32);
    assert_null(parse(MB2, MBI));
    check_screen();
    mb2_start();
    at = mb2_tag(8, 32); // without colours
    put_screen(at + 8, STRINGS, 0xc0000000, 5120, 1280, 800, 32);
    assert_null(parse(MB2, MBI));
    assert_int_equal(screen.kind, SCREEN_OTHER);
}

static void test_framebuffers_that_lie(void **state)
{
    static const struct {
        uint64_t address;
        uint32_t pitch, width, height;
        uint8_t bits;
    } wrong[] = {
        {0x7000000, 5120, 1280, 800, 32},     // in RAM
        {0x7fff000, 5120, 1280, 800, 32},     // partly
        {0xc0000000, 5119, 1280, 800, 32},    // lines overlap
        {0xc0000000, 5120, 1280, 800, 15},    // formats that are not drawn
        {0xc0000000, 5120, 1280, 800, 8},     //
        {0xc0000000, 5120, 1280, 800, 0},     //
        {0xc0000000, 5120, 0, 800, 32},       // of no size
        {0xc0000000, 5120, 1280, 0, 32},      //
        {0xc0000000, 1U << 20, 1280, 65, 32}, // too large
        {0xc0000000, ~0U, 0x40000000, ~0U, 32}, {~0UL - 0x1000, 5120, 1280, 800, 32},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        mb2_start();
        uint32_t at = mb2_tag(8, 38);
        put_screen(at + 8, at + 32, wrong[i].address, wrong[i].pitch, wrong[i].width, wrong[i].height,
                   wrong[i].bits);
        assert_null(parse(MB2, MBI));
        assert_int_equal(screen.kind, SCREEN_OTHER);
    }
    for (unsigned i = 0; i < 6; i++) {
        mb2_start();
        uint32_t at = mb2_tag(8, 38);
        put_screen(at + 8, at + 32, 0xc0000000, 5120, 1280, 800, 32);
        memory[at + 32 + i] = i % 2 ? 9 : 25; // a colour of more than 8 bits, or beyond the pixel
        assert_null(parse(MB2, MBI));
        assert_int_equal(screen.kind, SCREEN_OTHER);
    }
}

// --- what no map should be ---

static void test_overlaps_go_to_the_less_usable(void **state)
{
    (void)state;
    mb1_start("x");
    mb1_region(0x200000, 0x100000, 2); // in the middle of RAM, and listed after it
    mb1_region(0x280000, 0x100000, 3); // ACPI, partly under the reserved region
    mb1_region(0x0, 0x1000, 77);       // an unknown type is reserved
    assert_null(parse(MB1, MBI));
    check_map();
    assert_int_equal(type_at(0x0), MEM_RESERVED);
    assert_int_equal(type_at(0x1ff000), MEM_RAM);
    assert_int_equal(type_at(0x2f0000), MEM_RESERVED);
    assert_int_equal(type_at(0x300000), MEM_ACPI);
    assert_int_equal(type_at(0x37ffff), MEM_ACPI);
    assert_int_equal(type_at(0x380000), MEM_RAM);
}

static void test_adjacent_regions_are_joined(void **state)
{
    (void)state;
    mb1_start("x");
    for (unsigned i = 0; i < 600; i++) // as UEFI firmware cuts it
        mb1_region(0x10000000 + i * 0x1000, 0x1000, 1);
    assert_null(parse(MB1, MBI));
    check_map();
    assert_int_equal(info.nr_regions, 3);
    assert_int_equal(info.regions[2].end, 0x10000000 + 600 * 0x1000);
}

static void test_too_many_regions_lose_the_smallest(void **state)
{
    (void)state;
    mb1_start("x");
    for (unsigned i = 0; i < 400; i++) {
        mb1_region(0x10000000 + i * 0x10000, 0x8000, 1);
        mb1_region(0x10000000 + i * 0x10000 + 0x4000, 0x1000, 2);
    }
    assert_null(parse(MB1, MBI));
    check_map();
    assert_int_equal(type_at(0x100000), MEM_RAM); // the large region is still there
    for (unsigned i = 0; i < 400; i++)
        assert_int_not_equal(type_at(0x10000000 + i * 0x10000 + 0x4000), MEM_RAM);
}

static void test_regions_that_wrap_or_are_too_high(void **state)
{
    (void)state;
    mb1_start("x");
    mb1_region(1UL << 50, ~0UL, 2);
    mb1_region(1UL << 43, 1UL << 60, 1);
    mb1_region(~0UL - 4096, 8192, 1);
    mb1_region(0x20000000, 0, 1);
    assert_null(parse(MB1, MBI));
    check_map();
    assert_int_equal(type_at((1UL << 44) - 1), MEM_RAM);
    assert_int_equal(type_at(1UL << 44), 0);
    assert_int_equal(type_at((1UL << 52) - 1), MEM_RESERVED);
}

// Whatever the bytes, the parser ends and leaves a map that is in order.
static void test_noise(void **state)
{
    (void)state;
    srand(1);
    for (unsigned round = 0; round < 3000; round++) {
        bool second = round & 1;

        if (second)
            mb2_start();
        else
            mb1_start("noise");
        for (unsigned i = 0; i < 12; i++) {
            uint32_t at = (second ? MBI : (i & 1 ? MBI : MAP)) + rand() % 128;
            memory[at] = rand();
        }
        parse(second ? MB2 : MB1, MBI);
        check_map();
        assert_true(info.nr_modules <= BOOT_MAX_MODULES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mb1_as_qemu_gives_it),
        cmocka_unit_test(test_mb1_without_map),
        cmocka_unit_test(test_mb1_out_of_reach),
        cmocka_unit_test(test_strings_out_of_reach_are_empty),
        cmocka_unit_test(test_entry_sizes_that_lie),
        cmocka_unit_test(test_modules_are_bounded),
        cmocka_unit_test(test_module_strings_are_bounded),
        cmocka_unit_test(test_long_command_line_is_cut),
        cmocka_unit_test(test_mb2_as_grub_gives_it),
        cmocka_unit_test(test_mb2_strings_end_with_their_tag),
        cmocka_unit_test(test_mb2_sizes_that_lie),
        cmocka_unit_test(test_mb2_wide_map_entries),
        cmocka_unit_test(test_efi_map_wins),
        cmocka_unit_test(test_boot_services_keep_their_memory),
        cmocka_unit_test(test_efi_map_that_lies),
        cmocka_unit_test(test_framebuffer_of_either_version),
        cmocka_unit_test(test_framebuffers_that_lie),
        cmocka_unit_test(test_overlaps_go_to_the_less_usable),
        cmocka_unit_test(test_adjacent_regions_are_joined),
        cmocka_unit_test(test_too_many_regions_lose_the_smallest),
        cmocka_unit_test(test_regions_that_wrap_or_are_too_high),
        cmocka_unit_test(test_noise),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
