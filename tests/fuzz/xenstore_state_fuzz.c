// SPDX-License-Identifier: MIT
/*
 * Damaged and invented state: the input is what a restart reads, of a store (first byte even) or of a
 * connection (odd). It is refused, or it makes a store or a connection that works, and that saves what is
 * read back as the same.
 */
#include <stdint.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include <xenstore/conn.h>
#include <xenstore/local.h>
#include <xenstore/state.h>

#define require(condition)                                                    \
    do {                                                                      \
        if (!(condition)) {                                                   \
            fprintf(stderr, "line %d: not true: %s\n", __LINE__, #condition); \
            abort();                                                          \
        }                                                                     \
    } while (0)

struct bytes {
    char *at;
    size_t len;
};

static int append(void *ctx, const void *records, size_t len)
{
    struct bytes *bytes = ctx;

    bytes->at = realloc(bytes->at, bytes->len + len);
    require(bytes->at != NULL);
    memcpy(bytes->at + bytes->len, records, len);
    bytes->len += len;
    return 0;
}

static struct xs_store *new_store(void)
{
    static const struct xs_hooks hooks;
    struct xs_store *store = xs_store_create(&hooks, 1);

    require(store != NULL);
    return store;
}

#define GENERATION 12 /* where it stands in the first record, and its end */
#define FIRST_END  20

/* Two stores that say the same, but for their generations. */
static void require_same(struct xs_store *a, struct xs_store *b)
{
    struct bytes of_a = {0}, of_b = {0};

    require(!xs_store_save(a, append, &of_a) && !xs_store_save(b, append, &of_b));
    require(of_a.len == of_b.len && !memcmp(of_a.at, of_b.at, GENERATION) &&
            !memcmp(of_a.at + FIRST_END, of_b.at + FIRST_END, of_a.len - FIRST_END));
    free(of_a.at);
    free(of_b.at);
}

static void use(struct xs_store *store)
{
    struct xs_local *local = xs_local_open(store, NULL, NULL);
    char *value;

    require(local != NULL);
    require(!xs_local_write(local, XS_TX_NONE, "/written/after", "1", 1));
    require(!xs_local_read(local, XS_TX_NONE, "/written/after", &value, NULL));
    free(value);
    for (uint16_t domid = 1; domid < 8; domid++)
        require(!xs_store_domain_dead(store, domid));
    xs_local_close(local);
}

static void try_store(const uint8_t *data, size_t size)
{
    struct xs_store *store = new_store(), *again = new_store();
    struct bytes saved = {0};

    if (!xs_store_apply(store, data, size)) {
        require(!xs_store_save(store, append, &saved));
        require(!xs_store_apply(again, saved.at, saved.len));
        require_same(store, again);
        use(store);
    }
    free(saved.at);
    xs_store_destroy(store);
    xs_store_destroy(again);
}

static void try_conn(const uint8_t *data, size_t size)
{
    const struct xs_conn_config config = {.domid = 5, .domain_ring = true};
    struct xs_store *store = new_store(), *other = new_store();
    struct xs_conn *conn = xs_conn_open(store, &config), *again = xs_conn_open(other, &config);
    struct bytes first = {0}, second = {0};
    const char *bytes;
    size_t len;

    require(conn && again);
    if (!xs_conn_restore(conn, data, size)) {
        require(!xs_conn_save(conn, append, &first));
        require(!xs_conn_restore(again, first.at, first.len));
        require(!xs_conn_save(again, append, &second));
        require(first.len == second.len);
        while ((bytes = xs_conn_output(conn, &len)))
            xs_conn_output_done(conn, len);
        xs_conn_input(conn, "\2\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0/", 18);
        use(store);
    }
    free(first.at);
    free(second.at);
    xs_conn_close(conn);
    xs_conn_close(again);
    xs_store_destroy(store);
    xs_store_destroy(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    if (data[0] % 2)
        try_conn(data + 1, size - 1);
    else
        try_store(data + 1, size - 1);
    return 0;
}
