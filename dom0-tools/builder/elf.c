// SPDX-License-Identifier: MIT
/*
 * The streaming ELF loader. Layouts and numbers are those of the System V ABI (generic part, chapters 4 and
 * 5); newlib has no <elf.h>.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <xen/elfnote.h>

#include <dom0/builder_elf.h>

#define ELFCLASS32  1
#define ELFCLASS64  2
#define ELFDATA2LSB 1
#define ET_EXEC     2
#define ET_DYN      3
#define EM_386      3
#define EM_X86_64   62
#define PT_LOAD     1
#define PT_NOTE     4
#define NOTE_HEADER 12u /* name size, descriptor size, type */

struct elf32_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version, entry, phoff, shoff, flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct elf32_header) == 52, "ELF32 header");

struct elf64_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct elf64_header) == 64, "ELF64 header");

struct elf32_program_header {
    uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
};
_Static_assert(sizeof(struct elf32_program_header) == 32, "ELF32 program header");

struct elf64_program_header {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct elf64_program_header) == 56, "ELF64 program header");

/* Where the program headers are, the same for both classes. */
struct program_headers {
    uint64_t offset;
    unsigned int count, entry_size;
};

const char *elf_machine_name(unsigned int machine)
{
    switch (machine) {
    case EM_386: return "i386";
    case 8: return "MIPS";
    case 20: return "PowerPC";
    case 21: return "PowerPC64";
    case 22: return "S/390";
    case 40: return "ARM";
    case EM_X86_64: return "x86-64";
    case 183: return "AArch64";
    case 243: return "RISC-V";
    case 258: return "LoongArch";
    default: return NULL;
    }
}

void elf_load_begin(struct elf_loader *loader, struct guest_memory *memory, uint64_t limit)
{
    loader->memory = memory;
    loader->limit = limit;
    loader->position = 0;
    loader->started = false;
    loader->nr_segments = 0;
    loader->nr_notes = 0;
    loader->head_size = 0;
}

static int check_ident(const struct elf_loader *loader, unsigned int type, unsigned int machine,
                       struct error *err)
{
    const char *name = elf_machine_name(machine);
    unsigned int bits = loader->is64 ? 64 : 32;

    if (loader->head[5] != ELFDATA2LSB)
        return error_set(err, -ENOEXEC, "it is a big-endian ELF file; x86 is little-endian");
    if (machine != (loader->is64 ? EM_X86_64 : EM_386))
        return error_set(err, -ENOEXEC, "it is an ELF%u file for %s (machine %u), not for x86", bits,
                         name ? name : "an unknown processor", machine);
    if (type != ET_EXEC && type != ET_DYN)
        return error_set(err, -ENOEXEC, "it is an ELF%u file of type %u, not an executable", bits, type);
    return 0;
}

static int read_header32(struct elf_loader *loader, struct program_headers *table, struct error *err)
{
    struct elf32_header header;

    if (loader->head_size < sizeof(header))
        return error_set(err, -ENOEXEC, "it is an ELF32 file cut off inside its header, after %zu bytes",
                         loader->head_size);
    memcpy(&header, loader->head, sizeof(header));
    *table = (struct program_headers){header.phoff, header.phnum, sizeof(struct elf32_program_header)};
    if (header.phnum && header.phentsize != table->entry_size)
        return error_set(err, -ENOEXEC, "its program headers have %u bytes each instead of %u",
                         header.phentsize, table->entry_size);
    return check_ident(loader, header.type, header.machine, err);
}

static int read_header64(struct elf_loader *loader, struct program_headers *table, struct error *err)
{
    struct elf64_header header;

    if (loader->head_size < sizeof(header))
        return error_set(err, -ENOEXEC, "it is an ELF64 file cut off inside its header, after %zu bytes",
                         loader->head_size);
    memcpy(&header, loader->head, sizeof(header));
    *table = (struct program_headers){header.phoff, header.phnum, sizeof(struct elf64_program_header)};
    if (header.phnum && header.phentsize != table->entry_size)
        return error_set(err, -ENOEXEC, "its program headers have %u bytes each instead of %u",
                         header.phentsize, table->entry_size);
    return check_ident(loader, header.type, header.machine, err);
}

