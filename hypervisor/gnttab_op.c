// SPDX-License-Identifier: MIT
// HYPERVISOR_grant_table_op (public/grant_table.h): arrays of operations, each with a status of its own. A
// long array is continued with the pointer and the count moved on.

#include <hv/guest_access.h>
#include <hv/gnttab.h>
#include <hv/hypercall.h>
#include <hv/page_alloc.h>
#include <hv/domain.h>
#include <hv/softirq.h>

union gnttab_any {
    struct gnttab_map_grant_ref map;
    struct gnttab_unmap_grant_ref unmap;
    struct gnttab_copy copy;
    struct gnttab_setup_table setup;
    struct gnttab_query_size query;
    struct gnttab_set_version set_version;
    struct gnttab_get_version get_version;
};

// Runs one operation on the caller's behalf. 0, or -XEN_E* to end the whole hypercall.
typedef int gnttab_fn(struct vcpu *v, union gnttab_any *op);

static int op_map(struct vcpu *v, union gnttab_any *op)
{
    gnttab_map(v->domain, &op->map);
    return 0;
}

static int op_unmap(struct vcpu *v, union gnttab_any *op)
{
    gnttab_unmap(v->domain, &op->unmap);
    return 0;
}

static int op_copy(struct vcpu *v, union gnttab_any *op)
{
    gnttab_copy(v->domain, &op->copy);
    return 0;
}

// The referenced domain whose table the caller may look after, or NULL with *status set.
static struct domain *table_owner(struct vcpu *v, domid_t domid, int16_t *status)
{
    struct domain *d = domain_lookup(domid);

    *status = !d                                                ? GNTST_bad_domain
              : priv_check(v->domain, PRIV_OP_FOREIGN_GRANT, d) ? GNTST_permission_denied
                                                                : GNTST_okay;
    if (*status == GNTST_okay || !d)
        return d;
    domain_put(d);
    return NULL;
}

// A translated guest finds its frames through XENMAPSPACE_grant_table: the list says only that they exist.
static int op_setup(struct vcpu *v, union gnttab_any *op)
{
    const xen_pfn_t not_mapped = ~0UL;
    struct domain *d = table_owner(v, op->setup.dom, &op->setup.status);
    int rc = 0;
    mfn_t mfn;

    if (!d)
        return 0;
    if (op->setup.nr_frames > d->gnttab.max_frames ||
        (op->setup.nr_frames && gnttab_get_frame(d, op->setup.nr_frames - 1, &mfn)))
        op->setup.status = GNTST_general_error;
    for (uint32_t i = 0; rc == 0 && op->setup.status == GNTST_okay && i < op->setup.nr_frames; i++)
        rc = copy_to_guest(guest_elem(HANDLE_GVA(op->setup.frame_list), i, sizeof(not_mapped)), &not_mapped,
                           sizeof(not_mapped));
    domain_put(d);
    return rc;
}

static int op_query(struct vcpu *v, union gnttab_any *op)
{
    struct domain *d = table_owner(v, op->query.dom, &op->query.status);

    if (d) {
        op->query.nr_frames = d->gnttab.nr_frames;
        op->query.max_nr_frames = d->gnttab.max_frames;
        domain_put(d);
    }
    return 0;
}

static int op_set_version(struct vcpu *v, union gnttab_any *op)
{
    (void)v;
    uint32_t asked = op->set_version.version;
    op->set_version.version = 1;
    return asked == 1 ? 0 : asked == 2 ? -XEN_ENOSYS : -XEN_EINVAL;
}

static int op_get_version(struct vcpu *v, union gnttab_any *op)
{
    int16_t status;
    struct domain *d = table_owner(v, op->get_version.dom, &status);

    if (!d)
        return status == GNTST_bad_domain ? -XEN_ESRCH : -XEN_EPERM;
    op->get_version.version = 1;
    domain_put(d);
    return 0;
}

static const struct {
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

long do_grant_table_op(struct vcpu *v, struct hypercall *call)
{
    uint64_t cmd = call->args[0];
    uint32_t count = call->args[2];
    gva_t at = GVA(call->args[1]);
    union gnttab_any op;

    if (cmd >= ARRAY_SIZE(ops) || !ops[cmd].fn)
        return -XEN_ENOSYS;
    if (count > INT32_MAX || (ops[cmd].single && count != 1))
        return -XEN_EINVAL;
    for (size_t size = ops[cmd].size; count > 0; count--, at = gva_add(at, size)) {
        if (copy_from_guest(&op, at, size))
            return -XEN_EFAULT;
        int rc = ops[cmd].fn(v, &op);
        if (copy_to_guest(at, &op, size))
            return -XEN_EFAULT;
        if (rc)
            return rc;
        if (count > 1 && preempt_check()) {
            call->args[1] = at.va + size;
            call->args[2] = count - 1;
            return HYPERCALL_CONTINUE;
        }
    }
    return 0;
}
