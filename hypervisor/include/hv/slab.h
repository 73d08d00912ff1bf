// SPDX-License-Identifier: MIT
// Small objects of the hypervisor, in power-of-two size classes from 32 bytes to one page; larger ones are
// whole pages.
#pragma once

#include <hv/types.h>

// Zero-filled memory, or NULL. Callers are bounded by a limit charged to a domain.
void *hv_alloc(size_t size);
// `size` is what was asked for. NULL is allowed.
void hv_free(void *object, size_t size);
