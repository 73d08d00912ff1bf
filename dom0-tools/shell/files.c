// SPDX-License-Identifier: MIT
/* Finding files among the boot modules. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <dom0/files.h>

const struct module *file_get(unsigned n)
{
    for (unsigned i = 0; i < module_count(); i++) {
        const struct module *module = module_get(i);

        if (module->name[0] != '.' && n-- == 0)
            return module;
    }
    return NULL;
}

/* " a b c", cut where it no longer fits. */
static void list_names(char *text, size_t size)
{
    const struct module *module;
    size_t length = 0;

    text[0] = '\0';
    for (unsigned n = 0; (module = file_get(n)) && length < size; n++)
        length += (size_t)snprintf(text + length, size - length, " %s", module->name);
}

const struct module *file_find(const char *path, struct error *err)
{
    const char *name = path;
    const struct module *module = NULL;
    char names[200];

    if (!strncmp(path, FILES_DIRECTORY "/", strlen(FILES_DIRECTORY "/")))
        name += strlen(FILES_DIRECTORY "/");
    if (!strchr(name, '/'))
        module = module_find(name);
    if (module)
        return module;
    list_names(names, sizeof(names));
    if (names[0])
        error_set(err, -ENOENT, "no file '%s'; in " FILES_DIRECTORY " there are:%s", path, names);
    else
        error_set(err, -ENOENT, "no file '%s'; " FILES_DIRECTORY " is empty", path);
    return NULL;
}
