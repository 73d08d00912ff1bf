// SPDX-License-Identifier: MIT
//
// The kit's error convention. HYPERVISOR_* wrappers (hypercall.h) return what Xen returned: 0 or more, or a
// negative XEN_E* code of <xen/errno.h>. Every other function of the kit returns 0 or more, or a negative
// errno of newlib's <errno.h>, so that strerror(-rc) names it. The two numberings agree up to 34 and differ
// above.
#ifndef GUEST_ERROR_H
#define GUEST_ERROR_H

// Translates a hypercall's return value: 0 and positive values pass, a negative XEN_E* becomes the negative
// newlib errno of the same name (-EINVAL where newlib has none).
int error_from_xen(long rc);

#endif
