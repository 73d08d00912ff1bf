// SPDX-License-Identifier: MIT
/*
 * How fast a domain may write. Each may save up the writes of one second; when it has used them up, its
 * requests wait until there is credit again, and only its own.
 */
#ifndef XS_RATE_H
#define XS_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct xs_conn;

/* The client has written. */
void xs_rate_charge(struct xs_conn *conn, const char *path);

/* How many ms the client's next request has to wait. */
uint32_t xs_rate_delay(const struct xs_conn *conn);

#endif
