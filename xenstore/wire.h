// SPDX-License-Identifier: MIT
/* From the bytes of a request to the operation, and from its result to the reply. */
#ifndef XS_WIRE_H_INTERNAL
#define XS_WIRE_H_INTERNAL

#include <stdbool.h>
#include <stdint.h>

#include <stddef.h>

#include "conn.h"
#include "internal.h"
#include "path.h"

struct xs_transaction;

/* A request after decoding: what its operation's row in the table promises about it holds. */
struct xs_request {
    struct xs_conn *conn;
    struct xs_transaction *transaction; /* NULL: none */
    uint32_t type;
    const char *payload; /* a NUL stands behind it */
    size_t len;
    const char *second; /* what follows the first string, up to payload + len */
    size_t second_len;
    enum xs_special special; /* of the first string, if the operation takes such paths */
    char path[XS_PATH_SIZE]; /* its absolute form, if it is a path */
};

/* Handles one whole request; answers it unless the connection has failed. payload[len] is NUL. */
void xs_wire_handle(struct xs_conn *conn, const char *payload, size_t len);

/* Each answers the request and returns 0, or returns a positive errno. */
typedef int xs_operation(struct xs_request *request);

xs_operation xs_op_directory, xs_op_directory_part, xs_op_read, xs_op_get_perms;
xs_operation xs_op_write, xs_op_mkdir, xs_op_rm, xs_op_set_perms;
xs_operation xs_op_watch, xs_op_unwatch, xs_op_reset_watches;
xs_operation xs_op_transaction_start, xs_op_transaction_end;
xs_operation xs_op_introduce, xs_op_release, xs_op_resume, xs_op_is_domain_introduced, xs_op_get_domain_path;
xs_operation xs_op_set_target;
xs_operation xs_op_get_feature, xs_op_set_feature, xs_op_get_quota, xs_op_set_quota, xs_op_control;

/*
 * Takes a payload apart where the table can't say how many strings there are. Returns how many, at most max;
 * max + 1 if there are more or the last one doesn't end. A single empty string is none.
 */
size_t xs_request_strings(const struct xs_request *request, const char **strings, size_t max);

/* What can be malformed in a request. */
enum xs_fault { XS_FAULT_OPERATION, XS_FAULT_TX, XS_FAULT_STRINGS, XS_FAULT_PATH, XS_FAULT_PERMISSIONS };

/* Returns the error for the client; logs the fault the first time that its domain shows it. */
int xs_refuse(struct xs_conn *conn, enum xs_fault fault, int error);

int xs_answer(struct xs_request *request, const void *payload, size_t len);
int xs_acknowledge(struct xs_request *request);

#endif
