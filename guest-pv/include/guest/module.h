// SPDX-License-Identifier: MIT
//
// Boot modules: the files the boot loader put beside the kernel, found through start_info. They stay in
// place, are readable for ever, and open("/files/NAME", O_RDONLY) reads them too.
#ifndef GUEST_MODULE_H
#define GUEST_MODULE_H

#include <stddef.h>

struct module {
    const char *name; // percent-decoded value of the last "name=" word, else the base name of the first word
    const char *cmdline; // the module's string as the boot loader gave it, "" if none
    const void *data;
    size_t size; // bytes
};

unsigned module_count(void);
const struct module *module_get(unsigned index); // NULL beyond the last
const struct module *module_find(const char *name);

#endif
