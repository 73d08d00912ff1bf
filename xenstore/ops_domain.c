// SPDX-License-Identifier: MIT
/* Operations on domains. Numbers come as decimal strings; INTRODUCE's gfn may be negative, as old toolstacks
 * have it. */
#include <stdint.h>

#include <errno.h>
#include <string.h>

#include "domain.h"
#include "wire.h"

/* domid, gfn of the ring page, port of the event channel */
int xs_op_introduce(struct xs_request *request)
{
    const char *gfn_text = request->second, *port_text = gfn_text + strlen(gfn_text) + 1;
    bool negative = gfn_text[0] == '-';
    uint64_t gfn, port;
    uint16_t domid;
    int error;

    if (!xs_parse_domid(request->payload, &domid) ||
        !xs_parse_number(gfn_text + negative, UINT64_MAX, &gfn) ||
        !xs_parse_number(port_text, UINT32_MAX, &port) || !port)
        return EINVAL;
    error = xs_domain_introduce(request->conn->store, domid, negative ? -gfn : gfn, (uint32_t)port);
    return error ? error : xs_acknowledge(request);
}

static int on_domain(struct xs_request *request, int (*perform)(struct xs_request *request, uint16_t domid))
{
    uint16_t domid;
    int error;

    if (!xs_parse_domid(request->payload, &domid))
        return EINVAL;
    error = perform(request, domid);
    return error ? error : xs_acknowledge(request);
}

/* The connection that a request came by outlives the request: nobody releases himself. */
static int release_other(struct xs_request *request, uint16_t domid)
{
    struct xs_conn *conn = request->conn;

    return conn->domain_ring && conn->domain->domid == domid ? EINVAL : xs_domain_release(conn->store, domid);
}

int xs_op_release(struct xs_request *request)
{
    return on_domain(request, release_other);
}

static int resume(struct xs_request *request, uint16_t domid)
{
    return xs_domain_resume(request->conn->store, domid);
}

int xs_op_resume(struct xs_request *request)
{
    return on_domain(request, resume);
}

/* domid, and the domain it serves: from now on it may do what that one may. */
int xs_op_set_target(struct xs_request *request)
{
    uint16_t domid, target;
    int error;

    if (!xs_parse_domid(request->payload, &domid) || !xs_parse_domid(request->second, &target))
        return EINVAL;
    error = xs_domain_set_target(request->conn->store, domid, target);
    return error ? error : xs_acknowledge(request);
}

int xs_op_is_domain_introduced(struct xs_request *request)
{
    const struct xs_domain *domain;
    uint16_t domid;
    bool introduced;

    if (!xs_parse_domid(request->payload, &domid))
        return EINVAL;
    domain = xs_domain_find(request->conn->store, domid);
    introduced = domid == XS_ROOT_OWNER || (domain && domain->state.introduced);
    return xs_answer(request, introduced ? "T" : "F", 2);
}

int xs_op_get_domain_path(struct xs_request *request)
{
    char path[XS_PATH_PREFIX_SIZE];
    uint16_t domid;
    size_t len;

    if (!xs_parse_domid(request->payload, &domid))
        return EINVAL;
    len = xs_path_domain_prefix(domid, path);
    path[len - 1] = '\0';
    return xs_answer(request, path, len);
}
