// SPDX-License-Identifier: MIT
/*
 * dom0's side of a console ring page (xen/io/console.h). The guest can write the whole page at any moment:
 * both functions read each of its indices once, believe no distance above the ring's size, and touch nothing
 * outside the page. A ring whose indices make no sense is emptied by moving our own index up to the guest's.
 */
#ifndef DOM0_CONSOLE_RING_H
#define DOM0_CONSOLE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/io/console.h>

/* Take what the guest has written: up to `size` bytes; returns how many. *nonsense is set if indices were
 * wrong. */
size_t console_ring_take(struct xencons_interface *ring, char *buffer, size_t size, bool *nonsense);

/* Hand typed bytes to the guest; returns how many fitted. */
size_t console_ring_give(struct xencons_interface *ring, const char *bytes, size_t count, bool *nonsense);

#endif