static struct elf64_program_header read_program_header(const struct elf_loader *loader, const uint8_t *at)
{
    struct elf32_program_header narrow;
    struct elf64_program_header wide;

    if (loader->is64) {
        memcpy(&wide, at, sizeof(wide));
        return wide;
    }
    memcpy(&narrow, at, sizeof(narrow));
    return (struct elf64_program_header){
        .type = narrow.type,
        .offset = narrow.offset,
        .paddr = narrow.paddr,
        .filesz = narrow.filesz,
        .memsz = narrow.memsz,
        .align = narrow.align,
    };
}

static int check_segment(const struct elf_loader *loader, const struct elf_segment *new, struct error *err)
{
    if (new->filesz > new->memsz)
        return error_set(err, -ENOEXEC,
                         "its segment %u has more bytes in the file (0x%" PRIx64
                         ") than in memory (0x%" PRIx64 ")",
                         new->index, new->filesz, new->memsz);
    if (new->offset + new->filesz < new->offset)
        return error_set(err, -ENOEXEC, "its segment %u lies at the impossible file offset 0x%" PRIx64,
                         new->index, new->offset);
    if (new->paddr >= loader->limit || new->memsz > loader->limit - new->paddr)
        return error_set(err, -ENOEXEC,
                         "its segment %u needs 0x%" PRIx64 " bytes at 0x%" PRIx64
                         ", outside the memory it may use (0x0 to 0x%" PRIx64 ")",
                         new->index, new->memsz, new->paddr, loader->limit);
    for (unsigned int i = 0; i < loader->nr_segments; i++) {
        const struct elf_segment *old = &loader->segments[i];

        if (new->paddr < old->paddr + old->memsz && old->paddr < new->paddr + new->memsz)
            return error_set(err, -ENOEXEC,
                             "its segments %u (0x%" PRIx64 " to 0x%" PRIx64 ") and %u (0x%" PRIx64
                             " to 0x%" PRIx64 ") overlap",
                             old->index, old->paddr, old->paddr + old->memsz, new->index, new->paddr,
                             new->paddr + new->memsz);
    }
    return 0;
}

static int add_segment(struct elf_loader *loader, const struct elf64_program_header *header,
                       unsigned int index, struct error *err)
{
    struct elf_segment *segment = &loader->segments[loader->nr_segments];

    if (!header->memsz && !header->filesz)
        return 0;
    if (loader->nr_segments == ELF_MAX_SEGMENTS)
        return error_set(err, -ENOEXEC, "it has more than %u segments to load", ELF_MAX_SEGMENTS);
    *segment = (struct elf_segment){
        .offset = header->offset,
        .filesz = header->filesz,
        .paddr = header->paddr,
        .memsz = header->memsz,
        .index = index,
    };
    if (check_segment(loader, segment, err))
        return err->code;
    loader->nr_segments++;
    return 0;
}

static int add_note(struct elf_loader *loader, const struct elf64_program_header *header, unsigned int index,
                    struct error *err)
{
    struct elf_note_segment *note = &loader->notes[loader->nr_notes];

    if (loader->nr_notes == ELF_MAX_NOTES)
        return error_set(err, -ENOEXEC, "it has more than %u note segments", ELF_MAX_NOTES);
    if (header->filesz > ELF_NOTE_SIZE)
        return error_set(err, -ENOEXEC, "its note segment %u has 0x%" PRIx64 " bytes; at most 0x%x are read",
                         index, header->filesz, ELF_NOTE_SIZE);
    if (header->offset + header->filesz < header->offset)
        return error_set(err, -ENOEXEC, "its note segment %u lies at the impossible file offset 0x%" PRIx64,
                         index, header->offset);
    note->offset = header->offset;
    note->size = (uint32_t)header->filesz;
    note->align = header->align == 8 ? 8 : 4;
    loader->nr_notes++;
    return 0;
}

