// SPDX-License-Identifier: MIT
/* The table of operations, and the checks it calls for; see wire.h. */
#include "wire.h"

#include <errno.h>
#include <string.h>

#include "domain.h"
#include "rate.h"
#include "transaction.h"

/* Attributes of an operation. */
#define PRIVILEGED 1u  /* else EACCES */
#define NO_TX      2u  /* takes no part in a transaction: the request's tx_id is ignored */
#define PATH       4u  /* its first string is a path */
#define SPECIAL    8u  /* … or @introduceDomain or @releaseDomain */
#define MORE       16u /* more may follow its strings */
#define WATCHABLE  32u /* SPECIAL, or "@releaseDomain/<domid>" */
#define WRITES     64u /* counts as a write */

struct operation {
    xs_operation *run;
    uint8_t strings; /* that it takes, each with its NUL */
    uint8_t attributes;
};

/* What isn't here answers ENOSYS: messages of the store to clients, and unknown operations. */
static const struct operation operations[XS_WIRE_OPERATIONS] = {
    [XS_CONTROL] = {xs_op_control, 0, PRIVILEGED | NO_TX | MORE},
    [XS_DIRECTORY] = {xs_op_directory, 1, PATH},
    [XS_READ] = {xs_op_read, 1, PATH},
    [XS_GET_PERMS] = {xs_op_get_perms, 1, PATH | SPECIAL},
    [XS_WATCH] = {xs_op_watch, 2, PATH | WATCHABLE | NO_TX | MORE},
    [XS_UNWATCH] = {xs_op_unwatch, 2, PATH | WATCHABLE | NO_TX},
    [XS_TRANSACTION_START] = {xs_op_transaction_start, 0, MORE},
    [XS_TRANSACTION_END] = {xs_op_transaction_end, 1, 0},
    [XS_INTRODUCE] = {xs_op_introduce, 3, PRIVILEGED | NO_TX | MORE},
    [XS_RELEASE] = {xs_op_release, 1, PRIVILEGED | NO_TX},
    [XS_GET_DOMAIN_PATH] = {xs_op_get_domain_path, 1, NO_TX},
    [XS_WRITE] = {xs_op_write, 1, PATH | MORE | WRITES},
    [XS_MKDIR] = {xs_op_mkdir, 1, PATH | WRITES},
    [XS_RM] = {xs_op_rm, 1, PATH | WRITES},
    [XS_SET_PERMS] = {xs_op_set_perms, 2, PATH | SPECIAL | MORE | WRITES},
    [XS_IS_DOMAIN_INTRODUCED] = {xs_op_is_domain_introduced, 1, PRIVILEGED | NO_TX},
    [XS_RESUME] = {xs_op_resume, 1, PRIVILEGED | NO_TX},
    [XS_SET_TARGET] = {xs_op_set_target, 2, PRIVILEGED | NO_TX},
    [XS_RESET_WATCHES] = {xs_op_reset_watches, 0, NO_TX | MORE},
    [XS_DIRECTORY_PART] = {xs_op_directory_part, 2, PATH},
    [XS_WIRE_GET_FEATURE] = {xs_op_get_feature, 0, NO_TX | MORE},
    [XS_WIRE_SET_FEATURE] = {xs_op_set_feature, 2, PRIVILEGED | NO_TX},
    [XS_WIRE_GET_QUOTA] = {xs_op_get_quota, 0, PRIVILEGED | NO_TX | MORE},
    [XS_WIRE_SET_QUOTA] = {xs_op_set_quota, 2, PRIVILEGED | NO_TX | MORE},
};

/* As the protocol has it. */
static const char *error_name(int error)
{
    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++) {
        if (xsd_errors[i].errnum == error)
            return xsd_errors[i].errstring;
    }
    return "EINVAL";
}

int xs_refuse(struct xs_conn *conn, enum xs_fault fault, int error)
{
    static const char *const faults[] = {
        [XS_FAULT_OPERATION] = "an operation that there is not",
        [XS_FAULT_TX] = "a transaction that is not open",
        [XS_FAULT_STRINGS] = "more or fewer strings than the operation takes",
        [XS_FAULT_PATH] = "a malformed path",
        [XS_FAULT_PERMISSIONS] = "malformed permissions",
    };
    struct xs_domain *domain = conn->domain;

    if (!(domain->faults_told & (1u << fault)))
        xs_log(conn->store, domain->domid, "a request has %s (%s; told once)", faults[fault],
               error_name(error));
    domain->faults_told |= 1u << fault;
    return error;
}

