// SPDX-License-Identifier: MIT
// Multiboot 1 and 2 information, as the specifications of the GNU GRUB project define them. The loader is
// trusted to mean well, not to be right: no offset, size or count is used before it is known to stay inside
// the memory at hand.

#include <hv/boot_info.h>
#include <hv/string.h>

#include <asm/multiboot.h>

#define MB1_LOADER_MAGIC 0x2badb002
#define MB2_LOADER_MAGIC 0x36d76289
#define MAX_MAP_BYTES    65536
#define ADDRESS_LIMIT    (1UL << 52) // the most x86-64 can address

static const char *const TOO_MANY_STRINGS = "the modules' command lines take more than 12288 bytes";

// A memory map as the loader has it: of E820 entries, or of EFI descriptors, whose type means something else.
struct map {
    const uint8_t *entries;
    uint32_t bytes;
    uint32_t stride; // 0: each entry begins with its own size (multiboot 1)
    bool efi;
};

struct parser {
    const struct boot_memory *mem;
    struct boot_info *info;
    struct boot_screen *screen;
    size_t strings_used; // of info->strings
    struct map map;      // the one to believe of those seen so far
    bool boot_services;  // EFI's are still running
};

// NULL unless [address, address + size) may be read.
static const uint8_t *bytes_at(const struct boot_memory *mem, uint64_t address, uint64_t size)
{
    if (address > mem->size || size > mem->size - address)
        return NULL;
    return mem->bytes + address;
}

