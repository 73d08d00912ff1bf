// SPDX-License-Identifier: MIT
/*
 * Which nodes a domain has in XenStore. Paths and permissions are the ones guests and tools know from Xen's
 * toolstack: everything belongs to domain 0 and can be read by the domain, save the few directories where it
 * reports back.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dom0/domain_settings.h>
#include <dom0/store_entries.h>

#define PATH_MAX_LENGTH 160

enum access { GUEST_READS, GUEST_OWNS, GUEST_SEES_NOTHING };

/* A transaction being filled for one domain. After the first failure the rest is skipped. */
struct writer {
    struct xs_local *xs;
    uint32_t tx;
    uint16_t domid;
    int rc;
    char failed[PATH_MAX_LENGTH]; /* the path rc is about */
};

static void set_access(struct writer *w, const char *path, enum access access)
{
    struct xs_perm readable[] = {{0, 'n'}, {w->domid, 'r'}}, owned[] = {{w->domid, 'n'}},
                   hidden[] = {{0, 'n'}};

    switch (access) {
    case GUEST_READS: w->rc = xs_local_set_perms(w->xs, w->tx, path, readable, 2); break;
    case GUEST_OWNS: w->rc = xs_local_set_perms(w->xs, w->tx, path, owned, 1); break;
    case GUEST_SEES_NOTHING: w->rc = xs_local_set_perms(w->xs, w->tx, path, hidden, 1); break;
    }
}

/* Make `path` with a value made from `format`, open to the guest as `access` says. */
__attribute__((format(printf, 4, 5))) static void put(struct writer *w, enum access access, const char *path,
                                                      const char *format, ...)
{
    char value[160];
    va_list args;

    if (w->rc)
        return;
    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    w->rc = xs_local_write(w->xs, w->tx, path, value, strlen(value));
    if (!w->rc)
        set_access(w, path, access);
    if (w->rc)
        snprintf(w->failed, sizeof(w->failed), "%s", path);
}

static const char *in(char path[PATH_MAX_LENGTH], const char *base, const char *name)
{
    snprintf(path, PATH_MAX_LENGTH, "%s%s%s", base, *name ? "/" : "", name);
    return path;
}

static void write_domain(struct writer *w, const struct store_entries *e, const char *base, const char *vm)
{
    char path[PATH_MAX_LENGTH];

    put(w, GUEST_READS, base, "%s", "");
    put(w, GUEST_READS, in(path, base, "vm"), "%s", vm);
    put(w, GUEST_READS, in(path, base, "name"), "%s", e->name);
    put(w, GUEST_READS, in(path, base, "domid"), "%u", e->domid);
    put(w, GUEST_READS, in(path, base, "cpu"), "%s", "");
    for (unsigned i = 0; i < e->vcpus; i++) {
        char cpu[40];

        snprintf(cpu, sizeof(cpu), "cpu/%u", i);
        put(w, GUEST_READS, in(path, base, cpu), "%s", "");
        snprintf(cpu, sizeof(cpu), "cpu/%u/availability", i);
        put(w, GUEST_READS, in(path, base, cpu), "online");
    }
    put(w, GUEST_READS, in(path, base, "memory"), "%s", "");
    put(w, GUEST_READS, in(path, base, "memory/static-max"), "%llu", (unsigned long long)e->maxmem_kib);
    put(w, GUEST_READS, in(path, base, "memory/target"), "%llu", (unsigned long long)e->memory_kib);
    put(w, GUEST_READS, in(path, base, "memory/videoram"), "0");
    put(w, GUEST_READS, in(path, base, "store"), "%s", "");
    put(w, GUEST_READS, in(path, base, "store/port"), "%u", e->store_port);
    put(w, GUEST_READS, in(path, base, "store/ring-ref"), "%llu", (unsigned long long)e->store_gfn);
}