static int read_headers(struct elf_loader *loader, struct error *err)
{
    struct program_headers table = {0};
    int rc;

    if (loader->head_size < 16 || memcmp(loader->head, "\177ELF", 4))
        return error_set(err, -ENOEXEC, "it does not hold an ELF file");
    if (loader->head[4] != ELFCLASS32 && loader->head[4] != ELFCLASS64)
        return error_set(err, -ENOEXEC, "it is an ELF file of the unknown class %u", loader->head[4]);
    loader->is64 = loader->head[4] == ELFCLASS64;
    rc = loader->is64 ? read_header64(loader, &table, err) : read_header32(loader, &table, err);
    if (rc)
        return rc;
    if (table.offset > loader->head_size ||
        (uint64_t)table.count * table.entry_size > loader->head_size - table.offset)
        return error_set(err, -ENOEXEC,
                         "its %u program headers at offset 0x%" PRIx64 " are not within its first %zu bytes",
                         table.count, table.offset, loader->head_size);

    for (unsigned int i = 0; i < table.count && !rc; i++) {
        struct elf64_program_header header =
            read_program_header(loader, loader->head + table.offset + (size_t)i * table.entry_size);

        if (header.type == PT_LOAD)
            rc = add_segment(loader, &header, i, err);
        else if (header.type == PT_NOTE)
            rc = add_note(loader, &header, i, err);
    }
    if (!rc && !loader->nr_segments)
        rc = error_set(err, -ENOEXEC, "it is an ELF file without a segment to load");
    return rc;
}

/* The part that [position, position + size) of the file and [offset, offset + length) share; false if none.
 */
static bool shared_part(uint64_t position, size_t size, uint64_t offset, uint64_t length, uint64_t *from,
                        size_t *bytes)
{
    uint64_t end = position + size < offset + length ? position + size : offset + length;

    *from = position > offset ? position : offset;
    if (*from >= end)
        return false;
    *bytes = (size_t)(end - *from);
    return true;
}

/* Puts the next bytes of the file where they belong. */
static int deliver(struct elf_loader *loader, const uint8_t *data, size_t size, struct error *err)
{
    uint64_t position = loader->position, from;
    size_t bytes;

    for (unsigned int i = 0; i < loader->nr_segments; i++) {
        const struct elf_segment *segment = &loader->segments[i];

        if (shared_part(position, size, segment->offset, segment->filesz, &from, &bytes) &&
            guest_memory_write(loader->memory, segment->paddr + (from - segment->offset),
                               data + (from - position), bytes, err))
            return err->code;
    }
    for (unsigned int i = 0; i < loader->nr_notes; i++) {
        struct elf_note_segment *note = &loader->notes[i];

        if (shared_part(position, size, note->offset, note->size, &from, &bytes))
            memcpy(note->data + (from - note->offset), data + (from - position), bytes);
    }
    loader->position += size;
    return 0;
}

static int start(struct elf_loader *loader, struct error *err)
{
    int rc = read_headers(loader, err);

    if (rc)
        return rc;
    loader->started = true;
    return deliver(loader, loader->head, loader->head_size, err);
}

int elf_load_feed(struct elf_loader *loader, const void *data, size_t size, struct error *err)
{
    const uint8_t *from = data;

    if (!loader->started) {
        size_t take = ELF_HEAD_SIZE - loader->head_size;

        if (take > size)
            take = size;
        memcpy(loader->head + loader->head_size, from, take);
        loader->head_size += take;
        from += take;
        size -= take;
        if (loader->head_size < ELF_HEAD_SIZE)
            return 0;
        if (start(loader, err))
            return err->code;
    }
    return deliver(loader, from, size, err);
}

