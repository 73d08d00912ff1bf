// SPDX-License-Identifier: MIT
// HYPERVISOR_grant_table_op (public/grant_table.h): arrays of operations, each with a status of its own. A
// long array is continued with the pointer and the count moved on.

#include <hv/guest_access.h>
#include <hv/gnttab.h>
#include <hv/hypercall.h>
#include <hv/page_alloc.h>
#include <hv/domain.h>
#include <hv/softirq.h>

// Runs operations of an array on the caller's behalf, one at least, and stops where other work is waiting.
// How many it has done, or -XEN_E* from the first one, to end the whole hypercall.
typedef int gnttab_fn(struct domain *caller, void *array, uint32_t count);

static int op_map(struct domain *caller, void *array, uint32_t count)
{
    struct gnttab_map_grant_ref *ops = array;
    uint32_t done = 0;

    do {
        gnttab_map(caller, &ops[done]);
    } while (++done < count && !preempt_check());
    return done;
}

static int op_unmap(struct domain *caller, void *array, uint32_t count)
{
    struct gnttab_unmap_grant_ref *ops = array;
    uint32_t done = 0;

    do {
        gnttab_unmap(caller, &ops[done]);
    } while (++done < count && !preempt_check());
    return done;
}

static int op_copy(struct domain *caller, void *array, uint32_t count)
{
    return gnttab_copy(caller, array, count);
}

// The referenced domain whose table the caller may look after, or NULL with *status set.
static struct domain *table_owner(struct domain *caller, domid_t domid, int16_t *status)
{
    struct domain *d = domain_lookup(domid);

    *status = !d                                             ? GNTST_bad_domain
              : priv_check(caller, PRIV_OP_FOREIGN_GRANT, d) ? GNTST_permission_denied
                                                             : GNTST_okay;
    if (*status == GNTST_okay || !d)
        return d;
    domain_put(d);
    return NULL;
}

// A translated guest finds its frames through XENMAPSPACE_grant_table: the list says only that they exist.
static int op_setup(struct domain *caller, void *arg, uint32_t one)
{
    struct gnttab_setup_table *op = arg;
    const xen_pfn_t not_mapped = ~0UL;
    struct domain *d = table_owner(caller, op->dom, &op->status);
    int rc = 0;
    mfn_t mfn;

    if (!d)
        return one;
    if (op->nr_frames > d->gnttab.max_frames ||
        (op->nr_frames && gnttab_get_frame(d, op->nr_frames - 1, &mfn)))
        op->status = GNTST_general_error;
    for (uint32_t i = 0; rc == 0 && op->status == GNTST_okay && i < op->nr_frames; i++)
        rc = copy_to_guest(guest_elem(HANDLE_GVA(op->frame_list), i, sizeof(not_mapped)), &not_mapped,
                           sizeof(not_mapped));
    domain_put(d);
    return rc ? rc : (int)one;
}

static int op_query(struct domain *caller, void *arg, uint32_t one)
{
    struct gnttab_query_size *op = arg;
    struct domain *d = table_owner(caller, op->dom, &op->status);

    if (d) {
        op->nr_frames = d->gnttab.nr_frames;
        op->max_nr_frames = d->gnttab.max_frames;
        domain_put(d);
    }
    return one;
}

static int op_set_version(struct domain *caller, void *arg, uint32_t one)
{
    struct gnttab_set_version *op = arg;

    (void)caller;
    uint32_t asked = op->version;
    op->version = 1;
    return asked == 1 ? (int)one : asked == 2 ? -XEN_ENOSYS : -XEN_EINVAL;
}

static int op_get_version(struct domain *caller, void *arg, uint32_t one)
{
    struct gnttab_get_version *op = arg;
    int16_t status;
    struct domain *d = table_owner(caller, op->dom, &status);

    if (!d)
        return status == GNTST_bad_domain ? -XEN_ESRCH : -XEN_EPERM;
    op->version = 1;
    domain_put(d);
    return one;
}

static const struct op {
    gnttab_fn *fn;
    size_t size;
    bool single; // takes exactly one structure
} ops[] = {
    [GNTTABOP_map_grant_ref] = {op_map, sizeof(struct gnttab_map_grant_ref), false},
    [GNTTABOP_unmap_grant_ref] = {op_unmap, sizeof(struct gnttab_unmap_grant_ref), false},
    [GNTTABOP_setup_table] = {op_setup, sizeof(struct gnttab_setup_table), true},
    [GNTTABOP_copy] = {op_copy, sizeof(struct gnttab_copy), false},
    [GNTTABOP_query_size] = {op_query, sizeof(struct gnttab_query_size), true},
    [GNTTABOP_set_version] = {op_set_version, sizeof(struct gnttab_set_version), true},
    [GNTTABOP_get_version] = {op_get_version, sizeof(struct gnttab_get_version), true},
};

// Structures are copied in and out together: those that lie in one page, one at least, as many as there is
// room for.
#define BATCH_BYTES 640

static uint32_t batch_at(gva_t at, size_t size, uint32_t count)
{
    uint32_t in_page = (PAGE_SIZE - (at.va & ~PAGE_MASK)) / size;

    return MAX(MIN(count, MIN(in_page, (uint32_t)(BATCH_BYTES / size))), 1U);
}

// Runs as many of n as it can. How many it has done, or -XEN_E*.
static int run_batch(struct domain *caller, const struct op *op, gva_t at, uint32_t n)
{
    uint64_t batch[BATCH_BYTES / sizeof(uint64_t)];
    struct guest_arg arg;

    if (guest_arg_read(&arg, batch, at, n * op->size))
        return -XEN_EFAULT;
    int done = op->fn(caller, batch, n);
    return guest_arg_write(&arg, 0, batch, MAX(done, 1) * op->size) ? -XEN_EFAULT : done;
}

long do_grant_table_op(struct vcpu *v, struct hypercall *call)
{
    uint64_t cmd = call->args[0];
    uint32_t count = call->args[2];
    gva_t at = GVA(call->args[1]);

    if (cmd >= ARRAY_SIZE(ops) || !ops[cmd].fn)
        return -XEN_ENOSYS;
    if (count > INT32_MAX || (ops[cmd].single && count != 1))
        return -XEN_EINVAL;
    const struct op *op = &ops[cmd];
    while (count > 0) {
        uint32_t n = count == 1 ? 1 : batch_at(at, op->size, count);
        int done = run_batch(v->domain, op, at, n);

        if (done < 0)
            return done;
        at = gva_add(at, done * op->size);
        count -= done;
        if (count > 0 && ((uint32_t)done < n || preempt_check())) {
            call->args[1] = at.va;
            call->args[2] = count;
            return HYPERCALL_CONTINUE;
        }
    }
    return 0;
}
