// SPDX-License-Identifier: MIT
//
// 2-level event channels. Xen sets a port's pending bit, its word's bit in the selector, then "upcall
// pending", and injects VECTOR_UPCALL while that last is set. The interrupt (trap_entry.S) takes only the
// last one back; the selector stays for event_dispatch(). So nothing is lost between "nothing pending" and
// HLT, as long as the check is made with interrupts off: an upcall that comes after it ends the HLT.

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <guest/error.h>
#include <guest/event.h>
#include <guest/hypercall.h>
#include <guest/main.h>
#include <guest/mem.h>
#include <guest/shutdown.h>
#include "kit.h"

#define WORDS     64
#define WORD_BITS 64
#define PORTS     (WORDS * WORD_BITS)

#define CALLBACK_VECTOR (UINT64_C(2) << 56) // HVM_PARAM_CALLBACK_IRQ: type 2, a vector

struct binding {
    event_handler handler;
    void *arg;
};

struct vcpu_info *event_vcpu_info; // read by trap_entry.S
static struct shared_info *shared;
static struct binding *bindings[WORDS]; // a word's ports, made at its first use

_Static_assert(offsetof(struct vcpu_info, evtchn_upcall_pending) == 0, "trap_entry.S clears this byte");

struct shared_info *guest_shared_info(void)
{
    return shared;
}

static void map_shared_info(void)
{
    uint64_t gfn = gfn_window_alloc(1);
    struct xen_add_to_physmap op = {.domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = gfn};
    long rc = HYPERVISOR_memory_op(XENMEM_add_to_physmap, &op);
    if (rc)
        guest_panic("mapping shared_info at gfn %lx: error %ld", gfn, rc);
    shared = mem_of_gfn(gfn);
    event_vcpu_info = &shared->vcpu_info[0];
}

void event_init(void)
{
    map_shared_info();
    for (unsigned word = 0; word < WORDS; word++)
        shared->evtchn_mask[word] = ~0ul;
    long rc = hvm_param_set(DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, CALLBACK_VECTOR | VECTOR_UPCALL);
    if (rc)
        guest_panic("setting the event callback vector: error %ld", rc);
}

static bool test_bit(const xen_ulong_t *words, evtchn_port_t port)
{
    return __atomic_load_n(&words[port / WORD_BITS], __ATOMIC_ACQUIRE) >> port % WORD_BITS & 1;
}

static void set_bit(xen_ulong_t *words, evtchn_port_t port)
{
    __atomic_fetch_or(&words[port / WORD_BITS], 1ul << port % WORD_BITS, __ATOMIC_SEQ_CST);
}

static void clear_bit(xen_ulong_t *words, evtchn_port_t port)
{
    __atomic_fetch_and(&words[port / WORD_BITS], ~(1ul << port % WORD_BITS), __ATOMIC_SEQ_CST);
}

bool event_is_pending(evtchn_port_t port)
{
    return test_bit(shared->evtchn_pending, port);
}

bool event_is_masked(evtchn_port_t port)
{
    return test_bit(shared->evtchn_mask, port);
}

void event_clear(evtchn_port_t port)
{
    clear_bit(shared->evtchn_pending, port);
}

void event_mask(evtchn_port_t port)
{
    set_bit(shared->evtchn_mask, port);
}

// Xen didn't put a masked port into the selector: done here, where the vCPU that unmasks is the one that
// takes it.
void event_unmask(evtchn_port_t port)
{
    clear_bit(shared->evtchn_mask, port);
    if (event_is_pending(port))
        __atomic_fetch_or(&event_vcpu_info->evtchn_pending_sel, 1ul << port / WORD_BITS, __ATOMIC_SEQ_CST);
}

bool event_any_pending(void)
{
    return __atomic_load_n(&event_vcpu_info->evtchn_pending_sel, __ATOMIC_ACQUIRE) != 0;
}

