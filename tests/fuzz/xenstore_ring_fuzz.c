// SPDX-License-Identifier: MIT
/*
 * Two hostile guests and the toolstack around one store. The input is a list of actions: raw or well-formed
 * bytes into a ring, any value into any field of a ring page, births and deaths of domains. Whatever the
 * guests do, the store stays within bounds, answers the toolstack, and leaves nothing behind.
 */
#include <stdint.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include <xenstore/local.h>
#include <xenstore/ring.h>
#include <xenstore/wire_newer.h>

#define GUESTS 2
#define RUNS   64 /* of a ring after an action: a bounded run must come to rest */

struct input {
    const uint8_t *at, *end;
};

struct guest {
    struct xenstore_domain_interface page;
    struct xs_ring ring;
    struct xs_conn *conn;
};

static struct xs_store *store;
static struct guest guests[GUESTS];

#define require(condition)                                                    \
    do {                                                                      \
        if (!(condition)) {                                                   \
            fprintf(stderr, "line %d: not true: %s\n", __LINE__, #condition); \
            abort();                                                          \
        }                                                                     \
    } while (0)

static uint8_t next(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static uint32_t next_word(struct input *in)
{
    uint32_t word = next(in);

    return word | (uint32_t)next(in) << 8 | (uint32_t)next(in) << 16 | (uint32_t)next(in) << 24;
}

static void notify(void *data)
{
    (void)data;
}

static void connect_guest(unsigned int i)
{
    struct guest *g = &guests[i];
    struct xs_conn_config config = {.domid = (uint16_t)(i + 1), .domain_ring = true};

    g->conn = xs_conn_open(store, &config);
    require(g->conn != NULL);
    xs_ring_attach(&g->ring, &g->page, g->conn, notify, NULL);
}

static int introduce(void *ctx, uint16_t domid, uint64_t gfn, uint32_t port)
{
    (void)ctx, (void)gfn, (void)port;
    if (domid < 1 || domid > GUESTS)
        return EINVAL;
    if (!guests[domid - 1].conn)
        connect_guest(domid - 1u);
    return 0;
}

static void release(void *ctx, uint16_t domid)
{
    (void)ctx;
    xs_conn_close(guests[domid - 1].conn);
    guests[domid - 1].conn = NULL;
}

/* ---- actions ---- */

static void put(struct guest *g, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        g->page.req[MASK_XENSTORE_IDX(g->page.req_prod++)] = ((const char *)bytes)[i];
}

static void raw_bytes(struct guest *g, struct input *in)
{
    for (unsigned int n = next(in); n; n--) {
        uint8_t byte = next(in);

        put(g, &byte, 1);
    }
}

/* A request with an honest header; its payload is taken from the input, ',' standing for NUL. */
static void request(struct guest *g, struct input *in)
{
    struct xsd_sockmsg header = {.type = next(in) % (XS_WIRE_OPERATIONS + 1)};
    char payload[256];

    header.tx_id = next(in) % 4;
    header.len = next(in);
    for (uint32_t i = 0; i < header.len; i++) {
        payload[i] = (char)next(in);
        payload[i] = payload[i] == ',' ? '\0' : payload[i];
    }
    put(g, &header, sizeof(header));
    put(g, payload, header.len);
}

static void set_field(struct guest *g, struct input *in)
{
    uint32_t *const fields[] = {&g->page.req_cons,       &g->page.req_prod, &g->page.rsp_cons,
                                &g->page.rsp_prod,       &g->page.error,    &g->page.connection,
                                &g->page.server_features};
    uint32_t *field = fields[next(in) % (sizeof(fields) / sizeof(fields[0]))];

    *field = next_word(in);
}

static void domain_event(struct xs_local *tool, unsigned int i, struct input *in)
{
    uint16_t domid = (uint16_t)(i + 1);

    switch (next(in) % 4) {
    case 0: xs_store_domain_dead(store, domid); break;
    case 1: xs_store_domain_shut_down(store, domid); break;
    case 2: xs_local_introduce(tool, domid, 0xfeffc, 1); break;
    case 3: xs_local_release(tool, domid); break;
    }
}

static void toolstack(struct xs_local *tool, unsigned int i, struct input *in)
{
    struct xs_perm perms[] = {{(uint16_t)(i + 1), 'n'}, {(uint16_t)(GUESTS - i), 'b'}};
    char home[32];

    snprintf(home, sizeof(home), "/local/domain/%u", i + 1);
    switch (next(in) % 3) {
    case 0: xs_local_mkdir(tool, XS_TX_NONE, home); break;
    case 1: xs_local_set_perms(tool, XS_TX_NONE, home, perms, 2); break;
    case 2: xs_local_rm(tool, XS_TX_NONE, home); break;
    }
}

static void act(struct xs_local *tool, struct input *in)
{
    uint8_t action = next(in);
    unsigned int i = action >> 7;
    struct guest *g = &guests[i];

    switch (action % 8) {
    case 0: raw_bytes(g, in); break;
    case 1:
    case 2:
    case 3: request(g, in); break;
    case 4: set_field(g, in); break;
    case 5: g->page.rsp_cons = g->page.rsp_prod; break;
    case 6: domain_event(tool, i, in); break;
    case 7: toolstack(tool, i, in); break;
    }
    for (unsigned int run = 0; g->conn && xs_ring_run(&g->ring); run++)
        require(run < RUNS);
}

static void check_bounds(void)
{
    for (unsigned int i = 0; i < GUESTS; i++) {
        uint16_t domid = (uint16_t)(i + 1);

        require(xs_store_usage(store, domid, XS_QUOTA_WATCHES) <= xs_store_quota(store, XS_QUOTA_WATCHES));
        require(xs_store_usage(store, domid, XS_QUOTA_TRANSACTIONS) <=
                xs_store_quota(store, XS_QUOTA_TRANSACTIONS));
        require(xs_store_usage(store, domid, XS_QUOTA_MEMORY) <= 4 * xs_store_quota(store, XS_QUOTA_MEMORY));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct xs_hooks hooks = {.introduce = introduce, .release = release};
    struct input in = {data, data + size};
    struct xs_local *tool;

    memset(guests, 0, sizeof(guests));
    store = xs_store_create(&hooks, 1);
    tool = store ? xs_local_open(store, NULL, NULL) : NULL;
    require(tool != NULL);
    xs_store_set_quota(store, XS_QUOTA_MEMORY, 100000);
    xs_store_set_quota(store, XS_QUOTA_WATCHES, 4);
    for (unsigned int i = 0; i < GUESTS; i++)
        require(!xs_local_introduce(tool, (uint16_t)(i + 1), 0xfeffc, 1));

    while (in.at < in.end) {
        act(tool, &in);
        check_bounds();
    }
    require(!xs_local_mkdir(tool, XS_TX_NONE, "/still/here"));
    for (unsigned int i = 0; i < GUESTS; i++) {
        /* Only who has been introduced can die. */
        require(!xs_local_introduce(tool, (uint16_t)(i + 1), 0xfeffc, 1));
        require(!xs_store_domain_dead(store, (uint16_t)(i + 1)));
        require(!xs_store_usage(store, (uint16_t)(i + 1), XS_QUOTA_NODES));
        require(!xs_store_usage(store, (uint16_t)(i + 1), XS_QUOTA_WATCHES));
    }
    /* Not before all are gone: one's snapshot may hold nodes of the other. */
    for (unsigned int i = 0; i < GUESTS; i++)
        require(!xs_store_usage(store, (uint16_t)(i + 1), XS_QUOTA_MEMORY));
    xs_local_close(tool);
    xs_store_destroy(store);
    return 0;
}
