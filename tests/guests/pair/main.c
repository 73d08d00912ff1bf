// SPDX-License-Identifier: MIT
//
// Two domains and what they share. One is started with "serve=N", N being the other's domain id, the other
// one with "peer=M", M being the first one's, in any order. Both say PASS or FAIL, the server last and for
// both; the peer prints what operations between domains cost, in the manner of the bench guest.

#include <stdint.h>
#include <stdio.h>
#include <guest/xenstore.h>
#include "pair.h"

int main(int argc, char **argv)
{
    unsigned domid;
    if (!xs_available())
        test_note(TEST_SKIP, "this domain has no store");
    else if (argc == 2 && sscanf(argv[1], "serve=%u", &domid) == 1)
        serve((domid_t)domid);
    else if (argc == 2 && sscanf(argv[1], "peer=%u", &domid) == 1)
        be_peer((domid_t)domid);
    else
        test_note(TEST_FAIL, "wants one word, serve=DOMID or peer=DOMID");
    return test_end("pair");
}
