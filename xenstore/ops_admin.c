// SPDX-License-Identifier: MIT
/* Operations for the administrator: features and quotas of all and of single domains, and CONTROL. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include "domain.h"
#include "journal.h"
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

static int set_for_domain(struct xs_store *store, struct xs_domain *domain, enum xs_quota quota,
                          uint32_t limit)
{
    struct xs_domain_state state = domain->state;

    state.limited |= 1u << quota;
    state.limits[quota] = limit;
    return xs_domain_change(store, domain, &state);
}

static int set_for_all(struct xs_store *store, enum xs_quota quota, uint32_t limit)
{
    int error = xs_journal_quota(store, quota, limit);

    if (error)
        return error;
    store->limited |= 1u << quota;
    store->limits[quota] = limit;
    return 0;
}

static int set_quota(struct xs_store *store, struct xs_domain *domain, const char *name, const char *value)
{
    enum xs_quota quota = xs_quota_of(name);
    uint64_t limit;

    if (quota == XS_QUOTA_COUNT || !xs_parse_number(value, UINT32_MAX, &limit))
        return EINVAL;
    return domain ? set_for_domain(store, domain, quota, (uint32_t)limit)
                  : set_for_all(store, quota, (uint32_t)limit);
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
        error = set_quota(request->conn->store, domain, strings[count - 2], strings[count - 1]);
    return error ? error : xs_acknowledge(request);
}

/* ---- CONTROL ---- */

/* Text for a person, cut where a reply ends. */
struct text {
    char bytes[XENSTORE_PAYLOAD_MAX];
    size_t len;
};

static void __attribute__((format(printf, 2, 3))) add(struct text *text, const char *format, ...)
{
    size_t room = sizeof(text->bytes) - text->len;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text->bytes + text->len, room, format, args);
    va_end(args);
    text->len += (size_t)len < room ? (size_t)len : room - 1;
}

/* quota; quota DOMID; quota set NAME VALUE */
static int control_quota(struct xs_request *request, const char **strings, size_t count, struct text *text)
{
    struct xs_store *store = request->conn->store;
    struct xs_domain *domain;
    int error;

    if (count == 3 && !strcmp(strings[0], "set")) {
        add(text, "OK\n");
        return set_quota(store, NULL, strings[1], strings[2]);
    }
    if (count > 1)
        return EINVAL;
    error = take_domain(request, strings, count == 1, &domain);
    if (error)
        return error;
    for (unsigned int i = 0; i < XS_QUOTA_COUNT; i++) {
        enum xs_quota quota = (enum xs_quota)i;

        add(text, "%-20s %10" PRIu32, xs_quota_name(quota),
            domain ? xs_quota_limit(store, domain, quota) : store->limits[quota]);
        if (domain)
            add(text, " %10" PRIu32, xs_store_usage(store, domain->domid, quota));
        add(text, "\n");
    }
    return 0;
}

static int control_print(struct xs_request *request, const char **strings, size_t count, struct text *text)
{
    if (count != 1)
        return EINVAL;
    xs_log(request->conn->store, request->conn->domain->domid, "says: %.120s", strings[0]);
    add(text, "OK\n");
    return 0;
}

static int control_help(struct xs_request *request, const char **strings, size_t count, struct text *text)
{
    (void)request, (void)strings;
    add(text, "help\nprint TEXT\nquota [DOMID | set NAME VALUE]\n");
    return count ? EINVAL : 0;
}

int xs_op_control(struct xs_request *request)
{
    static const struct {
        const char *name;
        int (*run)(struct xs_request *request, const char **strings, size_t count, struct text *text);
    } commands[] = {{"help", control_help}, {"print", control_print}, {"quota", control_quota}};
    const char *strings[4];
    size_t count = xs_request_strings(request, strings, 4);
    struct text text = {.len = 0};

    if (!count || count > 4)
        return EINVAL;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!strcmp(strings[0], commands[i].name)) {
            int error = commands[i].run(request, strings + 1, count - 1, &text);

            return error ? error : xs_answer(request, text.bytes, text.len + 1);
        }
    }
    return EINVAL;
}
