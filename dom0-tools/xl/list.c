// SPDX-License-Identifier: MIT
/* xl list: the domains there are, as a table or as JSON. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <dom0/json.h>

#include "xl_commands.h"

typedef void (*visit_domain)(const struct xen_domctl_getdomaininfo *info, const char *name, void *ctx);

/* Call `visit` for every domain, or for those named; a name that fits none is an error. */
static int for_each_domain (const struct xl_args *args, visit_domain visit, void *ctx, struct error * err)
{
    struct xen_domctl_getdomaininfo info;
    domid_t next = 0;
    int rc = 0;

    for (int i = 0;; i++) {
        char *name;

        if (args->argc ? i == args->argc : (rc = ctl_domain_list(next, 1, &info, err)) < 1)
            return rc < 0 ? rc : 0;
        if (args->argc) {
            rc = toolstack_find(args->argv[i], &next, err);
            if (!rc)
                rc = ctl_domain_info(next, &info, err);
            if (rc)
                return rc;
        }
        name = toolstack_name(info.domain);
        visit(&info, name ? name : "(null)", ctx);
        free(name);
        next = (domid_t)(info.domain + 1);
    }
}

static void print_row(const struct xen_domctl_getdomaininfo *info, const char *name, void *ctx)
{
    const struct xl_args *args = ctx;
    char row[XL_LIST_ROW_MAX], uuid[UUID_TEXT_SIZE];

    xl_format_row(row, name, info);
    fputs(row, stdout);
    if (xl_given(args, "verbose")) {
        uuid_format(info->handle, uuid);
        printf(" %s", uuid);
        if (info->flags & XEN_DOMINF_shutdown)
            printf(" %8x", (info->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask);
        else
            printf(" %8s", "-");
        printf(" %16s", "-");
    }
    putchar('\n');
}

static const char *state_name(const struct xen_domctl_getdomaininfo *info)
{
    return info->flags & XEN_DOMINF_dying      ? "dying"
           : info->flags & XEN_DOMINF_shutdown ? "shutdown"
           : info->flags & XEN_DOMINF_paused   ? "paused"
           : info->flags & XEN_DOMINF_running  ? "running"
                                               : "blocked";
}

static const char *reason_name(const struct xen_domctl_getdomaininfo *info)
{
    static const char *const names[] = {
        [SHUTDOWN_poweroff] = "poweroff", [SHUTDOWN_reboot] = "reboot",
        [SHUTDOWN_suspend] = "suspend",   [SHUTDOWN_crash] = "crash",
        [SHUTDOWN_watchdog] = "watchdog", [SHUTDOWN_soft_reset] = "soft_reset",
    };
    unsigned reason = (info->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask;

    if (!(info->flags & XEN_DOMINF_shutdown))
        return NULL;
    return reason < sizeof(names) / sizeof(*names) ? names[reason] : "unknown";
}

static void write_entry(const struct xen_domctl_getdomaininfo *info, const char *name, void *ctx)
{
    struct json *json = ctx;
    char uuid[UUID_TEXT_SIZE];

    uuid_format(info->handle, uuid);
    json_begin_object(json, NULL);
    json_string(json, "name", name);
    json_number(json, "domid", info->domain);
    json_string(json, "uuid", uuid);
    json_number(json, "memory_mib", info->tot_pages >> 8);
    json_number(json, "vcpus", info->nr_online_vcpus);
    json_string(json, "state", state_name(info));
    json_string(json, "shutdown_reason", reason_name(info));
    json_seconds(json, "cpu_seconds", info->cpu_time);
    json_end_object(json);
}

static void write_settings(struct json *json, const struct domain_settings *s)
{
    char uuid[UUID_TEXT_SIZE];

    uuid_format(s->uuid, uuid);
    json_begin_object(json, "config");
    json_begin_object(json, "c_info");
    json_string(json, "type", "pvh");
    json_string(json, "name", s->name);
    json_string(json, "uuid", uuid);
    json_end_object(json);
    json_begin_object(json, "b_info");
    json_number(json, "max_vcpus", s->vcpus);
    json_number(json, "max_memkb", s->maxmem_mib * 1024);
    json_number(json, "target_memkb", s->memory_mib * 1024);
    json_string(json, "kernel", s->kernel);
    json_string(json, "cmdline", s->cmdline);
    if (s->ramdisk)
        json_string(json, "ramdisk", s->ramdisk);
    json_end_object(json);
    json_string(json, "on_poweroff", domain_action_name(s->on_poweroff));
    json_string(json, "on_reboot", domain_action_name(s->on_reboot));
    json_string(json, "on_crash", domain_action_name(s->on_crash));
    json_end_object(json);
}

/* Like the original's, this leaves out domains whose settings are unknown: dom0. */
static void write_details(const struct xen_domctl_getdomaininfo *info, const char *name, void *ctx)
{
    struct domain_record *record = toolstack_record(info->domain);
    struct json *json = ctx;

    (void)name;
    if (!record)
        return;
    json_begin_object(json, NULL);
    json_number(json, "domid", info->domain);
    write_settings(json, &record->settings);
    json_end_object(json);
    toolstack_put(record);
}

/* Whatever the visitor writes, the output is one complete array. */
static int list_as_json(const struct xl_args *args, visit_domain visit, struct error *err)
{
    struct json json;
    int rc;

    json_init(&json, stdout);
    json_begin_array(&json, NULL);
    rc = for_each_domain (args, visit, &json, err);
    json_end_array(&json);
    return rc;
}

int xl_list(const struct xl_args *args)
{
    struct error err;
    int rc;

    if (xl_given(args, "long")) {
        rc = list_as_json(args, write_details, &err);
    } else if (xl_given(args, "json")) {
        rc = list_as_json(args, write_entry, &err);
    } else {
        printf("%s%s\n", XL_LIST_HEADER,
               xl_given(args, "verbose") ? "   UUID                            Reason-Code\tSecurity Label"
                                         : "");
        rc = for_each_domain (args, print_row, (void *)args, &err);
    }
    return rc ? xl_fail(args, &err) : 0;
}
