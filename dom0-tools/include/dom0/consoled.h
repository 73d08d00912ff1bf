// SPDX-License-Identifier: MIT
/*
 * The console daemon: one thread that empties the console rings of all domains into their logs, so that no
 * guest ever waits for a full ring, whether anyone looks or not. A console outlives its domain: a rebooted
 * domain goes on writing to the same one, and a session that shows it sees the reboot.
 */
#ifndef DOM0_CONSOLED_H
#define DOM0_CONSOLED_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/event_channel.h>

#include <dom0/error.h>

struct console;

/* Start the thread. 0 or a negative errno. */
int consoled_start(void);

/* A console without a domain; NULL without memory. The caller holds its first reference. */
struct console *console_create(void);
struct console *console_get(struct console *console);
void console_put(struct console *console);

/* Serve a domain's ring, at `gfn` of the domain, and its unbound event channel `port`. */
int console_connect(struct console *console, domid_t domid, uint64_t gfn, evtchn_port_t port,
                    struct error *err);

/* Take what is left in the ring and let go of the domain. Harmless if there is none. */
void console_disconnect(struct console *console);

/* Wait until a session, if there is one, has shown all that came: what is said next will stand below it. */
void console_settle(struct console *console);

/* Nothing will ever be connected again: sessions end once they have shown everything. */
void console_close(struct console *console);

enum console_session {
    CONSOLE_LEFT,  /* the person pressed Ctrl-] */
    CONSOLE_ENDED, /* the console was closed */
    CONSOLE_BUSY,  /* another session shows it */
};

/*
 * Show the console on dom0's terminal and send what is typed to the domain, until one of the above. Starts
 * with what comes from now on, or with the whole log; ends the line it is in. Blocks; runs on the caller's
 * thread.
 */
enum console_session console_session(struct console *console, bool from_start);

#endif