static int check_complete(const struct elf_loader *loader, struct error *err)
{
    for (unsigned int i = 0; i < loader->nr_segments; i++) {
        const struct elf_segment *segment = &loader->segments[i];

        if (segment->filesz && segment->offset + segment->filesz > loader->position)
            return error_set(err, -ENOEXEC,
                             "it is cut off: segment %u reaches to offset 0x%" PRIx64
                             ", but there are only 0x%" PRIx64 " bytes",
                             segment->index, segment->offset + segment->filesz, loader->position);
    }
    for (unsigned int i = 0; i < loader->nr_notes; i++) {
        const struct elf_note_segment *note = &loader->notes[i];

        if (note->offset + note->size > loader->position)
            return error_set(err, -ENOEXEC,
                             "it is cut off: its notes reach to offset 0x%" PRIx64
                             ", but there are only 0x%" PRIx64 " bytes",
                             note->offset + note->size, loader->position);
    }
    return 0;
}

static uint64_t align_up(uint64_t value, uint32_t align)
{
    return (value + align - 1) & ~((uint64_t)align - 1);
}

struct xen_notes {
    bool phys32, pv; /* PHYS32_ENTRY and the PV-only ENTRY were seen */
    uint64_t entry;
};

/* Walks one note segment. A note that does not fit ends the walk: what follows it can't be found. */
static void scan_notes(const struct elf_note_segment *segment, struct xen_notes *found)
{
    uint64_t at = 0;

    while (at + NOTE_HEADER <= segment->size) {
        uint32_t header[3]; /* name size, descriptor size, type */
        uint64_t desc, next;

        memcpy(header, segment->data + at, NOTE_HEADER);
        desc = align_up(at + NOTE_HEADER + header[0], segment->align);
        next = align_up(desc + header[1], segment->align);
        if (desc + header[1] > segment->size)
            return;
        if (header[0] == 4 && !memcmp(segment->data + at + NOTE_HEADER, "Xen", 4)) {
            if (header[2] == XEN_ELFNOTE_ENTRY)
                found->pv = true;
            if (header[2] == XEN_ELFNOTE_PHYS32_ENTRY && (header[1] == 4 || header[1] == 8)) {
                found->phys32 = true;
                found->entry = 0;
                memcpy(&found->entry, segment->data + desc, header[1]);
            }
        }
        at = next;
    }
}

static int find_entry(const struct elf_loader *loader, uint64_t *entry, struct error *err)
{
    struct xen_notes found = {0};

    for (unsigned int i = 0; i < loader->nr_notes; i++)
        scan_notes(&loader->notes[i], &found);
    if (!found.phys32)
        return error_set(err, -ENOEXEC,
                         "it is an x86 ELF%u kernel%s, but it lacks the PVH entry point (the ELF note "
                         "XEN_ELFNOTE_PHYS32_ENTRY, type %u); Linux has it when built with CONFIG_PVH=y",
                         loader->is64 ? 64 : 32, found.pv ? " for Xen PV" : "", XEN_ELFNOTE_PHYS32_ENTRY);
    for (unsigned int i = 0; i < loader->nr_segments; i++) {
        const struct elf_segment *segment = &loader->segments[i];

        if (found.entry >= segment->paddr && found.entry - segment->paddr < segment->memsz) {
            *entry = found.entry;
            return 0;
        }
    }
    return error_set(err, -ENOEXEC, "its PVH entry point 0x%" PRIx64 " lies in none of its segments",
                     found.entry);
}

int elf_load_finish(struct elf_loader *loader, struct elf_kernel *kernel, struct error *err)
{
    uint64_t entry = 0;

    if (!loader->started && start(loader, err))
        return err->code;
    if (check_complete(loader, err) || find_entry(loader, &entry, err))
        return err->code;

    *kernel = (struct elf_kernel){.start = UINT64_MAX, .end = 0, .entry = entry};
    for (unsigned int i = 0; i < loader->nr_segments; i++) {
        const struct elf_segment *segment = &loader->segments[i];

        if (segment->paddr < kernel->start)
            kernel->start = segment->paddr;
        if (segment->paddr + segment->memsz > kernel->end)
            kernel->end = segment->paddr + segment->memsz;
    }
    return 0;
}
