// SPDX-License-Identifier: MIT
/* xl shutdown and xl reboot: both are a request to the guest, and with -w a wait until it has complied. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <guest/time.h>

#include <dom0/terminal.h>

#include "xl_commands.h"

/* How long a guest may take to see the request before a remark is due. */
#define ANSWER_TIME (10 * NS_PER_S)

struct request {
    const char *word; /* what control/shutdown gets */
    const char *doing;
};

/* The domain that was asked has ended, or its record serves a new one by now. */
static bool has_ended(const struct domain_record *record, domid_t domid)
{
    return record->state != DOMAIN_LIVE || record->domid != domid;
}

/* Wait for the end of one domain; false if Ctrl-C came first. */
static bool wait_for_end(const struct domain_record *record, domid_t domid)
{
    uint64_t remark = time_after(ANSWER_TIME);

    while (!has_ended(record, domid)) {
        if (terminal_take_interrupt())
            return false;
        if (time_now() >= remark) {
            if (!toolstack_shutdown_acknowledged(domid))
                printf("Domain %u has not answered; its system may not listen to such requests. Ctrl-C stops "
                       "waiting.\n",
                       domid);
            fflush(stdout);
            remark = UINT64_MAX;
        }
        terminal_wait(remark);
    }
    printf("Domain %u has been shut down, reason code %d\n", domid, record->shutdown_reason);
    return true;
}

/* A domain that has its request, and the record that tells what became of it. */
struct asked {
    struct domain_record *record; /* referenced */
    domid_t domid;
};

/* Ask one more domain, and put it at the end of the list. */
static int ask(const struct xl_args *args, domid_t domid, const struct request *request, struct asked **asked,
               size_t *count)
{
    struct asked *longer = realloc(*asked, (*count + 1) * sizeof(*longer));
    struct error err;

    if (!longer) {
        error_set(&err, -ENOMEM, "domain %u: out of memory in dom0", domid);
        return xl_fail(args, &err);
    }
    *asked = longer;
    printf("%s domain %u\n", request->doing, domid);
    fflush(stdout);
    if (toolstack_request_shutdown(domid, request->word, &err))
        return xl_fail(args, &err);
    longer[(*count)++] = (struct asked){toolstack_record(domid), domid};
    return 0;
}

/* With -w, wait for all in the list, or until Ctrl-C; then it is freed. */
static int finish(const struct xl_args *args, struct asked *asked, size_t count)
{
    bool waiting = xl_given(args, "wait");
    int status = 0;

    for (size_t i = 0; i < count; i++) {
        if (waiting && !wait_for_end(asked[i].record, asked[i].domid)) {
            waiting = false;
            status = 1;
        }
        toolstack_put(asked[i].record);
    }
    free(asked);
    return status;
}

/* All are asked before the first is waited for: one that doesn't listen keeps nobody running. */
static int ask_all(const struct xl_args *args, const struct request *request)
{
    struct xen_domctl_getdomaininfo info;
    struct asked *asked = NULL;
    struct error err;
    size_t count = 0;
    domid_t next = 1;
    int found, status = 0;

    while ((found = ctl_domain_list(next, 1, &info, &err)) == 1) {
        next = (domid_t)(info.domain + 1);
        if (!(info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)))
            status |= ask(args, info.domain, request, &asked, &count);
    }
    if (found < 0)
        status = xl_fail(args, &err);
    return finish(args, asked, count) || status;
}

static int ask_one(const struct xl_args *args, domid_t domid, const struct request *request)
{
    struct asked *asked = NULL;
    size_t count = 0;
    int status = ask(args, domid, request, &asked, &count);

    return finish(args, asked, count) || status;
}

static int request_shutdown(const struct xl_args *args, const struct request *request)
{
    struct error err;
    domid_t domid;

    if (xl_given(args, "all") == (args->argc != 0)) {
        fprintf(stderr, "xl %s: wants either a domain or -a\n", args->command->name);
        return XL_USAGE_ERROR;
    }
    if (xl_given(args, "all"))
        return ask_all(args, request);
    if (toolstack_find(args->argv[0], &domid, &err))
        return xl_fail(args, &err);
    return ask_one(args, domid, request);
}

int xl_shutdown(const struct xl_args *args)
{
    static const struct request request = {"poweroff", "Shutting down"};

    return request_shutdown(args, &request);
}

int xl_reboot(const struct xl_args *args)
{
    static const struct request request = {"reboot", "Rebooting"};

    return request_shutdown(args, &request);
}
