// SPDX-License-Identifier: MIT
//
// Boot modules and their names.

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <guest/mem.h>
#include <guest/module.h>
#include <guest/shutdown.h>
#include "kit.h"

static struct module *modules;
static unsigned count;

static int hex_digit(char c)
{
    if (!isxdigit((unsigned char)c))
        return -1;
    return isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

// Copies a word of `length` bytes with each %XX replaced by the byte it stands for.
static char *percent_decoded(const char *word, size_t length)
{
    char *decoded = malloc(length + 1);
    char *out = decoded;
    for (size_t i = 0; decoded && i < length; i++) {
        if (word[i] == '%' && i + 2 < length && hex_digit(word[i + 1]) >= 0 && hex_digit(word[i + 2]) >= 0) {
            *out++ = (char)(hex_digit(word[i + 1]) << 4 | hex_digit(word[i + 2]));
            i += 2;
        } else {
            *out++ = word[i];
        }
    }
    if (decoded)
        *out = '\0';
    return decoded;
}

// The last "name=" word, else the base name of the first word.
static char *module_name(const char *string)
{
    const char *name = string;
    size_t length = strcspn(string, " ");
    for (const char *c = string; c < string + strcspn(string, " "); c++)
        if (*c == '/')
            name = c + 1;
    length -= (size_t)(name - string);
    for (const char *word = string; *word; word += strspn(word, " ")) {
        size_t word_length = strcspn(word, " ");
        if (!strncmp(word, "name=", 5)) {
            name = word + 5;
            length = word_length - 5;
        }
        word += word_length;
    }
    return percent_decoded(name, length);
}

void module_init(const struct hvm_start_info *info)
{
    const struct hvm_modlist_entry *entries = (const void *)info->modlist_paddr;
    modules = calloc(info->nr_modules, sizeof(*modules));
    if (!modules && info->nr_modules)
        guest_panic("no memory for a list of %u modules", info->nr_modules);
    for (; count < info->nr_modules; count++) {
        const struct hvm_modlist_entry *entry = &entries[count];
        struct module *module = &modules[count];
        module->cmdline = entry->cmdline_paddr ? (const char *)entry->cmdline_paddr : "";
        module->data = (const void *)entry->paddr;
        module->size = entry->size;
        module->name = module_name(module->cmdline);
        if (!module->name || mem_map_window(entry->paddr, entry->size, 0))
            guest_panic("no memory for module %u", count);
    }
}

unsigned module_count(void)
{
    return count;
}

const struct module *module_get(unsigned index)
{
    return index < count ? &modules[index] : NULL;
}

const struct module *module_find(const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (!strcmp(modules[i].name, name))
            return &modules[i];
    return NULL;
}