/* Where the guest announces what it can do, answers requests, and keeps data of its own. */
static void write_guest_directories(struct writer *w, const char *base)
{
    static const char *const readable[] = {"control", "device", "device/suspend"};
    static const char *const owned[] = {
        "control/shutdown",
        "control/sysrq",
        "control/feature-poweroff",
        "control/feature-reboot",
        "control/feature-suspend",
        "data",
        "device/suspend/event-channel",
        "drivers",
        "feature",
        "attr",
        "error",
    };
    char path[PATH_MAX_LENGTH];

    for (size_t i = 0; i < sizeof(readable) / sizeof(*readable); i++)
        put(w, GUEST_READS, in(path, base, readable[i]), "%s", "");
    for (size_t i = 0; i < sizeof(owned) / sizeof(*owned); i++)
        put(w, GUEST_OWNS, in(path, base, owned[i]), "%s", "");
    put(w, GUEST_READS, in(path, base, "control/platform-feature-multiprocessor-suspend"), "1");
    put(w, GUEST_READS, in(path, base, "control/platform-feature-xs_reset_watches"), "1");
}

static void write_console(struct writer *w, const struct store_entries *e, const char *base)
{
    char path[PATH_MAX_LENGTH], console[60], backend[60];

    snprintf(console, sizeof(console), "%s/console", base);
    snprintf(backend, sizeof(backend), "/local/domain/0/backend/console/%u/0", e->domid);
    put(w, GUEST_READS, console, "%s", "");
    put(w, GUEST_READS, in(path, console, "backend"), "%s", backend);
    put(w, GUEST_READS, in(path, console, "backend-id"), "0");
    put(w, GUEST_READS, in(path, console, "type"), "xenconsoled");
    put(w, GUEST_READS, in(path, console, "output"), "pty");
    put(w, GUEST_READS, in(path, console, "tty"), "%s", "");
    put(w, GUEST_READS, in(path, console, "limit"), "1048576");
    put(w, GUEST_READS, in(path, console, "port"), "%u", e->console_port);
    put(w, GUEST_READS, in(path, console, "ring-ref"), "%llu", (unsigned long long)e->console_gfn);
    put(w, GUEST_READS, backend, "%s", "");
    put(w, GUEST_READS, in(path, backend, "frontend"), "%s", console);
    put(w, GUEST_READS, in(path, backend, "frontend-id"), "%u", e->domid);
    put(w, GUEST_READS, in(path, backend, "online"), "1");
    put(w, GUEST_READS, in(path, backend, "state"), "1");
    put(w, GUEST_READS, in(path, backend, "protocol"), "vt100");
}

static void write_vm(struct writer *w, const struct store_entries *e, const char *vm, const char *uuid)
{
    char path[PATH_MAX_LENGTH], libxl[40];

    put(w, GUEST_READS, vm, "%s", "");
    put(w, GUEST_READS, in(path, vm, "uuid"), "%s", uuid);
    put(w, GUEST_READS, in(path, vm, "name"), "%s", e->name);
    put(w, GUEST_READS, in(path, vm, "start_time"), "%llu.00", (unsigned long long)e->start_time);
    snprintf(libxl, sizeof(libxl), "/libxl/%u", e->domid);
    put(w, GUEST_SEES_NOTHING, libxl, "%s", "");
    put(w, GUEST_SEES_NOTHING, in(path, libxl, "type"), "pvh");
}

/* One attempt at the transaction. -EAGAIN: somebody interfered, try again. */
static int write_all(struct writer *w, const struct store_entries *e)
{
    char base[40], vm[60], uuid[UUID_TEXT_SIZE];

    snprintf(base, sizeof(base), "/local/domain/%u", e->domid);
    uuid_format(e->uuid, uuid);
    snprintf(vm, sizeof(vm), "/vm/%s", uuid);
    strcpy(w->failed, base);
    w->rc = xs_local_tx_start(w->xs, &w->tx);
    if (w->rc)
        return w->rc;
    write_domain(w, e, base, vm);
    write_guest_directories(w, base);
    write_console(w, e, base);
    write_vm(w, e, vm, uuid);
    if (!w->rc)
        return xs_local_tx_commit(w->xs, w->tx);
    xs_local_tx_abort(w->xs, w->tx);
    return w->rc;
}

