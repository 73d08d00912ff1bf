// SPDX-License-Identifier: MIT
//
// HVM parameters, whose argument is a structure.

#include <stdint.h>
#include <guest/hypercall.h>

long hvm_param_get(domid_t dom, uint32_t index, uint64_t *value)
{
    struct xen_hvm_param param = {.domid = dom, .index = index};
    long rc = HYPERVISOR_hvm_op(HVMOP_get_param, &param);
    *value = rc ? 0 : param.value;
    return rc;
}

long hvm_param_set(domid_t dom, uint32_t index, uint64_t value)
{
    struct xen_hvm_param param = {.domid = dom, .index = index, .value = value};
    return HYPERVISOR_hvm_op(HVMOP_set_param, &param);
}