static uint32_t get32(const uint8_t *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

static uint64_t get64(const uint8_t *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

// Copies the string at `address`, which lies before `end`; false if it was cut to fit into `size` bytes.
static bool copy_string(const struct boot_memory *mem, uint64_t address, uint64_t end, char *dst, size_t size)
{
    uint64_t limit = MIN(end, mem->size);
    size_t n = 0;

    for (; address + n < limit && mem->bytes[address + n]; n++) {
        if (n == size - 1) {
            dst[n] = '\0';
            return false;
        }
        dst[n] = mem->bytes[address + n];
    }
    dst[n] = '\0';
    return true;
}

// --- memory map ---

static enum mem_type type_of(uint32_t e820_type)
{
    return e820_type >= MEM_RAM && e820_type <= MEM_UNUSABLE ? e820_type : MEM_RESERVED;
}

#define EFI_PAGE_SHIFT        12
#define EFI_DESCRIPTOR_BYTES  40
#define EFI_ATTRIBUTE_RUNTIME (1UL << 63)

// UEFI specification 2.10, table 7.10. What is not listed there is reserved, and so are the runtime services
// and everything else they have a claim on.
static enum mem_type type_of_efi(uint32_t efi_type, uint64_t attributes, bool boot_services)
{
    static const uint8_t types[] = {[1] = MEM_RAM, [2] = MEM_RAM,      [3] = MEM_RAM,  [4] = MEM_RAM,
                                    [7] = MEM_RAM, [8] = MEM_UNUSABLE, [9] = MEM_ACPI, [10] = MEM_NVS};
    bool of_boot_services = efi_type == 3 || efi_type == 4;

    if (efi_type >= ARRAY_SIZE(types) || !types[efi_type] || (of_boot_services && boot_services))
        return MEM_RESERVED;
    return types[efi_type] == MEM_RAM && (attributes & EFI_ATTRIBUTE_RUNTIME) ? MEM_RESERVED
                                                                              : types[efi_type];
}

// In this order a later type overrides an earlier one: doubtful memory is not used.
static const enum mem_type type_order[] = {MEM_RAM, MEM_ACPI, MEM_NVS, MEM_RESERVED, MEM_UNUSABLE};

static void add_entry(struct parser *p, const uint8_t *entry, enum mem_type pass)
{
    bool efi = p->map.efi;
    uint64_t start = get64(entry + (efi ? 8 : 0)), length = get64(entry + (efi ? 24 : 8));
    enum mem_type type =
        efi ? type_of_efi(get32(entry), get64(entry + 32), p->boot_services) : type_of(get32(entry + 16));

    if (efi)
        length = length >> (64 - EFI_PAGE_SHIFT) ? ~0UL : length << EFI_PAGE_SHIFT;
    if (type == pass)
        memory_map_add(p->info, start, length > ~start ? ~0UL : start + length, pass);
}

static void add_entries(struct parser *p, enum mem_type pass)
{
    const struct map *map = &p->map;
    uint32_t header = map->stride ? 0 : 4, least = header + (map->efi ? EFI_DESCRIPTOR_BYTES : 20);

    for (uint32_t at = 0; map->bytes - at >= least;) {
        const uint8_t *entry = map->entries + at;
        uint64_t size = map->stride ? map->stride : (uint64_t)get32(entry) + 4;

        add_entry(p, entry + header, pass);
        if (size < least || size > map->bytes - at)
            break;
        at += size;
    }
}

// EFI's own map says more than what the loader made of it.
static const char *found_map(struct parser *p, uint64_t address, uint32_t bytes, uint32_t stride, bool efi)
{
    const uint8_t *entries = bytes_at(p->mem, address, bytes);
    uint32_t least = efi ? EFI_DESCRIPTOR_BYTES : 20;

    if (!entries || bytes > MAX_MAP_BYTES || (stride && stride < least))
        return "the memory map is out of reach or malformed";
    if (efi || !p->map.efi)
        p->map = (struct map){entries, bytes, stride, efi};
    return NULL;
}

static const char *read_map(struct parser *p)
{
    if (!p->map.entries)
        return "the boot loader gave no memory map";
    for (unsigned i = 0; i < ARRAY_SIZE(type_order); i++)
        add_entries(p, type_order[i]);
    memory_map_finish(p->info);
    return p->info->nr_regions ? NULL : "the boot loader's memory map is empty";
}

// --- modules and command lines ---

static const char *add_module(struct parser *p, uint32_t start, uint32_t end, uint64_t string,
                              uint64_t string_end)
{
    struct boot_info *info = p->info;
    char *text = info->strings + p->strings_used;
    struct boot_module *module;

    if (info->nr_modules == BOOT_MAX_MODULES)
        return "more than 64 modules";
    if (p->strings_used == sizeof(info->strings))
        return TOO_MANY_STRINGS;
    module = &info->modules[info->nr_modules++];
    *module = (struct boot_module){.start = start, .cmdline = text};
    if (!copy_string(p->mem, string, string_end, text, sizeof(info->strings) - p->strings_used))
        return TOO_MANY_STRINGS;
    p->strings_used += strlen(text) + 1;
    if (end < start)
        return "a module ends before it starts";
    if (start % PAGE_SIZE != 0)
        return "a module does not start on a page boundary";
    module->size = end - start;
    return NULL;
}

// QEMU, and some old loaders, put the image's own file name in front.
static void strip_image_name(struct boot_info *info)
{
    char *line = info->cmdline;
    size_t skip = 0;

    if (line[0] == '/' || line[0] == '(' || strncmp(info->loader, "qemu", 4) == 0)
        while (line[skip] && line[skip] != ' ')
            skip++;
    while (line[skip] == ' ')
        skip++;
    memmove(line, line + skip, strlen(line + skip) + 1);
}

// --- screen ---

enum framebuffer_type { FRAMEBUFFER_RGB = 1, FRAMEBUFFER_TEXT = 2 };

// Both versions have the same fields, but for where the colours' are.
static void read_screen(struct boot_screen *screen, const uint8_t *fields, const uint8_t *colours)
{
    *screen = (struct boot_screen){.kind = SCREEN_OTHER,
                                   .address = get64(fields),
                                   .pitch = get32(fields + 8),
                                   .width = get32(fields + 12),
                                   .height = get32(fields + 16),
                                   .bits = fields[20]};
    for (unsigned i = 0; i < ARRAY_SIZE(screen->colours); i++) {
        screen->colours[i].shift = colours[2 * i];
        screen->colours[i].bits = colours[2 * i + 1];
    }
    if (fields[21] == FRAMEBUFFER_TEXT)
        screen->kind = SCREEN_TEXT;
    else if (fields[21] == FRAMEBUFFER_RGB)
        screen->kind = SCREEN_FRAMEBUFFER;
}

static bool screen_is_sane(const struct boot_screen *screen, const struct boot_info *info)
{
    uint64_t size = (uint64_t)screen->pitch * screen->height;

    if ((screen->bits != 16 && screen->bits != 24 && screen->bits != 32) || !screen->width ||
        !screen->height || screen->pitch / (screen->bits / 8) < screen->width || size > SCREEN_MAX_BYTES ||
        screen->address > ADDRESS_LIMIT)
        return false;
    for (unsigned i = 0; i < ARRAY_SIZE(screen->colours); i++)
        if (screen->colours[i].bits > 8 || screen->colours[i].shift + screen->colours[i].bits > screen->bits)
            return false;
    for (unsigned i = 0; i < info->nr_regions; i++)
        if (info->regions[i].type == MEM_RAM && info->regions[i].start < screen->address + size &&
            screen->address < info->regions[i].end)
            return false;
    return true;
}

// --- multiboot 1 ---

#define MB1_HAS_CMDLINE     (1U << 2)
#define MB1_HAS_MODULES     (1U << 3)
#define MB1_HAS_MAP         (1U << 6)
#define MB1_HAS_LOADER      (1U << 9)
#define MB1_HAS_FRAMEBUFFER (1U << 12)

#define MB1_INFO_SIZE        88
#define MB1_FRAMEBUFFER_SIZE 28

static const char *parse_mb1_modules(struct parser *p, uint32_t count, uint32_t address)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = bytes_at(p->mem, address + 16UL * i, 16);
        const char *error;

        if (!entry)
            return "the list of modules is out of reach";
        error = add_module(p, get32(entry), get32(entry + 4), get32(entry + 8), ~0UL);
        if (error)
            return error;
    }
    return NULL;
}