int xs_answer(struct xs_request *request, const void *payload, size_t len)
{
    return xs_conn_reply(request->conn, request->type, payload, len) ? 0 : ENOMEM;
}

int xs_acknowledge(struct xs_request *request)
{
    return xs_answer(request, "OK", sizeof("OK"));
}

static void answer_error(struct xs_conn *conn, int error)
{
    const char *name = error_name(error);

    xs_conn_reply(conn, XS_ERROR, name, strlen(name) + 1);
}

/* Are there as many strings as the operation takes, and nothing behind them unless it may be? */
static bool check_strings(struct xs_request *request, const struct operation *operation)
{
    const char *at = request->payload, *end = at + request->len;

    for (unsigned int i = 0; i < operation->strings; i++) {
        size_t size = strnlen(at, (size_t)(end - at)) + 1;

        if (size > (size_t)(end - at))
            return false;
        at += size;
        if (!i) {
            request->second = at;
            request->second_len = (size_t)(end - at);
        }
    }
    return at == end || (operation->attributes & MORE);
}

size_t xs_request_strings(const struct xs_request *request, const char **strings, size_t max)
{
    const char *at = request->payload, *end = at + request->len;
    size_t count = 0;

    while (at < end) {
        size_t size = strnlen(at, (size_t)(end - at)) + 1;

        if (count == max || size > (size_t)(end - at))
            return max + 1;
        strings[count++] = at;
        at += size;
    }
    return count == 1 && !*strings[0] ? 0 : count;
}

static bool check_path(struct xs_request *request, const struct operation *operation)
{
    if (request->payload[0] != '@')
        return xs_path_absolute(request->payload, request->conn->domain->domid, request->path);
    if (operation->attributes & SPECIAL)
        request->special = xs_special_of(request->payload);
    else if (operation->attributes & WATCHABLE)
        request->special = xs_special_of_watch(request->payload);
    if (request->special == XS_SPECIAL_COUNT)
        return false;
    strcpy(request->path, request->payload);
    return true;
}

static void count(struct xs_request *request, const struct operation *operation)
{
    struct xs_activity *activity = &request->conn->domain->activity;

    if (operation->attributes & WRITES) {
        activity->writes++;
        xs_rate_charge(request->conn, request->path);
    } else {
        activity->reads++;
    }
}

static int decode(struct xs_request *request, const struct operation *operation)
{
    uint32_t tx_id = request->conn->request.header.tx_id;

    if ((operation->attributes & PRIVILEGED) && !request->conn->privileged)
        return EACCES;
    if (tx_id && !(operation->attributes & NO_TX)) {
        request->transaction = xs_transaction_find(request->conn, tx_id);
        if (!request->transaction)
            return xs_refuse(request->conn, XS_FAULT_TX, ENOENT);
    }
    if (!check_strings(request, operation))
        return xs_refuse(request->conn, XS_FAULT_STRINGS, EINVAL);
    if ((operation->attributes & PATH) && !check_path(request, operation))
        return xs_refuse(request->conn, XS_FAULT_PATH, EINVAL);
    return 0;
}

void xs_wire_handle(struct xs_conn *conn, const char *payload, size_t len)
{
    struct xs_request request = {
        .conn = conn,
        .path = "",
        .type = conn->request.header.type,
        .payload = payload,
        .len = len,
        .special = XS_SPECIAL_COUNT,
    };
    const struct operation *operation = request.type < XS_WIRE_OPERATIONS ? &operations[request.type] : NULL;
    int error;

    if (!operation || !operation->run) {
        error = xs_refuse(conn, XS_FAULT_OPERATION, ENOSYS);
    } else {
        error = decode(&request, operation);
        count(&request, operation);
        if (!error)
            error = operation->run(&request);
    }
    if (error)
        answer_error(conn, error);
}
