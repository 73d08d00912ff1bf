// SPDX-License-Identifier: MIT
/* xenstore top, quota, control and restart. */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <guest/thread.h>
#include <guest/time.h>

#include <xenstore/store.h>

#include <dom0/shell.h>
#include <dom0/terminal.h>

#include "xenstore_commands.h"

/* ---- top ---- */

#define RATES_MAX 64 /* domains whose rates are shown; for more, only their totals */

/* What the domains had done when the table was last shown. */
struct last_seen {
    uint64_t at; /* 0: it wasn't */
    size_t count;
    struct {
        uint16_t domid;
        struct xs_activity activity;
    } domains[RATES_MAX];
};

static const struct xs_activity *activity_before(const struct last_seen *last, uint16_t domid)
{
    for (size_t i = 0; i < last->count; i++) {
        if (last->domains[i].domid == domid)
            return &last->domains[i].activity;
    }
    return NULL;
}

/* How many a second since then, rounded up: what happens at all is not shown as nothing. */
static uint64_t per_second(uint64_t now, uint64_t before, uint64_t elapsed)
{
    return now < before ? 0 : ((now - before) * NS_PER_S + elapsed - 1) / elapsed;
}

static void print_share(const struct xs_domain_info *info, enum xs_quota quota, int width, uint32_t unit)
{
    char text[32];

    /* The toolstack has no limits. */
    if (info->domid && info->limits[quota])
        snprintf(text, sizeof(text), "%" PRIu32 "/%" PRIu32, info->usage[quota] / unit,
                 info->limits[quota] / unit);
    else
        snprintf(text, sizeof(text), "%" PRIu32, info->usage[quota] / unit);
    printf(" %*s", width, text);
}

static void print_row(const struct xs_domain_info *info, const struct xs_activity *before, uint64_t elapsed)
{
    const struct xs_activity *now = &info->activity;
    uint64_t refused = 0;

    printf("%5u", info->domid);
    if (before && elapsed)
        printf(" %9" PRIu64 " %9" PRIu64 " %9" PRIu64, per_second(now->reads, before->reads, elapsed),
               per_second(now->writes, before->writes, elapsed),
               per_second(now->events, before->events, elapsed));
    else
        printf(" %9" PRIu64 " %9" PRIu64 " %9" PRIu64, now->reads, now->writes, now->events);
    print_share(info, XS_QUOTA_NODES, 11, 1);
    print_share(info, XS_QUOTA_WATCHES, 9, 1);
    print_share(info, XS_QUOTA_TRANSACTIONS, 5, 1);
    print_share(info, XS_QUOTA_MEMORY, 9, 1024);
    for (unsigned int i = 0; i < XS_QUOTA_COUNT; i++)
        refused += info->refusals[i];
    printf(" %8" PRIu64 "\n", refused);
}

static void print_table(struct last_seen *last)
{
    uint64_t now = time_now(), elapsed = last->at ? now - last->at : 0;
    const char *per = elapsed ? "/s" : "";
    struct last_seen seen = {.at = now};
    struct xs_domain_info info;

    printf("   ID   reads%-2s  writes%-2s  events%-2s       nodes   watches    tx       KiB  refused\n", per,
           per, per);
    for (uint16_t domid = 0; xs_store_next_domain(xenstored_store(), domid, &info); domid = info.domid + 1) {
        if (seen.count < RATES_MAX) {
            seen.domains[seen.count].domid = info.domid;
            seen.domains[seen.count++].activity = info.activity;
        }
        print_row(&info, activity_before(last, info.domid), elapsed);
    }
    *last = seen;
}

static bool take_number(const struct xl_args *args, const char *option, uint32_t *number)
{
    const char *text = xl_value(args, option);

    if (!text || xenstore_number(text, number))
        return true;
    fprintf(stderr, "xenstore %s: '%s' is not a number\n", args->command->name, text);
    return false;
}

int xenstore_top(const struct xl_args *args)
{
    struct last_seen *last;
    uint32_t times = shell_is_interactive() ? UINT32_MAX : 1, seconds = 1;
    int status = 0;

    if (!take_number(args, "number", &times) || !take_number(args, "delay", &seconds))
        return XL_USAGE_ERROR;
    last = calloc(1, sizeof(*last));
    if (!last)
        return xenstore_fail(args, "the table", -ENOMEM);
    while (times-- && !status) {
        print_table(last);
        fflush(stdout);
        if (times && terminal_sleep_until(time_after(seconds * NS_PER_S)))
            status = STATUS_INTERRUPTED;
    }
    free(last);
    return status;
}

