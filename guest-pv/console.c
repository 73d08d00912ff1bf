// SPDX-License-Identifier: MIT
//
// The console's two backends, the ring to a console daemon and the hypervisor's console, behind one input
// buffer.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/console.h>
#include <guest/console.h>
#include <guest/cpu.h>
#include <guest/event.h>
#include <guest/hypercall.h>
#include <guest/main.h>
#include <guest/mem.h>
#include <guest/thread.h>
#include "kit.h"

#define EMERGENCY_ROUNDS 10000 // how often console_emergency looks for space in the ring

_Static_assert(sizeof(((struct xencons_interface *)0)->out) == 2048,
               "ring indices are masked by array sizes");

static struct xencons_interface *ring; // NULL: the hypervisor's console
static evtchn_port_t ring_port;

static char input[1024];
static uint32_t input_read, input_written; // free-running
static struct waitq readers, writers;

static uint32_t input_space(void)
{
    return sizeof(input) - (input_written - input_read);
}

static void input_put(char c)
{
    input[input_written++ % sizeof(input)] = c;
}

void console_input(const void *data, size_t size)
{
    const char *bytes = data;
    for (size_t i = 0; i < size && input_space(); i++)
        input_put(bytes[i]);
    waitq_wake_all(&readers);
}

// The producer index is the other side's: what lies beyond one ringful is a lie, and ignored.
static void pull_from_ring(void)
{
    XENCONS_RING_IDX produced = __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE);
    XENCONS_RING_IDX consumed = ring->in_cons;
    XENCONS_RING_IDX before = consumed;
    if (produced - consumed > sizeof(ring->in))
        return;
    while (consumed != produced && input_space())
        input_put(ring->in[MASK_XENCONS_IDX(consumed++, ring->in)]);
    if (consumed == before)
        return;
    __atomic_store_n(&ring->in_cons, consumed, __ATOMIC_RELEASE);
    event_send(ring_port);
}

static void pull_from_hypervisor(void)
{
    char bytes[64];
    long count;
    do {
        unsigned space = input_space() < sizeof(bytes) ? input_space() : sizeof(bytes);
        count = space ? HYPERVISOR_console_io(CONSOLEIO_read, space, bytes) : 0;
        for (long i = 0; i < count; i++)
            input_put(bytes[i]);
    } while (count > 0);
}

static void pull(void)
{
    if (ring)
        pull_from_ring();
    else if (guest_is_privileged())
        pull_from_hypervisor();
}

static void on_event(evtchn_port_t port, void *arg)
{
    (void)port, (void)arg;
    pull();
    if (input_read != input_written)
        waitq_wake_all(&readers);
    waitq_wake_all(&writers);
}

void console_init(void)
{
    uint64_t gfn = 0, port = 0;
    if (guest_is_privileged()) {
        event_bind_virq(VIRQ_CONSOLE, on_event, NULL);
        return;
    }
    if (hvm_param_get(DOMID_SELF, HVM_PARAM_CONSOLE_PFN, &gfn) || !gfn ||
        hvm_param_get(DOMID_SELF, HVM_PARAM_CONSOLE_EVTCHN, &port))
        return;
    ring = mem_of_gfn(gfn);
    ring_port = (evtchn_port_t)port;
    event_set_handler(ring_port, on_event, NULL);
}

size_t console_read(void *data, size_t size, uint64_t deadline)
{
    char *bytes = data;
    size_t count = 0;
    pull();
    if (!waitq_wait_event(&readers, input_read != input_written, deadline))
        return 0;
    while (count < size && input_read != input_written)
        bytes[count++] = input[input_read++ % sizeof(input)];
    return count;
}

int console_getc(uint64_t deadline)
{
    unsigned char c;
    return console_read(&c, 1, deadline) ? c : -1;
}

static size_t ring_space(void)
{
    XENCONS_RING_IDX used = ring->out_prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE);
    return used < sizeof(ring->out) ? sizeof(ring->out) - used : 0;
}

// Puts what fits into the ring; returns how much that was.
static size_t push(const char *bytes, size_t size)
{
    size_t space = ring_space(); // once: the other side may be making more at this moment
    size_t count = space < size ? space : size;
    XENCONS_RING_IDX produced = ring->out_prod;
    for (size_t i = 0; i < count; i++)
        ring->out[MASK_XENCONS_IDX(produced++, ring->out)] = bytes[i];
    __atomic_store_n(&ring->out_prod, produced, __ATOMIC_RELEASE);
    return count;
}

static void wait_for_space(void)
{
    event_send(ring_port);
    if (thread_may_block())
        waitq_wait_event(&writers, ring_space(), DEADLINE_NEVER);
    else
        HYPERVISOR_sched_op(SCHEDOP_yield, NULL);
}

// Hands all bytes to the backend, which a ring's other side hears of in flush() only.
static void put(const char *bytes, size_t size)
{
    if (!ring) {
        HYPERVISOR_console_io(CONSOLEIO_write, size, (void *)bytes);
        return;
    }
    while (size) {
        size_t done = push(bytes, size);
        bytes += done;
        size -= done;
        if (size)
            wait_for_space();
    }
}

static void flush(void)
{
    if (ring)
        event_send(ring_port);
}

void console_write(const void *data, size_t size)
{
    put(data, size);
    flush();
}

void console_puts(const char *text, size_t size)
{
    while (size) {
        const char *end = memchr(text, '\n', size);
        size_t line = end ? (size_t)(end - text) : size;
        if (line)
            put(text, line);
        text += line;
        size -= line;
        if (end) {
            put("\r\n", 2);
            text++;
            size--;
        }
    }
    flush();
}

void console_emergency(const char *text, size_t size)
{
    if (!ring) {
        HYPERVISOR_console_io(CONSOLEIO_write, size, (void *)text);
        return;
    }
    for (unsigned round = 0; size && round < EMERGENCY_ROUNDS; round++) {
        size_t done = push(text, size);
        text += done;
        size -= done;
        flush();
        if (size)
            HYPERVISOR_sched_op(SCHEDOP_yield, NULL);
    }
}
