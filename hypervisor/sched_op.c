// SPDX-License-Identifier: MIT
// HYPERVISOR_sched_op (public/sched.h): yield, block, poll, shutdown, watchdog.

#include <hv/arch.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>
#include <hv/sched.h>
#include <hv/string.h>

#define MAX_POLL_PORTS 128U

// Interrupts of an HVM guest are masked by its own flags; upcall_mask, which Xen clears here, means nothing
// to it.
static long op_block(struct vcpu *v)
{
    if (!arch_vcpu_interrupt_pending(v))
        vcpu_block(v);
    return 0;
}

static long op_shutdown(struct vcpu *v, gva_t arg)
{
    struct sched_shutdown op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (op.reason > SHUTDOWN_MAX)
        return -XEN_EINVAL;
    if (op.reason == SHUTDOWN_crash)
        domain_crash(v, "its own system said so"); // as any crash, with its registers in the log
    else
        domain_shutdown(v->domain, op.reason);
    return 0;
}

static long op_remote_shutdown(struct vcpu *v, gva_t arg)
{
    struct sched_remote_shutdown op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (op.reason > SHUTDOWN_MAX)
        return -XEN_EINVAL;
    struct domain *d = domain_lookup(op.domain_id);
    if (!d)
        return -XEN_ESRCH;
    int rc = priv_check(v->domain, PRIV_OP_REMOTE_SHUTDOWN, d);
    if (rc == 0)
        domain_shutdown(d, op.reason);
    domain_put(d);
    return rc;
}

// Is one of the ports pending? 1, 0, or -XEN_EINVAL for a port that does not exist.
static int any_pending(struct domain *d, const evtchn_port_t *ports, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int rc = evtchn_pending(d, ports[i]);

        if (rc)
            return rc;
    }
    return 0;
}

static long poll_ports(struct vcpu *v, const evtchn_port_t *ports, unsigned count, uint64_t timeout)
{
    struct domain *d = v->domain;
    int rc = any_pending(d, ports, count);

    if (rc)
        return MIN(rc, 0);
    timer_stop(&v->poll_timer);
    v->poll_port = count == 1 ? (int64_t)ports[0] : -1;
    __atomic_fetch_or(&d->evtchn.pollers, 1UL << v->id, __ATOMIC_SEQ_CST);
    vcpu_block(v);
    // A port that became pending before we were listed as a poller did not wake us.
    if (any_pending(d, ports, count))
        vcpu_wake(v);
    else if (timeout)
        timer_set(&v->poll_timer, timeout);
    return 0;
}

static long op_poll(struct vcpu *v, gva_t arg)
{
    struct sched_poll op;
    evtchn_port_t ports[MAX_POLL_PORTS];

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (op.nr_ports > MAX_POLL_PORTS)
        return -XEN_EINVAL;
    if (copy_from_guest(ports, HANDLE_GVA(op.ports), op.nr_ports * sizeof(ports[0])))
        return -XEN_EFAULT;
    return poll_ports(v, ports, op.nr_ports, op.timeout);
}

static int arm_watchdog(struct timer *timer, uint32_t timeout_s)
{
    if (timeout_s)
        timer_set(timer, arch_now() + timeout_s * 1000000000UL);
    else
        timer_stop(timer);
    return 0;
}

// id 0 with a timeout: a new watchdog, returns its id. Else pokes watchdog `id`, or ends it with timeout 0.
static long op_watchdog(struct vcpu *v, gva_t arg)
{
    struct timer *watchdogs = v->domain->watchdog;
    const uint32_t count = ARRAY_SIZE(v->domain->watchdog);
    struct sched_watchdog op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (op.id > count || (op.id == 0 && op.timeout == 0))
        return -XEN_EINVAL;
    if (op.id > 0)
        return timer_armed(&watchdogs[op.id - 1]) ? arm_watchdog(&watchdogs[op.id - 1], op.timeout)
                                                  : -XEN_EINVAL;
    for (uint32_t i = 0; i < count; i++)
        if (!timer_armed(&watchdogs[i])) {
            arm_watchdog(&watchdogs[i], op.timeout);
            return i + 1;
        }
    return -XEN_ENOSPC;
}

// args: sub-operation, pointer to its structure.
long do_sched_op(struct vcpu *v, struct hypercall *call)
{
    gva_t arg = GVA(call->args[1]);

    switch ((uint32_t)call->args[0]) {
    case SCHEDOP_yield: vcpu_yield(v); return 0;
    case SCHEDOP_block: return op_block(v);
    case SCHEDOP_shutdown: return op_shutdown(v, arg);
    case SCHEDOP_poll: return call->is_32bit ? -XEN_ENOSYS : op_poll(v, arg); // has a pointer in it
    case SCHEDOP_remote_shutdown: return op_remote_shutdown(v, arg);
    case SCHEDOP_watchdog: return op_watchdog(v, arg);
    default: return -XEN_ENOSYS; // shutdown_code, pin_override
    }
}
