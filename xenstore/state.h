// SPDX-License-Identifier: MIT
/* The records of which a store's state is made, as saving and the journal write them. */
#ifndef XS_STATE_H
#define XS_STATE_H

#include <xenstore/state.h>

#include "acl.h"
#include "domain.h"
#include "internal.h"
#include "records.h"

void xs_put_domain(struct xs_writer *writer, uint16_t domid, const struct xs_domain_state *state);
void xs_put_quota(struct xs_writer *writer, enum xs_quota quota, uint32_t limit);
void xs_put_death(struct xs_writer *writer, uint16_t domid);
void xs_put_special(struct xs_writer *writer, enum xs_special special, const struct xs_acl *acl);
void xs_put_node(struct xs_writer *writer, const char *path, const struct xs_acl *acl, const void *value,
                 size_t len);
void xs_put_remove(struct xs_writer *writer, const char *path);

/* Hands over what has been written so far, if it is at least `least` bytes. 0, ENOMEM, or what `write` says.
 */
int xs_state_flush(struct xs_writer *writer, size_t least, xs_state_write *write, void *ctx);

#endif
