// SPDX-License-Identifier: MIT
/*
 * The toolstack's thread: looks after domains that have shut down. XenStore's @releaseDomain says that some
 * domain did; which, the hypervisor tells.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <guest/thread.h>
#include <guest/time.h>

#include <dom0/store_entries.h>
#include <dom0/terminal.h>
#include <dom0/xenstored.h>

#include "toolstackd.h"

struct xs_local *toolstack_store;

static struct waitq events = WAITQ_INIT;
static bool event_waits;  /* the store has something for xs_local_dispatch() */
static bool domain_ended; /* some domain shut down or was released */

static void event_came(void *unused)
{
    (void)unused;
    event_waits = true;
    waitq_wake_one(&events);
}

static void announce_crash(const struct domain_record *r, enum domain_action action)
{
    char reason[CRASH_REASON_MAX];

    if (r->shutdown_reason == SHUTDOWN_watchdog)
        strcpy(reason, "its watchdog was not fed");
    else if (r->shutdown_reason == SHUTDOWN_soft_reset)
        strcpy(reason, "it asked for a soft reset, which is not supported");
    else
        crash_reason_read(r->domid, reason);
    terminal_notice("domain %u '%s' crashed: %s (on_crash: %s; 'xl dmesg' tells more)", r->domid,
                    r->settings.name, reason, domain_action_name(action));
}

static void preserve(struct domain_record *r)
{
    r->state = DOMAIN_PRESERVED;
    console_close(r->console);
    terminal_wake();
}

static void destroy(struct domain_record *r)
{
    struct error err;

    if (!record_dismantle(r, &err)) {
        record_retire(r);
        return;
    }
    terminal_notice("domain %u '%s' cannot be destroyed: %s", r->domid, r->settings.name, err.text);
    preserve(r);
}

static void give_way(void *unused)
{
    (void)unused;
    thread_yield();
}

static const struct build_hooks yielding = {.yield = give_way};

static void restart(struct domain_record *r)
{
    struct error err;
    int rc = record_dismantle(r, &err);

    if (!rc)
        rc = record_start(r, false, &yielding, NULL, &err);
    if (!rc)
        return;
    terminal_notice("domain '%s' cannot be restarted: %s", r->settings.name, err.text);
    record_retire(r);
}

/* NAME-yyyymmddThhmmssZ, and the domid behind it if another took that name in the same second. */
static void name_for_dead(const struct domain_record *r, char name[DOMAIN_NAME_MAX + 1])
{
    char suffix[32];
    time_t now = (time_t)(time_wall_now() / NS_PER_S);
    struct error err;

    strftime(suffix, sizeof(suffix), "-%Y%m%dT%H%M%SZ", gmtime(&now));
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        snprintf(name, DOMAIN_NAME_MAX + 1, "%.*s%s", (int)(DOMAIN_NAME_MAX + 1 - sizeof(suffix)),
                 r->settings.name, suffix);
        if (!record_check_unique(name, NULL, &err))
            return;
        snprintf(suffix + strlen(suffix), sizeof(suffix) - strlen(suffix), "-%u", r->domid);
    }
}

/* Keep the dead domain under another name, and start a new one from the same settings. */
static void rename_restart(struct domain_record *r)
{
    struct domain_record *fresh = record_create(&r->settings);
    char name[DOMAIN_NAME_MAX + 1];
    struct error err;
    int rc;

    name_for_dead(r, name);
    rc = fresh ? record_rename(r, name, true, &err) : error_set(&err, -ENOMEM, "out of memory in dom0");
    preserve(r);
    if (!rc)
        rc = record_start(fresh, false, &yielding, NULL, &err);
    if (!rc)
        return;
    terminal_notice("domain '%s' cannot be restarted: %s", r->settings.name, err.text);
    if (fresh)
        record_retire(fresh);
}

static void handle_shutdown(struct domain_record *r, int reason)
{
    enum domain_action action = toolstack_policy(&r->settings, reason);

    r->shutdown_reason = reason;
    console_disconnect(r->console);
    console_settle(r->console);
    if (r->state != DOMAIN_LIVE)
        return; /* somebody has destroyed it meanwhile */
    if (toolstack_is_crash(reason))
        announce_crash(r, action);
    if (reason == SHUTDOWN_suspend)
        terminal_notice("domain %u '%s' has suspended itself; it stays until it is destroyed", r->domid,
                        r->settings.name);
    switch (action) {
    case ACTION_DESTROY: destroy(r); break;
    case ACTION_RESTART: restart(r); break;
    case ACTION_RENAME_RESTART: rename_restart(r); break;
    case ACTION_PRESERVE: preserve(r); break;
    }
}

/* A domain somebody else destroyed leaves its nodes and our record behind. */
static void handle_vanished(struct domain_record *r)
{
    console_disconnect(r->console);
    store_entries_remove(toolstack_store, r->domid, r->settings.uuid);
    record_retire(r);
}

static void look_after_domains(void)
{
    struct xen_domctl_getdomaininfo info;
    struct domain_record *r;
    bool vanished;

    while ((r = record_needing_attention(&info, &vanished)) != NULL) {
        r->references++; /* while we give way to others, somebody may destroy what we preserve */
        if (vanished)
            handle_vanished(r);
        else
            handle_shutdown(r, (int)(info.flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask);
        toolstack_put(r);
        thread_yield(); /* a guest that restarts and ends at once is live only here, for commands to act on */
    }
}

static void released(void *unused, const char *path)
{
    (void)unused;
    (void)path;
    domain_ended = true;
}

static void daemon_thread(void *unused)
{
    (void)unused;
    for (;;) {
        waitq_wait_event(&events, event_waits, DEADLINE_NEVER);
        event_waits = false;
        xs_local_dispatch(toolstack_store);
        if (domain_ended) {
            domain_ended = false;
            look_after_domains();
        }
    }
}

int toolstack_start(struct error *err)
{
    struct xs_local_watch *watch;
    struct thread *thread;
    int rc;

    toolstack_store = xenstored_connect(event_came, NULL);
    if (!toolstack_store)
        return error_set(err, -ENOMEM, "out of memory in dom0");
    rc = store_entries_write_dom0(toolstack_store, err);
    if (rc)
        return rc;
    rc = xs_local_watch(toolstack_store, "@releaseDomain", released, NULL, &watch);
    if (rc)
        return error_set(err, rc, "cannot watch @releaseDomain: %s", strerror(-rc));
    thread = thread_create("toolstackd", daemon_thread, NULL, 0);
    if (!thread)
        return error_set(err, -errno, "cannot start the toolstack's thread: %s", strerror(errno));
    thread_detach(thread);
    return 0;
}
