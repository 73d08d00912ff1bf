// SPDX-License-Identifier: MIT
/* Permission lists, as clients set and see them. */
#ifndef XENSTORE_PERM_H
#define XENSTORE_PERM_H

#include <stdint.h>

/* One entry of a permission list. The first entry of a list names the owner; its access is everyone else's
 * default. */
struct xs_perm {
    uint16_t domid;
    char access; /* 'n' none, 'r' read, 'w' write, 'b' both */
};

#endif
