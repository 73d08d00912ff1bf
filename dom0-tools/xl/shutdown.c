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

static int ask(const struct xl_args *args, domid_t domid, const struct request *request)
{
    struct domain_record *record = toolstack_record(domid);
    struct error err;
    int status = 0;

    printf("%s domain %u\n", request->doing, domid);
    fflush(stdout);
    if (toolstack_request_shutdown(domid, request->word, &err))
        status = xl_fail(args, &err);
    else if (xl_given(args, "wait") && record && !wait_for_end(record, domid))
        status = 1;
    if (record)
        toolstack_put(record);
    return status;
}

static int ask_all(const struct xl_args *args, const struct request *request)
{
    struct xen_domctl_getdomaininfo info;
    struct error err;
    domid_t next = 1;
    int count, status = 0;

    while ((count = ctl_domain_list(next, 1, &info, &err)) == 1) {
        next = (domid_t)(info.domain + 1);
        if (!(info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)) && ask(args, info.domain, request))
            status = 1;
    }
    return count < 0 ? xl_fail(args, &err) : status;
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
    return ask(args, domid, request);
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
