// SPDX-License-Identifier: MIT
// Parses the dom0 image. Sources: System V ABI (ELF-64 object file format), public/elfnote.h.

#include <hv/elf.h>
#include <hv/string.h>

#include <xen/elfnote.h>

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_phdr {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_note {
    uint32_t namesz, descsz, type;
};

_Static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_phdr) == 56 &&
                   sizeof(struct elf_note) == 12,
               "");

enum { ET_EXEC = 2, EM_X86_64 = 62, PT_LOAD = 1, PT_NOTE = 4, ELFCLASS64 = 2, ELFDATA2LSB = 1 };

static bool in_file(const struct elf_image *elf, uint64_t offset, uint64_t size)
{
    return offset <= elf->size && size <= elf->size - offset;
}

static const char *add_segment(struct elf_image *elf, const struct elf_phdr *ph)
{
    if (ph->memsz == 0)
        return NULL;
    if (elf->nr_segments == ELF_MAX_SEGMENTS)
        return "too many segments";
    if (ph->filesz > ph->memsz || !in_file(elf, ph->offset, ph->filesz))
        return "a segment lies outside the file";
    if (ph->paddr + ph->memsz < ph->paddr || ph->paddr + ph->memsz > 1UL << 32)
        return "a segment lies above 4 GiB";
    elf->segments[elf->nr_segments++] = (struct elf_segment){ph->paddr, ph->offset, ph->filesz, ph->memsz};
    elf->start = MIN(elf->start, ph->paddr);
    elf->end = MAX(elf->end, ph->paddr + ph->memsz);
    return NULL;
}

static void scan_notes(struct elf_image *elf, const struct elf_phdr *ph)
{
    uint64_t at = ph->offset, end = ph->offset + ph->filesz;
    struct elf_note note;

    while (at + sizeof(note) <= end) {
        memcpy(&note, elf->data + at, sizeof(note));
        uint64_t name = at + sizeof(note);
        uint64_t desc = name + ALIGN_UP((uint64_t)note.namesz, 4);

        at = desc + ALIGN_UP((uint64_t)note.descsz, 4);
        if (at > end)
            return;
        if (note.type != XEN_ELFNOTE_PHYS32_ENTRY || note.namesz != 4 ||
            memcmp(elf->data + name, "Xen", 4) != 0)
            continue;
        // Four or eight bytes, little-endian: both are in use.
        if (note.descsz == 4 || note.descsz == 8)
            memcpy(&elf->phys32_entry, elf->data + desc, note.descsz);
    }
}

static const char *parse_phdr(struct elf_image *elf, const struct elf_phdr *ph)
{
    if (ph->type == PT_LOAD)
        return add_segment(elf, ph);
    if (ph->type == PT_NOTE) {
        if (!in_file(elf, ph->offset, ph->filesz))
            return "a note segment lies outside the file";
        scan_notes(elf, ph);
    }
    return NULL;
}

const char *elf_parse(struct elf_image *elf, const void *data, uint64_t size)
{
    struct elf_header header;

    *elf = (struct elf_image){.data = data, .size = size, .start = ~0UL};
    if (size < sizeof(header))
        return "shorter than an ELF header";
    memcpy(&header, data, sizeof(header));
    if (memcmp(header.ident, "\177ELF", 4) != 0)
        return "no ELF magic number";
    if (header.ident[4] != ELFCLASS64 || header.ident[5] != ELFDATA2LSB || header.machine != EM_X86_64 ||
        header.type != ET_EXEC)
        return "not a 64-bit x86-64 executable";
    if (header.phentsize != sizeof(struct elf_phdr) ||
        !in_file(elf, header.phoff, (uint64_t)header.phnum * sizeof(struct elf_phdr)))
        return "the program headers lie outside the file";
    for (unsigned i = 0; i < header.phnum; i++) {
        struct elf_phdr ph;

        memcpy(&ph, elf->data + header.phoff + i * sizeof(ph), sizeof(ph));
        const char *wrong = parse_phdr(elf, &ph);
        if (wrong)
            return wrong;
    }
    if (elf->nr_segments == 0)
        return "no segment to load";
    if (elf->phys32_entry == 0)
        return "no XEN_ELFNOTE_PHYS32_ENTRY note";
    if (elf->phys32_entry < elf->start || elf->phys32_entry >= elf->end)
        return "the entry point lies outside the image";
    return NULL;
}
