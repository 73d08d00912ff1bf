// SPDX-License-Identifier: MIT
//
// Xen's error numbers are Linux's; newlib has its own above 34. A table made from Xen's header by name.

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/errno.h>
#include <guest/error.h>

static const struct {
    uint8_t xen, newlib;
} translations[] = {
    {XEN_EDEADLK, EDEADLK},       {XEN_ENAMETOOLONG, ENAMETOOLONG}, {XEN_ENOLCK, ENOLCK},
    {XEN_ENOSYS, ENOSYS},         {XEN_ENOTEMPTY, ENOTEMPTY},       {XEN_ENODATA, ENODATA},
    {XEN_ETIME, ETIME},           {XEN_EBADMSG, EBADMSG},           {XEN_EOVERFLOW, EOVERFLOW},
    {XEN_EILSEQ, EILSEQ},         {XEN_ENOTSOCK, ENOTSOCK},         {XEN_EMSGSIZE, EMSGSIZE},
    {XEN_EOPNOTSUPP, EOPNOTSUPP}, {XEN_EADDRINUSE, EADDRINUSE},     {XEN_EADDRNOTAVAIL, EADDRNOTAVAIL},
    {XEN_ENOBUFS, ENOBUFS},       {XEN_EISCONN, EISCONN},           {XEN_ENOTCONN, ENOTCONN},
    {XEN_ETIMEDOUT, ETIMEDOUT},   {XEN_ECONNREFUSED, ECONNREFUSED},
};

#define LAST_COMMON 34

int error_from_xen(long rc)
{
    if (rc >= -LAST_COMMON)
        return (int)rc;
    for (size_t i = 0; i < sizeof(translations) / sizeof(translations[0]); i++)
        if (rc == -translations[i].xen)
            return -translations[i].newlib;
    return -EINVAL;
}
