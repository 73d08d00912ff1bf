// SPDX-License-Identifier: MIT
// The parser of dom0's image: good images, every truncation of one, and hostile headers. What it accepts must
// lie within the file.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <elf.h>
#include <hv/elf.h>

#include <xen/elfnote.h>

#include "random.h"

#define LOAD_AT 0x100000UL
#define ENTRY   (LOAD_AT + 0x20)
#define CODE    0x400
#define DATA    0x200

// A whole image: two segments to load, and a note segment with two notes.
struct file {
    Elf64_Ehdr header;
    Elf64_Phdr phdrs[3];
    struct {
        Elf64_Nhdr header;
        char name[4];
        char desc[8];
    } other_note;
    struct {
        Elf64_Nhdr header;
        char name[4];
        uint64_t entry;
    } entry_note;
    uint8_t code[CODE], data[DATA];
} __attribute__((packed));

static struct file good(void)
{
    struct file f = {
        .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                   .e_type = ET_EXEC,
                   .e_machine = EM_X86_64,
                   .e_phoff = offsetof(struct file, phdrs),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 3},
        .phdrs = {{.p_type = PT_LOAD,
                   .p_offset = offsetof(struct file, code),
                   .p_paddr = LOAD_AT,
                   .p_filesz = CODE,
                   .p_memsz = CODE},
                  {.p_type = PT_LOAD,
                   .p_offset = offsetof(struct file, data),
                   .p_paddr = LOAD_AT + 0x1000,
                   .p_filesz = DATA,
                   .p_memsz = 0x3000},
                  {.p_type = PT_NOTE,
                   .p_offset = offsetof(struct file, other_note),
                   .p_filesz =
                       sizeof(((struct file *)0)->other_note) + sizeof(((struct file *)0)->entry_note)}},
        .other_note = {{4, 8, XEN_ELFNOTE_PHYS32_ENTRY}, "GNU", "wrong"},
        .entry_note = {{4, 8, XEN_ELFNOTE_PHYS32_ENTRY}, "Xen", ENTRY},
    };

    return f;
}

// Parses a copy of exactly `size` bytes, so that the sanitizer sees each byte read beyond it, and checks what
// was accepted.
static const char *parse(struct elf_image *elf, const void *file, size_t size)
{
    void *copy = malloc(size ? size : 1);

    memcpy(copy, file, size);
    const char *wrong = elf_parse(elf, copy, size);
    for (unsigned i = 0; !wrong && i < elf->nr_segments; i++) {
        const struct elf_segment *s = &elf->segments[i];

        assert_true(s->file_offset <= size && s->file_size <= size - s->file_offset);
        assert_true(s->file_size <= s->mem_size && s->mem_size > 0);
        assert_true(elf->start <= s->paddr && s->paddr + s->mem_size <= elf->end);
    }
    if (!wrong)
        assert_true(elf->end <= 1UL << 32 && elf->start <= elf->phys32_entry && elf->phys32_entry < elf->end);
    free(copy);
    return wrong;
}

static const char *parse_file(const struct file *f)
{
    struct elf_image elf;

    return parse(&elf, f, sizeof(*f));
}

static void test_a_good_image(void **state)
{
    struct file f = good();
    struct elf_image elf;

    (void)state;
    assert_null(parse(&elf, &f, sizeof(f)));
    assert_int_equal(elf.nr_segments, 2);
    assert_int_equal(elf.segments[0].paddr, LOAD_AT);
    assert_int_equal(elf.segments[1].file_offset, offsetof(struct file, data));
    assert_int_equal(elf.segments[1].file_size, DATA);
    assert_int_equal(elf.segments[1].mem_size, 0x3000);
    assert_int_equal(elf.start, LOAD_AT);
    assert_int_equal(elf.end, LOAD_AT + 0x4000);
    assert_int_equal(elf.phys32_entry, ENTRY);
}

