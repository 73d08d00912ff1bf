// SPDX-License-Identifier: MIT
//
// What the two guests of a pair agree on. The server puts "PORT REF REF ..." into its store node data/pair;
// the peer reads it, works, and writes PAIR_DONE or PAIR_FAILED there.
#ifndef TESTS_GUESTS_PAIR_H
#define TESTS_GUESTS_PAIR_H

#include <guest/event.h>
#include <guest/gnttab.h>
#include <guest/mem.h>
#include "../test.h"

#define PAIR_NODE   "data/pair"
#define PAIR_DONE   "done"
#define PAIR_FAILED "failed"
#define PAIR_PAGES  16 // granted read-write, then one read-only, then one to a domain that doesn't exist
#define PAIR_REFS   (PAIR_PAGES + 2)
#define PAIR_RO     PAIR_PAGES
#define PAIR_ALIEN  (PAIR_PAGES + 1)
#define PAIR_STAMP  0x70617274 // what the peer writes at the start of page 0, and leaves mapped when it ends

struct pair {
    evtchn_port_t port;
    grant_ref_t refs[PAIR_REFS];
};

// Byte i of page p, as the server fills it.
static inline uint8_t pair_byte(unsigned page, unsigned i)
{
    return (uint8_t)(page * 37 + i * 11 + (i >> 8));
}

void serve(domid_t peer);
void be_peer(domid_t server);

#endif
