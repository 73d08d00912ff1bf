// SPDX-License-Identifier: MIT
/* Validity and walking of paths; see path.h. */
#include "path.h"

#include <stdio.h>
#include <string.h>

bool xs_path_next(const char **rest, struct xs_name *name)
{
    const char *text = *rest;

    if (*text == '/')
        text++;
    if (!*text)
        return false;
    name->text = text;
    name->len = strcspn(text, "/");
    *rest = text + name->len;
    return true;
}

static bool valid_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '@';
}

static bool valid_absolute(const char *path)
{
    if (!strcmp(path, "/"))
        return true;
    if (strlen(path) > XENSTORE_ABS_PATH_MAX)
        return false;
    for (const char *c = path; *c; c++) {
        bool starts_name = c[0] == '/' && c[1] && c[1] != '/';

        if (!starts_name && !valid_character(*c))
            return false;
    }
    return true;
}

size_t xs_path_domain_prefix(uint16_t domid, char out[XS_PATH_PREFIX_SIZE])
{
    return (size_t)snprintf(out, XS_PATH_PREFIX_SIZE, "/local/domain/%u/", domid);
}

bool xs_path_absolute(const char *path, uint16_t domid, char out[XS_PATH_SIZE])
{
    size_t prefix = 0, len = strlen(path);

    if (path[0] != '/') {
        if (!len || len > XENSTORE_REL_PATH_MAX)
            return false;
        prefix = xs_path_domain_prefix(domid, out);
    }
    if (prefix + len > XENSTORE_ABS_PATH_MAX)
        return false;
    memcpy(out + prefix, path, len + 1);
    return valid_absolute(out);
}
