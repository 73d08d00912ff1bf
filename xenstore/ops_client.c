// SPDX-License-Identifier: MIT
/* Operations on what a client holds: its watches and transactions. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "transaction.h"
#include "watch.h"
#include "wire.h"

/* The third string of WATCH, which only clients that were told of it may give. */
static bool take_depth(const struct xs_request *request, uint32_t *depth)
{
    const char *strings[3];
    size_t count = xs_request_strings(request, strings, 3);
    uint64_t number;

    if (count == 2)
        return true;
    if (count != 3 || !(xs_conn_features(request->conn) & XENSTORE_WIRE_FEATURE_WATCHDEPTH) ||
        !xs_parse_number(strings[2], UINT32_MAX, &number))
        return false;
    *depth = (uint32_t)number;
    return request->special == XS_SPECIAL_COUNT || number == 1;
}

int xs_op_watch(struct xs_request *request)
{
    struct xs_watch_request watch = {
        .path = request->path,
        .token = request->second,
        .relative = request->payload[0] != '/' && request->payload[0] != '@',
        .depth = XS_DEPTH_ANY,
    };

    if (!take_depth(request, &watch.depth))
        return EINVAL;
    return xs_watch_add(request->conn, &watch);
}

int xs_op_unwatch(struct xs_request *request)
{
    int error = xs_watch_remove(request->conn, request->path, request->second);

    return error ? error : xs_acknowledge(request);
}

int xs_op_reset_watches(struct xs_request *request)
{
    xs_watch_remove_all(request->conn);
    xs_transaction_drop_all(request->conn);
    return xs_acknowledge(request);
}

int xs_op_transaction_start(struct xs_request *request)
{
    struct xs_transaction *transaction;
    char id[XS_SHORT_REPLY];
    int error;

    if (request->transaction)
        return EBUSY;
    error = xs_transaction_start(request->conn, &transaction);
    if (error)
        return error;
    return xs_answer(request, id, (size_t)snprintf(id, sizeof(id), "%" PRIu32, transaction->id) + 1);
}

int xs_op_transaction_end(struct xs_request *request)
{
    int error = 0;

    if (!request->transaction)
        return ENOENT;
    if (!strcmp(request->payload, "F"))
        xs_transaction_drop(request->transaction);
    else if (!strcmp(request->payload, "T"))
        error = xs_transaction_commit(request->transaction);
    else
        return EINVAL;
    return error ? error : xs_acknowledge(request);
}