static void test_an_entry_of_4_bytes(void **state)
{
    struct file f = good();
    struct elf_image elf;

    (void)state;
    f.entry_note.header.n_descsz = 4;
    f.entry_note.entry |= 0xdeadbeefUL << 32; // not part of it
    f.phdrs[2].p_filesz -= 4;
    assert_null(parse(&elf, &f, sizeof(f)));
    assert_int_equal(elf.phys32_entry, ENTRY);
}

static void test_an_entry_of_any_other_size_is_none(void **state)
{
    (void)state;
    for (unsigned size = 0; size < 8; size++) {
        struct file f = good();

        f.entry_note.header.n_descsz = size;
        if (size != 4)
            assert_string_equal(parse_file(&f), "no XEN_ELFNOTE_PHYS32_ENTRY note");
    }
}

static void test_every_truncation_is_refused(void **state)
{
    struct file f = good();
    struct elf_image elf;

    (void)state;
    for (size_t size = 0; size < sizeof(f); size++)
        assert_non_null(parse(&elf, &f, size));
}

static void test_what_is_no_executable_is_named(void **state)
{
    struct file f = good();

    (void)state;
    f.header.e_ident[0] = 0;
    assert_string_equal(parse_file(&f), "no ELF magic number");
    f = good();
    f.header.e_ident[EI_CLASS] = ELFCLASS32;
    assert_string_equal(parse_file(&f), "not a 64-bit x86-64 executable");
    f = good();
    f.header.e_ident[EI_DATA] = ELFDATA2MSB;
    assert_string_equal(parse_file(&f), "not a 64-bit x86-64 executable");
    f = good();
    f.header.e_machine = EM_AARCH64;
    assert_string_equal(parse_file(&f), "not a 64-bit x86-64 executable");
    f = good();
    f.header.e_type = ET_REL;
    assert_string_equal(parse_file(&f), "not a 64-bit x86-64 executable");
}

static void test_program_headers_outside_the_file(void **state)
{
    static const uint64_t offsets[] = {sizeof(struct file), sizeof(struct file) - 1, ~0UL, ~0UL - 100,
                                       1UL << 63};
    struct file f;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++) {
        f = good();
        f.header.e_phoff = offsets[i];
        assert_string_equal(parse_file(&f), "the program headers lie outside the file");
    }
    f = good();
    f.header.e_phnum = UINT16_MAX;
    assert_string_equal(parse_file(&f), "the program headers lie outside the file");
    f = good();
    f.header.e_phentsize = 0;
    assert_string_equal(parse_file(&f), "the program headers lie outside the file");
    f = good();
    f.header.e_phnum = 0;
    assert_string_equal(parse_file(&f), "no segment to load");
}

static void test_program_headers_that_overlap_others(void **state)
{
    (void)state;
    for (uint64_t offset = 0; offset < sizeof(struct file) - 3 * sizeof(Elf64_Phdr); offset++) {
        struct file f = good();

        f.header.e_phoff = offset;
        (void)parse_file(&f); // whatever it makes of them, it stays within the file
    }
}

static void test_hostile_segments(void **state)
{
    static const uint64_t huge[] = {~0UL, 1UL << 63, ~0UL - LOAD_AT, ~0UL - LOAD_AT + 1, 1UL << 32};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(huge); i++) {
        struct file f = good();

        f.phdrs[0].p_memsz = huge[i];
        assert_string_equal(parse_file(&f), "a segment lies above 4 GiB");
        f = good();
        f.phdrs[0].p_paddr = huge[i];
        assert_string_equal(parse_file(&f), "a segment lies above 4 GiB");
        f = good();
        f.phdrs[0].p_offset = huge[i];
        assert_string_equal(parse_file(&f), "a segment lies outside the file");
        f = good();
        f.phdrs[0].p_filesz = f.phdrs[0].p_memsz = huge[i];
        assert_string_equal(parse_file(&f), "a segment lies outside the file");
        f = good();
        f.phdrs[2].p_offset = huge[i];
        assert_string_equal(parse_file(&f), "a note segment lies outside the file");
        f = good();
        f.phdrs[2].p_filesz = huge[i];
        assert_string_equal(parse_file(&f), "a note segment lies outside the file");
    }
}

