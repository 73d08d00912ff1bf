// SPDX-License-Identifier: MIT
/*
 * Shared by the files of this folder: turning a hypercall's result into an error that names the call.
 */
#ifndef CTL_CALL_H
#define CTL_CALL_H

#include <stdint.h>

#include <guest/hypercall.h>

#include <dom0/ctl.h>

/*
 * 0 for a result @rc ≥ 0; else the negative newlib errno of the XEN_E* code @rc, with *err naming @call (such
 * as "domctl max_mem") and, unless it is DOMID_INVALID, the domain.
 */
int ctl_result(struct error *err, long rc, const char *call, domid_t domid);

#endif
