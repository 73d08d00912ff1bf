// SPDX-License-Identifier: MIT
/* What commands ask of the toolstack. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#include <guest/thread.h>

#include <dom0/store_entries.h>

#include "toolstackd.h"

/* Say at once, and with the figure, what the builder would find out half-way. */
static int check_memory(const struct domain_settings *settings, struct error *err)
{
    struct xen_sysctl_physinfo info;
    uint64_t free_mib;
    int rc = ctl_physinfo(&info, err);

    if (rc)
        return rc;
    free_mib = info.free_pages >> 8;
    if (settings->memory_mib <= free_mib)
        return 0;
    return error_set(err, -ENOMEM, "not enough memory: the domain wants %llu MiB and %llu MiB are free",
                     (unsigned long long)settings->memory_mib, (unsigned long long)free_mib);
}

int toolstack_create(const struct domain_settings *settings, bool paused, const struct build_hooks *hooks,
                     struct create_times *times, struct domain_record **record, struct error *err)
{
    static const uint8_t none[16];
    bool has_uuid = memcmp(settings->uuid, none, sizeof(none)) != 0;
    struct domain_record *r;
    int rc = record_check_unique(settings->name, has_uuid ? settings->uuid : NULL, err);

    if (!rc)
        rc = check_memory(settings, err);
    if (rc)
        return rc;
    r = record_create(settings);
    if (!r)
        return error_set(err, -ENOMEM, "out of memory in dom0");
    if (!has_uuid)
        uuid_choose(r->settings.uuid);
    rc = record_start(r, paused, hooks, times, err);
    if (rc) {
        record_retire(r);
        return rc;
    }
    r->references++;
    *record = r;
    return 0;
}

/* The record of a domain that a command may act upon. */
static struct domain_record *acting_on(domid_t domid, struct error *err)
{
    struct domain_record *r = toolstack_record(domid);

    if (!r && domid == 0)
        error_set(err, -EPERM, "not possible with " DOM0_NAME);
    else if (!r)
        error_set(err, -EBUSY, "domain %u is not managed by this toolstack, or is just being built", domid);
    return r;
}

int toolstack_destroy(domid_t domid, struct error *err)
{
    struct domain_record *r = acting_on(domid, err);
    int rc;

    if (!r)
        return err->code;
    rc = record_dismantle(r, err);
    if (!rc)
        record_retire(r);
    toolstack_put(r);
    return rc;
}

int toolstack_rename(domid_t domid, const char *name, struct error *err)
{
    struct domain_record *r = acting_on(domid, err);
    int rc;

    if (!r)
        return err->code;
    rc = domain_name_check(name, err);
    if (!rc)
        rc = record_check_unique(name, NULL, err);
    if (!rc)
        rc = record_rename(r, name, false, err);
    toolstack_put(r);
    return rc;
}

static void shutdown_path(domid_t domid, char path[64])
{
    snprintf(path, 64, "/local/domain/%u/control/shutdown", domid);
}

int toolstack_request_shutdown(domid_t domid, const char *request, struct error *err)
{
    struct domain_record *r = acting_on(domid, err);
    char path[64];
    int rc;

    if (!r)
        return err->code;
    toolstack_put(r);
    shutdown_path(domid, path);
    rc = xs_local_write(toolstack_store, XS_TX_NONE, path, request, strlen(request));
    return rc ? error_set(err, rc, "cannot write %s: %s", path, strerror(-rc)) : 0;
}

bool toolstack_shutdown_acknowledged(domid_t domid)
{
    char path[64], *value;
    bool empty;

    shutdown_path(domid, path);
    if (xs_local_read(toolstack_store, XS_TX_NONE, path, &value, NULL))
        return true;
    empty = !*value;
    free(value);
    return empty;
}

char *toolstack_name(domid_t domid)
{
    return store_domain_name(toolstack_store, domid);
}

static int find_by_number(const char *text, domid_t *domid, struct error *err)
{
    unsigned long number = strtoul(text, NULL, 10);
    struct xen_domctl_getdomaininfo info;

    if (number >= DOMID_FIRST_RESERVED || ctl_domain_info((domid_t)number, &info, err))
        return error_set(err, -ESRCH, "there is no domain %s", text);
    *domid = (domid_t)number;
    return 0;
}

char *toolstack_next_name(domid_t *domid)
{
    struct xen_domctl_getdomaininfo info;
    struct error err;
    char *name = NULL;

    while (!name && ctl_domain_list(*domid, 1, &info, &err) == 1) {
        *domid = info.domain;
        name = toolstack_name(info.domain);
        if (!name)
            ++*domid;
    }
    return name;
}

int toolstack_find(const char *name_or_domid, domid_t *domid, struct error *err)
{
    domid_t next = 0;
    char *name;

    if (*name_or_domid && strspn(name_or_domid, "0123456789") == strlen(name_or_domid))
        return find_by_number(name_or_domid, domid, err);
    while (record_is_building(name_or_domid))
        thread_yield(); /* it restarts: between two lives it has no id */
    for (; (name = toolstack_next_name(&next)); next++) {
        bool match = !strcmp(name, name_or_domid);

        free(name);
        if (match) {
            *domid = next;
            return 0;
        }
    }
    return error_set(err, -ESRCH, "there is no domain called '%s'", name_or_domid);
}
