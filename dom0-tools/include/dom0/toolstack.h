// SPDX-License-Identifier: MIT
/*
 * The domains dom0 has made, and what is done with them. Commands call in from the shell's thread; a thread
 * of its own watches for domains that shut down and does what their on_poweroff, on_reboot or on_crash says.
 *
 * dom0's threads are cooperative: only toolstack_create() and toolstack_find() give way to others.
 */
#ifndef DOM0_TOOLSTACK_H
#define DOM0_TOOLSTACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/sched.h>

#include <dom0/builder.h>
#include <dom0/consoled.h>
#include <dom0/domain_settings.h>
#include <dom0/error.h>

enum domain_state {
    DOMAIN_BUILDING,  /* being made, for the first time or again */
    DOMAIN_LIVE,      /* running or paused */
    DOMAIN_PRESERVED, /* shut down, kept for inspection */
    DOMAIN_GONE,      /* nothing is left but this record, for those who still hold it */
};

#define NOT_SHUT_DOWN (-1)

/* One domain; over restarts it stays the same record and changes its domid. Read only, outside the toolstack.
 */
struct domain_record {
    struct domain_record *next;
    unsigned references;
    enum domain_state state;
    domid_t domid;
    struct domain_settings settings;
    struct console *console;
    int shutdown_reason; /* SHUTDOWN_* of its last shutdown, before a restart too; or NOT_SHUT_DOWN */
    uint64_t started;    /* ns of time_now() */
};

/* Where the time of a creation went, in ns. */
struct create_times {
    uint64_t build, announce, start;
};

/* Start the thread; the store and the console daemon must be there. 0 or a negative errno with *err. */
int toolstack_start(struct error *err);

/*
 * Make a domain and, unless `paused`, let it run. On success *record (referenced for the caller) is it. On
 * failure nothing of it remains. `hooks` and `times` may be NULL.
 */
int toolstack_create(const struct domain_settings *settings, bool paused, const struct build_hooks *hooks,
                     struct create_times *times, struct domain_record **record, struct error *err);

int toolstack_destroy(domid_t domid, struct error *err);
int toolstack_rename(domid_t domid, const char *name, struct error *err);

/* Ask a domain to power off or reboot, through its control/shutdown node. */
int toolstack_request_shutdown(domid_t domid, const char *request, struct error *err);
/* Whether the domain has taken the last such request. */
bool toolstack_shutdown_acknowledged(domid_t domid);

/* The record of a domain, referenced for the caller; NULL if the toolstack did not make it (dom0, for one).
 */
struct domain_record *toolstack_record(domid_t domid);
void toolstack_put(struct domain_record *record);

/* The domain a person means by a name or a number. Waits for a domain that is just restarting. */
int toolstack_find(const char *name_or_domid, domid_t *domid, struct error *err);

/* A domain's name, malloc'ed; NULL if it has none. */
char *toolstack_name(domid_t domid);

/* The name (malloc'ed) of the first domain with an id of at least *domid, which becomes its id; NULL: there
 * is none. */
char *toolstack_next_name(domid_t *domid);

/* Whether a shutdown reason is a failure. */
bool toolstack_is_crash(int reason);

/* What `reason` (SHUTDOWN_*) makes of a domain with these settings. */
enum domain_action toolstack_policy(const struct domain_settings *settings, int reason);

#endif
