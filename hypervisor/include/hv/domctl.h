// SPDX-License-Identifier: MIT
// What domctl and sysctl share.
#pragma once

#include <hv/types.h>

struct domain;
struct xen_domctl_getdomaininfo;

// One domain as XEN_DOMCTL_getdomaininfo and XEN_SYSCTL_getdomaininfolist report it.
void domctl_domain_info(const struct domain *d, struct xen_domctl_getdomaininfo *info);