int store_entries_write(struct xs_local *xs, const struct store_entries *entries, struct error *err)
{
    struct writer w = {.xs = xs, .domid = entries->domid};
    int rc;

    do
        rc = write_all(&w, entries);
    while (rc == -EAGAIN);
    return rc ? error_set(err, rc, "cannot write %s to XenStore: %s", w.failed, strerror(-rc)) : 0;
}

/* Remove `path` and then every parent that has become empty, up to but without one of the store's own roots.
 */
static void remove_with_parents(struct xs_local *xs, const char *path)
{
    char parent[PATH_MAX_LENGTH], **names;
    char *slash;
    size_t count;

    snprintf(parent, sizeof(parent), "%s", path);
    xs_local_rm(xs, XS_TX_NONE, parent);
    while ((slash = strrchr(parent, '/')) && slash != parent) {
        *slash = '\0';
        if (!strcmp(parent, "/local/domain/0") || xs_local_ls(xs, XS_TX_NONE, parent, &names, &count))
            return;
        free(names);
        if (count)
            return;
        xs_local_rm(xs, XS_TX_NONE, parent);
    }
}

void store_entries_remove(struct xs_local *xs, uint16_t domid, const uint8_t uuid[16])
{
    char path[PATH_MAX_LENGTH], text[UUID_TEXT_SIZE];

    snprintf(path, sizeof(path), "/local/domain/0/backend/console/%u", domid);
    remove_with_parents(xs, path);
    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    remove_with_parents(xs, path);
    snprintf(path, sizeof(path), "/libxl/%u", domid);
    remove_with_parents(xs, path);
    uuid_format(uuid, text);
    snprintf(path, sizeof(path), "/vm/%s", text);
    remove_with_parents(xs, path);
}

int store_entries_rename(struct xs_local *xs, uint16_t domid, const char *name, const uint8_t old_uuid[16],
                         const uint8_t uuid[16], struct error *err)
{
    char path[PATH_MAX_LENGTH], vm[60], text[UUID_TEXT_SIZE];
    struct writer w = {.xs = xs, .tx = XS_TX_NONE, .domid = domid};

    uuid_format(uuid, text);
    snprintf(vm, sizeof(vm), "/vm/%s", text);
    put(&w, GUEST_READS, vm, "%s", "");
    put(&w, GUEST_READS, in(path, vm, "uuid"), "%s", text);
    put(&w, GUEST_READS, in(path, vm, "name"), "%s", name);
    snprintf(path, sizeof(path), "/local/domain/%u/vm", domid);
    put(&w, GUEST_READS, path, "%s", vm);
    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    put(&w, GUEST_READS, path, "%s", name);
    if (w.rc)
        return error_set(err, w.rc, "cannot write %s to XenStore: %s", w.failed, strerror(-w.rc));
    if (memcmp(old_uuid, uuid, 16)) {
        uuid_format(old_uuid, text);
        snprintf(path, sizeof(path), "/vm/%s", text);
        remove_with_parents(xs, path);
    }
    return 0;
}

char *store_domain_name(struct xs_local *xs, uint16_t domid)
{
    char path[40], *name;

    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    return xs_local_read(xs, XS_TX_NONE, path, &name, NULL) ? NULL : name;
}

int store_entries_write_dom0(struct xs_local *xs, struct error *err)
{
    static const char *const nodes[][2] = {
        {"/local/domain/0/name", DOM0_NAME},
        {"/local/domain/0/domid", "0"},
        {"/libxl/0/type", "pvh"},
    };

    for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
        int rc = xs_local_write(xs, XS_TX_NONE, nodes[i][0], nodes[i][1], strlen(nodes[i][1]));

        if (rc)
            return error_set(err, rc, "cannot write %s to XenStore: %s", nodes[i][0], strerror(-rc));
    }
    return 0;
}
