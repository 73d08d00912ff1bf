// SPDX-License-Identifier: MIT
/*
 * The result of a hypercall as a struct error.
 */
#include <string.h>

#include <guest/error.h>

#include "call.h"

int ctl_result(struct error *err, long rc, const char *call, domid_t domid)
{
    int code;

    if (rc >= 0)
        return 0;
    code = error_from_xen(rc);
    if (domid == DOMID_INVALID)
        return error_set(err, code, "%s: %s", call, strerror(-code));
    return error_set(err, code, "%s for domain %u: %s", call, domid, strerror(-code));
}
