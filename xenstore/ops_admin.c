// SPDX-License-Identifier: MIT
/* Operations for the administrator: features and quotas of all and of single domains. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <xen/io/xs_wire.h>

#include "domain.h"
#include "quota.h"
#include "wire.h"

static int answer_number(struct xs_request *request, uint32_t number)
{
    char text[16];

    return xs_answer(request, text, (size_t)snprintf(text, sizeof(text), "%" PRIu32, number) + 1);
}

/* ---- features ---- */

/* Of a domain, for the toolstack; without a domid, the client's own. */
int xs_op_get_feature(struct xs_request *request)
{
    const struct xs_conn *conn = request->conn;
    const struct xs_domain *domain;
    const char *strings[1];
    size_t count = xs_request_strings(request, strings, 1);
    uint16_t domid;

    if (!count)
        return answer_number(request, xs_conn_features(conn));
    if (count > 1)
        return EINVAL;
    if (!conn->privileged)
        return EACCES;
    if (!xs_parse_domid(strings[0], &domid))
        return EINVAL;
    domain = xs_domain_find(conn->store, domid);
    return answer_number(request, domain ? domain->state.features : XS_FEATURES);
}

int xs_op_set_feature(struct xs_request *request)
{
    struct xs_domain_state state;
    struct xs_domain *domain;
    uint16_t domid;
    uint64_t features;
    int error;

    if (!xs_parse_domid(request->payload, &domid) ||
        !xs_parse_number(request->second, UINT32_MAX, &features) || (features & ~(uint64_t)XS_FEATURES))
        return EINVAL;
    domain = xs_domain_get(request->conn->store, domid);
    if (!domain)
        return ENOMEM;
    /* What a domain was told at its introduction stays true. */
    if (domain->state.introduced)
        return EBUSY;
    state = domain->state;
    state.features = (uint32_t)features;
    error = xs_domain_change(request->conn->store, domain, &state);
    return error ? error : xs_acknowledge(request);
}

/* ---- quotas ---- */

static int list_quotas(struct xs_request *request)
{
    char names[XENSTORE_PAYLOAD_MAX];
    size_t used = 0;

    for (unsigned int i = 0; i < XS_QUOTA_COUNT; i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? " " : "",
                                 xs_quota_name((enum xs_quota)i));
    return xs_answer(request, names, used + 1);
}

/* The domain that the first string names, or NULL if there are only the others. */
static int take_domain(struct xs_request *request, const char **strings, bool given,
                       struct xs_domain **domain)
{
    uint16_t domid;

    *domain = NULL;
    if (!given)
        return 0;
    if (!xs_parse_domid(strings[0], &domid))
        return EINVAL;
    *domain = xs_domain_find(request->conn->store, domid);
    return *domain ? 0 : ENOENT;
}

/* [[domid] name]: a limit, or the names of all. */
int xs_op_get_quota(struct xs_request *request)
{
    const struct xs_store *store = request->conn->store;
    const char *strings[2];
    size_t count = xs_request_strings(request, strings, 2);
    struct xs_domain *domain;
    enum xs_quota quota;
    int error;

    if (count > 2)
        return EINVAL;
    if (!count)
        return list_quotas(request);
    error = take_domain(request, strings, count == 2, &domain);
    if (error)
        return error;
    quota = xs_quota_of(strings[count - 1]);
    if (quota == XS_QUOTA_COUNT)
        return EINVAL;
    return answer_number(request, domain ? xs_quota_limit(store, domain, quota) : store->limits[quota]);
}

/* [domid] name value */
int xs_op_set_quota(struct xs_request *request)
{
    const char *strings[3];
    size_t count = xs_request_strings(request, strings, 3);
    struct xs_domain *domain;
    int error;

    if (count < 2 || count > 3)
        return EINVAL;
    error = take_domain(request, strings, count == 3, &domain);
    if (!error)
        error = xs_quota_set(request->conn->store, domain, strings[count - 2], strings[count - 1]);
    return error ? error : xs_acknowledge(request);
}
