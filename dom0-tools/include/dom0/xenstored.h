// SPDX-License-Identifier: MIT
/*
 * dom0's XenStore service: the engine of xenstore/ served to guests over their ring pages by a cooperative
 * thread, and to the toolstack through <xenstore/local.h>. It owns VIRQ_DOM_EXC: whoever wants to know of
 * shutdowns and deaths watches
 * "@releaseDomain" with xs_local_watch().
 */
#ifndef DOM0_XENSTORED_H
#define DOM0_XENSTORED_H

#include <stdint.h>

#include <xenstore/local.h>
#include <xenstore/store.h>

/* Creates the store and starts its thread. 0 or a negative errno. Call once, before anything else here. */
int xenstored_start(void);

struct xs_store *xenstored_store(void);

/*
 * A toolstack client of the store (one per thread that watches; others may share). Its watch events wait
 * until the thread calls xs_local_dispatch(); `wakeup` must make that thread runnable, and nothing more.
 * NULL: out of memory.
 */
struct xs_local *xenstored_connect(void (*wakeup)(void *data), void *data);

/*
 * Saves the store, ends it, and begins anew with what was saved: rings, watches and ids stay. *rings becomes
 * the number of domains connected. 0 or a negative errno: it goes on as it was.
 */
int xenstored_restart(unsigned int *rings);

/*
 * To connect a new domain: allocate its port with EVTCHNOP_alloc_unbound(dom, remote = dom0), seed grant 1
 * with the ring page and HVM_PARAM_STORE_{PFN,EVTCHN}, then xs_local_introduce(). A destroyed domain is
 * noticed by itself; xs_local_release() before the destroy is allowed too.
 */

#endif
