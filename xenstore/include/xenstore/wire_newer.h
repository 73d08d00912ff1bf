// SPDX-License-Identifier: MIT
/*
 * What later versions of Xen added to the protocol of 4.17's io/xs_wire.h: operations, and bits of the ring
 * page's server_features. Their numbers and meanings are those of docs/misc/xenstore.txt and
 * docs/misc/xenstore-ring.txt in Xen's source. The names are our own, so that a newer header may have them
 * too; scripts/check compares the values with those of the header that is installed.
 */
#ifndef XENSTORE_WIRE_NEWER_H
#define XENSTORE_WIRE_NEWER_H

#define XS_WIRE_GET_FEATURE 23
#define XS_WIRE_SET_FEATURE 24
#define XS_WIRE_GET_QUOTA   25
#define XS_WIRE_SET_QUOTA   26
#define XS_WIRE_OPERATIONS  27 /* one more than the last */

/* WATCH takes a third string, the number of levels below its path that count. */
#define XENSTORE_WIRE_FEATURE_WATCHDEPTH 4

#endif
