// SPDX-License-Identifier: MIT
/*
 * HVM parameters and event channels of another domain.
 */
#include <stdio.h>
#include <string.h>

#include <guest/event.h>

#include "call.h"

int ctl_hvm_param_set(domid_t domid, uint32_t index, uint64_t value, struct error *err)
{
    char call[48];

    snprintf(call, sizeof(call), "hvm_op set_param %u", index);
    return ctl_result(err, hvm_param_set(domid, index, value), call, domid);
}

int ctl_hvm_param_get(domid_t domid, uint32_t index, uint64_t *value, struct error *err)
{
    char call[48];

    snprintf(call, sizeof(call), "hvm_op get_param %u", index);
    return ctl_result(err, hvm_param_get(domid, index, value), call, domid);
}

int ctl_evtchn_alloc_unbound(domid_t domid, uint32_t *port, struct error *err)
{
    int rc = event_alloc_unbound_for(domid, DOMID_SELF);

    if (rc < 0)
        return error_set(err, rc, "event_channel_op alloc_unbound for domain %u: %s", domid, strerror(-rc));
    *port = (uint32_t)rc;
    return 0;
}