static void test_more_bytes_in_the_file_than_in_memory(void **state)
{
    struct file f = good();

    (void)state;
    f.phdrs[0].p_memsz = CODE - 1;
    assert_string_equal(parse_file(&f), "a segment lies outside the file");
}

static void test_empty_segments_are_none(void **state)
{
    struct file f = good();

    (void)state;
    f.phdrs[0].p_memsz = f.phdrs[1].p_memsz = 0;
    assert_string_equal(parse_file(&f), "no segment to load");
}

static void test_too_many_segments(void **state)
{
    static struct {
        Elf64_Ehdr header;
        Elf64_Phdr phdrs[ELF_MAX_SEGMENTS + 1];
    } f;
    struct elf_image elf;

    (void)state;
    f.header = good().header;
    f.header.e_phoff = sizeof(f.header);
    f.header.e_phnum = ELF_MAX_SEGMENTS + 1;
    for (unsigned i = 0; i < ARRAY_SIZE(f.phdrs); i++)
        f.phdrs[i] = (Elf64_Phdr){.p_type = PT_LOAD, .p_memsz = 16};
    assert_string_equal(parse(&elf, &f, sizeof(f)), "too many segments");
}

static void test_hostile_notes(void **state)
{
    static const uint32_t sizes[] = {UINT32_MAX, UINT32_MAX - 3, 1U << 31, 5, 100, 4096};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct file f = good();

        f.other_note.header.n_namesz = sizes[i];
        (void)parse_file(&f);
        f = good();
        f.other_note.header.n_descsz = sizes[i];
        (void)parse_file(&f);
        f = good();
        f.entry_note.header.n_descsz = sizes[i];
        assert_string_equal(parse_file(&f), "no XEN_ELFNOTE_PHYS32_ENTRY note");
        f = good();
        f.entry_note.header.n_namesz = sizes[i];
        assert_string_equal(parse_file(&f), "no XEN_ELFNOTE_PHYS32_ENTRY note");
    }
}

static void test_an_entry_outside_the_image(void **state)
{
    static const uint64_t entries[] = {LOAD_AT - 1, LOAD_AT + 0x4000, ENTRY | 1UL << 32, ~0UL};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(entries); i++) {
        struct file f = good();

        f.entry_note.entry = entries[i];
        assert_string_equal(parse_file(&f), "the entry point lies outside the image");
    }
}

static void test_random_damage(void **state)
{
    const size_t headers = offsetof(struct file, code);

    (void)state;
    for (unsigned round = 0; round < 50000; round++) {
        static const uint8_t bytes[] = {0, 1, 0x7f, 0x80, 0xff};
        struct file f = good();

        for (unsigned n = 1 + random_below(4); n > 0; n--)
            ((uint8_t *)&f)[random_below(headers)] =
                random_below(2) ? bytes[random_below(sizeof(bytes))] : random_below(256);
        (void)parse_file(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_image),
        cmocka_unit_test(test_an_entry_of_4_bytes),
        cmocka_unit_test(test_an_entry_of_any_other_size_is_none),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_what_is_no_executable_is_named),
        cmocka_unit_test(test_program_headers_outside_the_file),
        cmocka_unit_test(test_program_headers_that_overlap_others),
        cmocka_unit_test(test_hostile_segments),
        cmocka_unit_test(test_more_bytes_in_the_file_than_in_memory),
        cmocka_unit_test(test_empty_segments_are_none),
        cmocka_unit_test(test_too_many_segments),
        cmocka_unit_test(test_hostile_notes),
        cmocka_unit_test(test_an_entry_outside_the_image),
        cmocka_unit_test(test_random_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