/* ---- quota ---- */

static void print_limit(uint32_t limit)
{
    if (limit)
        printf(" %10" PRIu32, limit);
    else
        printf(" %10s", "none");
}

static int show_limits(void)
{
    for (unsigned int i = 0; i < XS_QUOTA_COUNT; i++) {
        printf("%-18s", xs_quota_name((enum xs_quota)i));
        print_limit(xs_store_quota(xenstored_store(), (enum xs_quota)i));
        printf("\n");
    }
    return 0;
}

static int show_domain(const struct xl_args *args, uint32_t domid)
{
    struct xs_domain_info info;

    if (domid > UINT16_MAX || !xs_store_next_domain(xenstored_store(), (uint16_t)domid, &info) ||
        info.domid != domid)
        return xenstore_fail(args, args->argv[0], -ESRCH);
    printf("%-18s %10s %10s %10s\n", "quota", "used", "limit", "refused");
    for (unsigned int i = 0; i < XS_QUOTA_COUNT; i++) {
        printf("%-18s %10" PRIu32, xs_quota_name((enum xs_quota)i), info.usage[i]);
        print_limit(info.limits[i]);
        printf(" %10" PRIu64 "\n", info.refusals[i]);
    }
    return 0;
}

static bool is_quota(const char *name)
{
    for (unsigned int i = 0; i < XS_QUOTA_COUNT; i++) {
        if (!strcmp(name, xs_quota_name((enum xs_quota)i)))
            return true;
    }
    return false;
}

static int set_limit(const struct xl_args *args, int domid, const char *name, const char *value)
{
    struct xs_local *xs;
    uint32_t limit;
    int rc;

    if (!is_quota(name)) {
        fprintf(stderr, "xenstore quota: there is no quota '%s'; 'xenstore quota' lists them\n", name);
        return XL_USAGE_ERROR;
    }
    if (!xenstore_number(value, &limit)) {
        fprintf(stderr, "xenstore quota: '%s' is not a limit; 0 is none\n", value);
        return XL_USAGE_ERROR;
    }
    xs = xenstored_connect(NULL, NULL);
    rc = xs ? xs_local_set_quota(xs, domid, name, limit) : -ENOMEM;
    if (xs)
        xs_local_close(xs);
    return rc ? xenstore_fail(args, domid < 0 ? name : args->argv[0], rc == -ENOENT ? -ESRCH : rc) : 0;
}

/* [DOMID] [NAME VALUE] */
int xenstore_quota(const struct xl_args *args)
{
    bool one_domain = args->argc % 2;
    uint32_t domid = 0;

    if (one_domain && !xenstore_number(args->argv[0], &domid)) {
        fprintf(stderr, "xenstore quota: '%s' is not a domain's number\n", args->argv[0]);
        return XL_USAGE_ERROR;
    }
    if (args->argc > 1)
        return set_limit(args, one_domain ? (int)(domid & INT32_MAX) : -1, args->argv[args->argc - 2],
                         args->argv[args->argc - 1]);
    return one_domain ? show_domain(args, domid) : show_limits();
}

/* ---- control ---- */

int xenstore_control(const struct xl_args *args)
{
    struct xs_local *xs = xenstored_connect(NULL, NULL);
    char *answer;
    int rc = xs ? xs_local_control(xs, args->argv, (size_t)args->argc, &answer) : -ENOMEM;

    if (xs)
        xs_local_close(xs);
    if (rc == -EINVAL) {
        fprintf(stderr, "xenstore control: there is no such command; 'xenstore control help' lists them\n");
        return 1;
    }
    if (rc)
        return xenstore_fail(args, args->argv[0], rc);
    printf("%s%s", answer, *answer && answer[strlen(answer) - 1] == '\n' ? "" : "\n");
    free(answer);
    return 0;
}

/* ---- restart ---- */

int xenstore_restart(const struct xl_args *args)
{
    uint64_t begin = time_now();
    unsigned int rings;
    int rc = xenstored_restart(&rings);

    if (rc)
        return xenstore_fail(args, "the store goes on as it was", rc);
    printf("the store has been restarted: %" PRIu32 " nodes of dom0, %u domains connected, %" PRIu64 " us\n",
           xs_store_usage(xenstored_store(), 0, XS_QUOTA_NODES), rings, (time_now() - begin) / 1000);
    return 0;
}