static const char *parse_mb1(struct parser *p, uint32_t address)
{
    const uint8_t *mbi = bytes_at(p->mem, address, MB1_INFO_SIZE);
    struct boot_info *info = p->info;
    const char *error;

    if (!mbi)
        return "the multiboot information is out of reach";
    uint32_t flags = get32(mbi);
    if (flags & MB1_HAS_LOADER)
        copy_string(p->mem, get32(mbi + 64), ~0UL, info->loader, sizeof(info->loader));
    if (flags & MB1_HAS_CMDLINE)
        copy_string(p->mem, get32(mbi + 16), ~0UL, info->cmdline, sizeof(info->cmdline));
    const uint8_t *framebuffer = bytes_at(p->mem, address + (uint64_t)MB1_INFO_SIZE, MB1_FRAMEBUFFER_SIZE);
    if (framebuffer && (flags & MB1_HAS_FRAMEBUFFER))
        read_screen(p->screen, framebuffer, framebuffer + 22);
    error = flags & MB1_HAS_MAP ? found_map(p, get32(mbi + 48), get32(mbi + 44), 0, false) : NULL;
    if (!error)
        error = read_map(p);
    if (!error && (flags & MB1_HAS_MODULES))
        error = parse_mb1_modules(p, get32(mbi + 20), get32(mbi + 24));
    return error;
}

// --- multiboot 2 ---

enum mb2_tag {
    MB2_END = 0,
    MB2_CMDLINE = 1,
    MB2_LOADER = 2,
    MB2_MODULE = 3,
    MB2_MAP = 6,
    MB2_FRAMEBUFFER = 8,
    MB2_RSDP_V1 = 14,
    MB2_RSDP_V2 = 15,
    MB2_EFI_MAP = 17,
    MB2_EFI_BOOT_SERVICES = 18,
};

#define MB2_MAX_BYTES (1U << 20)

// The tag is at `address` and all of its `size` bytes can be read. Too small for what it should hold:
// ignored.
static const char *parse_mb2_tag(struct parser *p, uint64_t address, uint32_t size)
{
    const uint8_t *tag = p->mem->bytes + address;
    struct boot_info *info = p->info;
    uint64_t end = address + size;

    switch (get32(tag)) {
    case MB2_CMDLINE: copy_string(p->mem, address + 8, end, info->cmdline, sizeof(info->cmdline)); break;
    case MB2_LOADER: copy_string(p->mem, address + 8, end, info->loader, sizeof(info->loader)); break;
    case MB2_MODULE:
        return size < 16 ? NULL : add_module(p, get32(tag + 8), get32(tag + 12), address + 16, end);
    case MB2_MAP:
    case MB2_EFI_MAP:
        return size < 16 ? NULL
                         : found_map(p, address + 16, size - 16, MAX(get32(tag + 8), 1U),
                                     get32(tag) == MB2_EFI_MAP);
    case MB2_EFI_BOOT_SERVICES: p->boot_services = true; break;
    case MB2_FRAMEBUFFER:
        if (size >= 8 + 30)
            read_screen(p->screen, tag + 8, tag + 32);
        else if (size >= 8 + 22)
            p->screen->kind = tag[29] == FRAMEBUFFER_TEXT ? SCREEN_TEXT : SCREEN_OTHER;
        break;
    case MB2_RSDP_V1:
        if (size >= 8 + 20 && !info->rsdp)
            info->rsdp = address + 8;
        break;
    case MB2_RSDP_V2:
        if (size >= 8 + 36)
            info->rsdp = address + 8;
        break;
    default: break;
    }
    return NULL;
}

static const char *parse_mb2(struct parser *p, uint32_t address)
{
    const uint8_t *header = bytes_at(p->mem, address, 8);
    uint32_t total = header ? get32(header) : 0;

    if (total < 16 || total > MB2_MAX_BYTES || !bytes_at(p->mem, address, total))
        return "the multiboot information is out of reach or malformed";
    for (uint32_t at = 8; total - at >= 8;) {
        const uint8_t *tag = p->mem->bytes + address + at;
        uint32_t size = get32(tag + 4);
        const char *error;

        if (get32(tag) == MB2_END)
            break;
        if (size < 8 || size > total - at)
            return "a multiboot tag has an impossible size";
        error = parse_mb2_tag(p, (uint64_t)address + at, size);
        if (error)
            return error;
        at = MIN(ALIGN_UP(at + size, 8), total);
    }
    if (p->map.efi && p->screen->kind == SCREEN_UNKNOWN)
        p->screen->kind = SCREEN_OTHER; // no text mode to be tried on EFI
    return read_map(p);
}

const char *multiboot_parse(const struct boot_memory *mem, uint32_t magic, uint32_t address,
                            struct boot_info *info, struct boot_screen *screen)
{
    struct parser p = {.mem = mem, .info = info, .screen = screen};
    const char *error = "not started by a multiboot loader";

    memset(info, 0, sizeof(*info));
    memset(screen, 0, sizeof(*screen));
    if (magic == MB1_LOADER_MAGIC)
        error = parse_mb1(&p, address);
    else if (magic == MB2_LOADER_MAGIC)
        error = parse_mb2(&p, address);
    if (screen->kind == SCREEN_FRAMEBUFFER && !screen_is_sane(screen, info))
        screen->kind = SCREEN_OTHER;
    strip_image_name(info);
    return error;
}