// The word is read once: what comes later is in the selector again, so a port that keeps firing can't keep
// the scheduler from its threads. A handler may have masked or closed a port that was ready.
static void run_handlers(unsigned word)
{
    unsigned long ready = __atomic_load_n(&shared->evtchn_pending[word], __ATOMIC_ACQUIRE);
    for (; ready; ready &= ready - 1) {
        unsigned bit = (unsigned)__builtin_ctzl(ready);
        evtchn_port_t port = word * WORD_BITS + bit;
        if (event_is_masked(port))
            continue;
        clear_bit(shared->evtchn_pending, port);
        if (bindings[word] && bindings[word][bit].handler)
            bindings[word][bit].handler(port, bindings[word][bit].arg);
    }
}

bool event_dispatch(void)
{
    if (!event_any_pending())
        return false;
    thread_enter_handler();
    unsigned long words = __atomic_exchange_n(&event_vcpu_info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    for (; words; words &= words - 1)
        run_handlers((unsigned)__builtin_ctzl(words));
    thread_leave_handler();
    return true;
}

int event_set_handler(evtchn_port_t port, event_handler handler, void *arg)
{
    unsigned word = port / WORD_BITS;
    if (port == 0 || port >= PORTS)
        return -EINVAL;
    if (!bindings[word] && !(bindings[word] = calloc(WORD_BITS, sizeof(struct binding))))
        return -ENOMEM;
    bindings[word][port % WORD_BITS] = (struct binding){handler, arg};
    if (handler)
        event_unmask(port);
    return 0;
}

// Ends every bind function: `rc` is the hypercall's result.
static int bound(long rc, evtchn_port_t port, event_handler handler, void *arg)
{
    if (rc)
        return error_from_xen(rc);
    int error = event_set_handler(port, handler, arg);
    if (error) {
        event_close(port);
        return error;
    }
    return (int)port;
}

int event_bind_virq(uint32_t virq, event_handler handler, void *arg)
{
    struct evtchn_bind_virq op = {.virq = virq, .vcpu = 0};
    long rc = HYPERVISOR_event_channel_op(EVTCHNOP_bind_virq, &op);
    return bound(rc, op.port, handler, arg);
}

int event_bind_pirq(uint32_t pirq, event_handler handler, void *arg)
{
    struct evtchn_bind_pirq op = {.pirq = pirq};
    long rc = HYPERVISOR_event_channel_op(EVTCHNOP_bind_pirq, &op);
    return bound(rc, op.port, handler, arg);
}

int event_bind_ipi(event_handler handler, void *arg)
{
    struct evtchn_bind_ipi op = {.vcpu = 0};
    long rc = HYPERVISOR_event_channel_op(EVTCHNOP_bind_ipi, &op);
    return bound(rc, op.port, handler, arg);
}

int event_alloc_unbound(domid_t remote, event_handler handler, void *arg)
{
    struct evtchn_alloc_unbound op = {.dom = DOMID_SELF, .remote_dom = remote};
    long rc = HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &op);
    return bound(rc, op.port, handler, arg);
}

int event_alloc_unbound_for(domid_t dom, domid_t remote)
{
    struct evtchn_alloc_unbound op = {.dom = dom, .remote_dom = remote};
    long rc = HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &op);
    return rc ? error_from_xen(rc) : (int)op.port;
}

int event_bind_interdomain(domid_t remote, evtchn_port_t remote_port, event_handler handler, void *arg)
{
    struct evtchn_bind_interdomain op = {.remote_dom = remote, .remote_port = remote_port};
    long rc = HYPERVISOR_event_channel_op(EVTCHNOP_bind_interdomain, &op);
    return bound(rc, op.local_port, handler, arg);
}

int event_send(evtchn_port_t port)
{
    struct evtchn_send op = {.port = port};
    return error_from_xen(HYPERVISOR_event_channel_op(EVTCHNOP_send, &op));
}

int event_close(evtchn_port_t port)
{
    struct evtchn_close op = {.port = port};
    if (port == 0 || port >= PORTS)
        return -EINVAL;
    event_mask(port);
    if (bindings[port / WORD_BITS])
        bindings[port / WORD_BITS][port % WORD_BITS] = (struct binding){NULL, NULL};
    int error = error_from_xen(HYPERVISOR_event_channel_op(EVTCHNOP_close, &op));
    event_clear(port);
    return error;
}
