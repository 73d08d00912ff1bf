// SPDX-License-Identifier: MIT
// HYPERVISOR_console_io (public/xen.h). The domain that has the console writes to it as it likes; what any
// other guest writes becomes log lines "(dN) text", as many as its credit allows.

#include <hv/arch.h>
#include <hv/console.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>
#include <hv/printk.h>
#include <hv/softirq.h>

#define CHUNK 256U // bytes copied at once

// A guest may log this many bytes at once, and this many more per second.
#define LOG_BURST 16384U
#define LOG_RATE  4096U

// Under d->lock.
static void top_up_credit(struct guest_log *log)
{
    uint64_t now = arch_now(), gained = (now - log->credit_at) / (1000000000 / LOG_RATE);

    if (log->credit_at == 0 || gained >= LOG_BURST - log->credit) {
        log->credit = LOG_BURST;
        log->credit_at = now;
    } else if (gained) {
        log->credit += gained;
        log->credit_at += gained * (1000000000 / LOG_RATE);
    }
}

static void end_line(const struct domain *d, struct guest_log *log)
{
    log->line[log->length] = '\0';
    log_info("(d%d) %s", d->id, log->line);
    log->length = 0;
}

// Under d->lock. Bytes beyond the guest's credit are dropped.
static void log_byte(const struct domain *d, struct guest_log *log, char byte)
{
    if (log->credit == 0)
        return;
    log->credit--;
    if (byte == '\n') {
        end_line(d, log);
        return;
    }
    if (log->length == sizeof(log->line) - 1)
        end_line(d, log);
    // Nothing that could move the cursor or recolour the screen of whoever reads the log.
    log->line[log->length++] = (byte >= ' ' && byte <= '~') || byte == '\t' ? byte : '.';
}

static void log_bytes(struct domain *d, const char *bytes, size_t n)
{
    spin_lock(&d->lock);
    top_up_credit(&d->log);
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != '\r')
            log_byte(d, &d->log, bytes[i]);
    spin_unlock(&d->lock);
}

// args: CONSOLEIO_write, bytes left, pointer to them. The last two move on.
static long op_write(struct vcpu *v, struct hypercall *call)
{
    bool owner = priv_check(v->domain, PRIV_OP_CONSOLE, NULL) == 0;
    char buf[CHUNK];

    while ((uint32_t)call->args[1] > 0) {
        size_t n = MIN((uint32_t)call->args[1], CHUNK);

        if (copy_from_guest(buf, GVA(call->args[2]), n))
            return -XEN_EFAULT;
        if (owner)
            console_write(buf, n);
        else
            log_bytes(v->domain, buf, n);
        call->args[1] = (uint32_t)call->args[1] - n;
        call->args[2] += n;
        if (call->args[1] && preempt_check())
            return HYPERCALL_CONTINUE;
    }
    return 0;
}

static long op_read(struct vcpu *v, struct hypercall *call)
{
    char buf[CHUNK];

    if (priv_check(v->domain, PRIV_OP_CONSOLE, NULL))
        return -XEN_EPERM;
    size_t n = console_read(buf, MIN((uint32_t)call->args[1], CHUNK));
    return copy_to_guest(GVA(call->args[2]), buf, n) ? -XEN_EFAULT : (long)n;
}

long do_console_io(struct vcpu *v, struct hypercall *call)
{
    switch ((uint32_t)call->args[0]) {
    case CONSOLEIO_write: return op_write(v, call);
    case CONSOLEIO_read: return op_read(v, call);
    default: return -XEN_ENOSYS;
    }
}
