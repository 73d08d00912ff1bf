// SPDX-License-Identifier: MIT
// HYPERVISOR_vcpu_op (public/vcpu.h) and HYPERVISOR_vm_assist.

#include <hv/arch.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>
#include <hv/page_alloc.h>
#include <hv/slab.h>
#include <hv/string.h>

#define MIN_PERIOD_NS 1000000UL // as in Xen: a faster periodic timer would keep the cpu busy for nothing

_Static_assert(sizeof(struct vcpu_info) == 64, "as the guest knows it");
_Static_assert(sizeof(struct vcpu_time_info) == 32, "as the guest knows it");
_Static_assert(sizeof(struct vcpu_runstate_info) == 48, "as the guest knows it");

// The vcpu's info moves from shared_info into a page of the guest's own, once and for all.
static void move_info(struct vcpu *v, mfn_t mfn, uint32_t offset)
{
    struct vcpu_info *old = v->info;

    v->info_area.virt = (char *)mfn_to_virt(mfn) + offset;
    memcpy(v->info_area.virt, old, sizeof(*old));
    v->info_area.mfn = mfn;
    v->info = v->info_area.virt;
    vcpu_update_time(v);
    if (v->id >= XEN_LEGACY_MAX_VCPUS)
        hv_free(old, sizeof(*old));
    // An event may have been noted in the old place meanwhile: make the guest look at all ports.
    v->info->evtchn_pending_sel = ~0UL;
    __atomic_store_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
    vcpu_wake(v);
    arch_vcpu_kick(v);
}

static long op_register_vcpu_info(struct vcpu *v, gva_t arg)
{
    struct vcpu_register_vcpu_info op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (op.offset > PAGE_SIZE - sizeof(struct vcpu_info) || mfn_valid(v->info_area.mfn))
        return -XEN_EINVAL;
    // Its fields are changed with locked instructions.
    if (op.offset % sizeof(uint64_t))
        return -XEN_ENXIO;
    // Nobody may be using the old place: only the vcpu itself, or one that is down.
    if (v != current_vcpu() && !(v->flags & VCPU_DOWN))
        return -XEN_EINVAL;
    mfn_t mfn = p2m_get_page(v->domain, GFN(op.mfn), true);
    if (!mfn_valid(mfn))
        return -XEN_EINVAL;
    move_info(v, mfn, op.offset);
    return 0;
}

static long op_register_runstate(struct vcpu *v, gva_t arg)
{
    struct vcpu_register_runstate_memory_area op;
    struct vcpu_runstate_info now = v->runstate;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (op.addr.p && copy_to_guest(GVA(op.addr.p), &now, sizeof(now)))
        return -XEN_EFAULT;
    v->runstate_gva = GVA(op.addr.p);
    return 0;
}

// The time constants never change, so they are written once, here.
static long op_register_time(gva_t arg)
{
    struct vcpu_register_time_memory_area op;
    struct vcpu_time_info time;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    vcpu_time_constants(&time);
    return copy_to_guest(GVA(op.addr.p), &time, sizeof(time));
}

static long op_get_runstate(const struct vcpu *v, gva_t arg)
{
    struct vcpu_runstate_info info = v->runstate;

    // Up to date, as Xen has it: the time in the present state counts.
    info.time[info.state] += arch_now() - info.state_entry_time;
    return copy_to_guest(arg, &info, sizeof(info));
}

static long op_set_periodic(struct vcpu *v, gva_t arg)
{
    struct vcpu_set_periodic_timer op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (op.period_ns < MIN_PERIOD_NS || op.period_ns > INT64_MAX)
        return -XEN_EINVAL;
    v->period_ns = op.period_ns;
    timer_set(&v->periodic, arch_now() + op.period_ns);
    return 0;
}

static long op_set_singleshot(struct vcpu *v, gva_t arg)
{
    struct vcpu_set_singleshot_timer op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if ((op.flags & VCPU_SSHOTTMR_future) && op.timeout_abs_ns < arch_now())
        return -XEN_ETIME;
    timer_set(&v->singleshot, op.timeout_abs_ns);
    return 0;
}

// A vcpu sets its own timers only: they run on the cpu it runs on.
static long timer_op(uint32_t cmd, struct vcpu *v, gva_t arg)
{
    if (v != current_vcpu())
        return -XEN_EINVAL;
    switch (cmd) {
    case VCPUOP_set_periodic_timer: return op_set_periodic(v, arg);
    case VCPUOP_stop_periodic_timer: timer_stop(&v->periodic); return 0;
    case VCPUOP_set_singleshot_timer: return op_set_singleshot(v, arg);
    default: timer_stop(&v->singleshot); return 0;
    }
}

static long op_up(struct vcpu *v)
{
    if (!v->initialised)
        return -XEN_EINVAL;
    vcpu_up(v);
    return 0;
}

static long op_initialise(struct vcpu *v, gva_t arg)
{
    return v->initialised ? -XEN_EEXIST : arch_vcpu_initialise(v, arg);
}

// args: sub-operation, vcpu, pointer to the operation's structure.
long do_vcpu_op(struct vcpu *caller, struct hypercall *call)
{
    uint32_t cmd = call->args[0];
    struct vcpu *v = domain_vcpu(caller->domain, call->args[1]);
    gva_t arg = GVA(call->args[2]);

    if (!v)
        return -XEN_ENOENT;
    switch (cmd) {
    case VCPUOP_initialise: return op_initialise(v, arg);
    case VCPUOP_up: return op_up(v);
    case VCPUOP_down: vcpu_down(v); return 0;
    case VCPUOP_is_up: return !(v->flags & VCPU_DOWN);
    case VCPUOP_get_runstate_info: return op_get_runstate(v, arg);
    case VCPUOP_register_runstate_memory_area: return op_register_runstate(v, arg);
    case VCPUOP_set_periodic_timer:
    case VCPUOP_stop_periodic_timer:
    case VCPUOP_set_singleshot_timer:
    case VCPUOP_stop_singleshot_timer: return timer_op(cmd, v, arg);
    case VCPUOP_register_vcpu_info: return op_register_vcpu_info(v, arg);
    case VCPUOP_register_vcpu_time_memory_area: return op_register_time(arg);
    default: return -XEN_ENOSYS; // send_nmi, get_physid
    }
}

// args: enable or disable, which. The only assist that is not about PV page tables or segments is runstate
// updates.
long do_vm_assist(struct vcpu *v, struct hypercall *call)
{
    struct domain *d = v->domain;
    uint32_t cmd = call->args[0], type = call->args[1];

    if (type != VMASST_TYPE_runstate_update_flag)
        return -XEN_EINVAL;
    switch (cmd) {
    case VMASST_CMD_enable: __atomic_fetch_or(&d->vm_assist, 1U << type, __ATOMIC_RELAXED); return 0;
    case VMASST_CMD_disable: __atomic_fetch_and(&d->vm_assist, ~(1U << type), __ATOMIC_RELAXED); return 0;
    default: return -XEN_ENOSYS;
    }
}
