// SPDX-License-Identifier: MIT
/* The toolstack's records: one per domain it has made, and the steps of making one and taking it down. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <guest/thread.h>
#include <guest/time.h>

#include <dom0/ctl.h>
#include <dom0/files.h>
#include <dom0/store_entries.h>
#include <dom0/terminal.h>

#include "toolstackd.h"

static struct domain_record *records;

struct domain_record *record_create(const struct domain_settings *settings)
{
    struct domain_record *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->console = console_create();
    if (!r->console || domain_settings_copy(&r->settings, settings)) {
        if (r->console)
            console_put(r->console);
        free(r);
        return NULL;
    }
    r->references = 1; /* the list's */
    r->state = DOMAIN_BUILDING;
    r->shutdown_reason = NOT_SHUT_DOWN;
    r->next = records;
    records = r;
    return r;
}

void toolstack_put(struct domain_record *record)
{
    if (--record->references)
        return;
    console_put(record->console);
    domain_settings_clear(&record->settings);
    free(record);
}

void record_retire(struct domain_record *record)
{
    struct domain_record **link = &records;

    while (*link != record)
        link = &(*link)->next;
    *link = record->next;
    record->state = DOMAIN_GONE;
    console_close(record->console);
    terminal_wake();
    toolstack_put(record);
}

struct domain_record *toolstack_record(domid_t domid)
{
    for (struct domain_record *r = records; r; r = r->next)
        if (r->domid == domid && r->state != DOMAIN_BUILDING) {
            r->references++;
            return r;
        }
    return NULL;
}

struct domain_record *record_needing_attention(struct xen_domctl_getdomaininfo *info, bool *vanished)
{
    struct error err;

    for (struct domain_record *r = records; r; r = r->next) {
        if (r->state != DOMAIN_LIVE)
            continue;
        *vanished = ctl_domain_info(r->domid, info, &err) != 0 || (info->flags & XEN_DOMINF_dying);
        if (*vanished || (info->flags & XEN_DOMINF_shutdown))
            return r;
    }
    return NULL;
}

/* The image behind a path of the settings. */
static int open_image(const char *path, struct image_file *image, struct error *err)
{
    const struct module *module = file_find(path, err);

    if (!module)
        return err->code;
    *image = (struct image_file){.name = path, .data = module->data, .size = module->size};
    return 0;
}

static int build(struct domain_record *r, const struct build_hooks *hooks, struct built_domain *built,
                 struct error *err)
{
    const struct domain_settings *s = &r->settings;
    struct domain_config config = {
        .cmdline = s->cmdline,
        .memory_kib = s->memory_mib * 1024,
        .maxmem_kib = s->maxmem_mib * 1024,
        .vcpus = s->vcpus,
    };
    int rc = open_image(s->kernel, &config.kernel, err);

    if (rc)
        return error_prefix(err, "kernel");
    rc = s->ramdisk && *s->ramdisk ? open_image(s->ramdisk, &config.ramdisk, err) : 0;
    if (rc)
        return error_prefix(err, "ramdisk");
    memcpy(config.uuid, s->uuid, sizeof(config.uuid));
    return domain_build(&config, hooks, built, err);
}

/* Make the built domain known: to the store, to the console daemon, and to the guest's own store connection.
 */
static int announce(struct domain_record *r, const struct built_domain *built, struct error *err)
{
    struct store_entries entries = {
        .domid = built->domid,
        .name = r->settings.name,
        .uuid = r->settings.uuid,
        .memory_kib = r->settings.memory_mib * 1024,
        .maxmem_kib = r->settings.maxmem_mib * 1024,
        .vcpus = r->settings.vcpus,
        .store_port = built->store_evtchn,
        .console_port = built->console_evtchn,
        .store_gfn = built->store_gfn,
        .console_gfn = built->console_gfn,
        .start_time = time_wall_now() / NS_PER_S,
    };
    int rc = store_entries_write(toolstack_store, &entries, err);

    if (!rc)
        rc = console_connect(r->console, built->domid, built->console_gfn, built->console_evtchn, err);
    if (rc)
        return rc;
    rc = xs_local_introduce(toolstack_store, built->domid, built->store_gfn, built->store_evtchn);
    return rc ? error_set(err, rc, "cannot connect domain %u to XenStore: %s", built->domid, strerror(-rc))
              : 0;
}

int record_dismantle(struct domain_record *record, struct error *err)
{
    int rc;

    console_disconnect(record->console);
    if (xs_local_is_introduced(toolstack_store, record->domid))
        xs_local_release(toolstack_store, record->domid);
    rc = ctl_domain_destroy(record->domid, err);
    if (rc && rc != -ESRCH)
        return rc;
    store_entries_remove(toolstack_store, record->domid, record->settings.uuid);
    return 0;
}

int record_start(struct domain_record *record, bool paused, const struct build_hooks *hooks,
                 struct create_times *times, struct error *err)
{
    struct create_times unused;
    struct built_domain built;
    struct error ignored;
    uint64_t begin = time_now(), now;
    int rc;

    if (!times)
        times = &unused;
    record->state = DOMAIN_BUILDING;
    rc = build(record, hooks, &built, err);
    if (rc)
        return rc;
    now = time_now();
    times->build = now - begin;
    record->domid = built.domid;
    rc = announce(record, &built, err);
    times->announce = time_now() - now;
    now = time_now();
    if (!rc && !paused)
        rc = ctl_domain_unpause(built.domid, err);
    times->start = time_now() - now;
    if (rc) {
        record_dismantle(record, &ignored);
        return rc;
    }
    record->started = time_now();
    record->state = DOMAIN_LIVE;
    return 0;
}

int record_rename(struct domain_record *record, const char *name, bool new_uuid, struct error *err)
{
    uint8_t uuid[16];
    int rc = 0;

    memcpy(uuid, record->settings.uuid, sizeof(uuid));
    if (new_uuid) {
        uuid_choose(uuid);
        rc = ctl_domain_set_handle(record->domid, uuid, err);
    }
    if (!rc)
        rc = store_entries_rename(toolstack_store, record->domid, name, record->settings.uuid, uuid, err);
    if (rc)
        return rc;
    memcpy(record->settings.uuid, uuid, sizeof(uuid));
    strcpy(record->settings.name, name);
    return 0;
}

bool record_is_building(const char *name)
{
    for (const struct domain_record *r = records; r; r = r->next)
        if (!strcmp(r->settings.name, name))
            return r->state == DOMAIN_BUILDING;
    return false;
}

int record_check_unique(const char *name, const uint8_t uuid[16], struct error *err)
{
    for (const struct domain_record *r = records; r; r = r->next) {
        if (!strcmp(r->settings.name, name))
            return error_set(err, -EEXIST, "there is a domain called '%s' already", name);
        if (uuid && !memcmp(r->settings.uuid, uuid, 16))
            return error_set(err, -EEXIST, "domain '%s' has this uuid already", r->settings.name);
    }
    if (!strcmp(name, DOM0_NAME))
        return error_set(err, -EEXIST, "the name " DOM0_NAME " is taken: it is dom0's");
    return 0;
}
