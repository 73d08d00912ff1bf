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

// A guest may log this many bytes at once, and this many more per second. Each line costs what is put around
// it, too: empty ones would be many and cheap.
#define LOG_BURST     16384U
#define LOG_RATE      4096U
#define LOG_LINE_COST 16U // "(PXN) (d12345) "

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
    log->credit -= MIN(log->credit, LOG_LINE_COST);
}

// Under d->lock. Bytes beyond the guest's credit are dropped. True: a line has been logged.
static bool log_byte(const struct domain *d, struct guest_log *log, char byte)
{
    bool full = log->length == sizeof(log->line) - 1;

    if (log->credit == 0 || byte == '\r')
        return false;
    log->credit--;
    if (byte == '\n' || full)
        end_line(d, log);
    // Nothing that could move the cursor or recolour the screen of whoever reads the log.
    if (byte != '\n')
        log->line[log->length++] = (byte >= ' ' && byte <= '~') || byte == '\t' ? byte : '.';
    return byte == '\n' || full;
}

// Takes bytes up to the first line that is logged, and returns how many: a serial line takes milliseconds for
// it.
static size_t log_bytes(struct domain *d, const char *bytes, size_t n)
{
    size_t done = 0;
    bool logged = false;

    spin_lock(&d->lock);
    top_up_credit(&d->log);
    while (done < n && !logged)
        logged = log_byte(d, &d->log, bytes[done++]);
    spin_unlock(&d->lock);
    return done;
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
            n = log_bytes(v->domain, buf, n);
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
