// SPDX-License-Identifier: MIT
/* Moving bytes through a console ring that its guest may scribble on. */
#include <stdint.h>

#include <dom0/console_ring.h>

/* Index reads and writes pair with the guest's: data is read after the index that announces it, and written
 * before. */
static XENCONS_RING_IDX load_acquire(const XENCONS_RING_IDX *index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static void store_release(XENCONS_RING_IDX *index, XENCONS_RING_IDX value)
{
    __atomic_store_n(index, value, __ATOMIC_RELEASE);
}

size_t console_ring_take(struct xencons_interface *ring, char *buffer, size_t size, bool *nonsense)
{
    XENCONS_RING_IDX cons = load_acquire(&ring->out_cons), prod = load_acquire(&ring->out_prod);
    size_t count = 0;

    *nonsense = (XENCONS_RING_IDX)(prod - cons) > sizeof(ring->out);
    if (*nonsense)
        cons = prod;
    while (cons != prod && count < size)
        buffer[count++] = ring->out[MASK_XENCONS_IDX(cons++, ring->out)];
    store_release(&ring->out_cons, cons);
    return count;
}

size_t console_ring_give(struct xencons_interface *ring, const char *bytes, size_t count, bool *nonsense)
{
    XENCONS_RING_IDX cons = load_acquire(&ring->in_cons), prod = load_acquire(&ring->in_prod);
    size_t given = 0;

    *nonsense = (XENCONS_RING_IDX)(prod - cons) > sizeof(ring->in);
    if (*nonsense)
        prod = cons;
    while (given < count && (XENCONS_RING_IDX)(prod - cons) < sizeof(ring->in))
        ring->in[MASK_XENCONS_IDX(prod++, ring->in)] = bytes[given++];
    store_release(&ring->in_prod, prod);
    return given;
}
