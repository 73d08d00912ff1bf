// SPDX-License-Identifier: MIT
// Virtual cpus: creation, up and down, pausing, and what a guest sees of their time.

#include <hv/arch.h>
#include <hv/guest_access.h>
#include <hv/page_alloc.h>
#include <hv/sched.h>
#include <hv/slab.h>
#include <hv/string.h>

static void singleshot_expired(void *arg)
{
    evtchn_send_virq(arg, VIRQ_TIMER);
}

static void periodic_expired(void *arg)
{
    struct vcpu *v = arg;

    timer_set(&v->periodic, arch_now() + v->period_ns);
    evtchn_send_virq(v, VIRQ_TIMER);
}

static void poll_expired(void *arg)
{
    struct vcpu *v = arg;

    if (v->domain->evtchn.pollers & 1UL << v->id)
        vcpu_wake(v);
}

// Until it registers one of its own, a vcpu's vcpu_info is in shared_info, which has room for 32.
static bool has_private_info(const struct vcpu *v)
{
    return v->id >= XEN_LEGACY_MAX_VCPUS && !mfn_valid(v->info_area.mfn);
}

static int init_info(struct vcpu *v)
{
    v->info_area.mfn = MFN_INVALID;
    v->info = has_private_info(v) ? hv_alloc(sizeof(*v->info)) : &v->domain->shared_info->vcpu_info[v->id];
    if (!v->info)
        return -XEN_ENOMEM;
    vcpu_update_time(v);
    return 0;
}

static void release_info(struct vcpu *v)
{
    if (has_private_info(v))
        hv_free(v->info, sizeof(*v->info));
    else if (mfn_valid(v->info_area.mfn))
        page_put(v->info_area.mfn);
}

int vcpu_create(struct domain *d, unsigned id)
{
    if (id >= d->max_vcpus)
        return -XEN_EINVAL;
    if (d->vcpus[id])
        return -XEN_EEXIST;
    struct vcpu *v = hv_alloc(sizeof(*v));
    if (!v)
        return -XEN_ENOMEM;
    v->domain = d;
    v->id = id;
    v->flags = VCPU_DOWN;
    v->poll_port = -1;
    timer_init(&v->singleshot, singleshot_expired, v);
    timer_init(&v->periodic, periodic_expired, v);
    timer_init(&v->poll_timer, poll_expired, v);
    sched_init_vcpu(v);
    int rc = init_info(v);
    if (rc == 0 && (rc = arch_vcpu_create(v)) != 0)
        release_info(v);
    if (rc) {
        hv_free(v, sizeof(*v));
        return rc;
    }
    // Release: whoever finds the vcpu in the table finds it complete.
    __atomic_store_n(&d->vcpus[id], v, __ATOMIC_RELEASE);
    return 0;
}

void vcpu_destroy(struct vcpu *v)
{
    timer_stop(&v->singleshot);
    timer_stop(&v->periodic);
    timer_stop(&v->poll_timer);
    sched_destroy_vcpu(v);
    arch_vcpu_destroy(v);
    release_info(v);
    v->domain->vcpus[v->id] = NULL;
    hv_free(v, sizeof(*v));
}

struct vcpu *domain_vcpu(const struct domain *d, uint32_t id)
{
    return id < d->max_vcpus ? __atomic_load_n(&d->vcpus[id], __ATOMIC_ACQUIRE) : NULL;
}

bool vcpu_runnable(const struct vcpu *v)
{
    const struct domain *d = v->domain;

    return __atomic_load_n(&v->flags, __ATOMIC_RELAXED) == 0 && v->pause_count == 0 && d->pause_count == 0 &&
           !d->shutting_down && d->state == DOMAIN_LIVE;
}

void vcpu_up(struct vcpu *v)
{
    __atomic_fetch_and(&v->flags, ~VCPU_DOWN, __ATOMIC_SEQ_CST);
    vcpu_pause_changed(v);
}

static bool all_vcpus_down(const struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        const struct vcpu *v = domain_vcpu(d, i);

        if (v && !(__atomic_load_n(&v->flags, __ATOMIC_SEQ_CST) & VCPU_DOWN))
            return false;
    }
    return true;
}

void vcpu_down(struct vcpu *v)
{
    // Sequentially consistent: of two vcpus that go down together, at least one sees both down.
    __atomic_fetch_or(&v->flags, VCPU_DOWN, __ATOMIC_SEQ_CST);
    vcpu_pause_changed(v);
    if (all_vcpus_down(v->domain))
        domain_shutdown(v->domain, SHUTDOWN_poweroff);
}

void vcpu_pause(struct vcpu *v)
{
    __atomic_fetch_add(&v->pause_count, 1, __ATOMIC_SEQ_CST);
    vcpu_pause_changed(v);
}

void vcpu_unpause(struct vcpu *v)
{
    __atomic_fetch_sub(&v->pause_count, 1, __ATOMIC_SEQ_CST);
    vcpu_pause_changed(v);
}

bool vcpu_event_pending(const struct vcpu *v)
{
    return __atomic_load_n(&v->info->evtchn_upcall_pending, __ATOMIC_RELAXED) != 0;
}

void vcpu_set_runstate(struct vcpu *v, int state, uint64_t now)
{
    struct vcpu_runstate_info *runstate = &v->runstate;

    if (runstate->state == state)
        return;
    runstate->time[runstate->state] += now - runstate->state_entry_time;
    runstate->state_entry_time = now;
    runstate->state = state;
}

void vcpu_time_constants(struct vcpu_time_info *time)
{
    *time = (struct vcpu_time_info){
        .version = 2,
        .tsc_timestamp = arch_clock.tsc_timestamp,
        .system_time = arch_clock.system_time,
        .tsc_to_system_mul = arch_clock.mul,
        .tsc_shift = arch_clock.shift,
        .flags = arch_clock.tsc_stable ? XEN_PVCLOCK_TSC_STABLE_BIT : 0,
    };
}

void vcpu_update_time(struct vcpu *v)
{
    vcpu_time_constants(&v->info->time);
}

static void write_runstate(struct vcpu *v, size_t offset, const void *src, size_t n)
{
    // The guest chose the address; if nothing is there (any more), nobody misses the update.
    (void)copy_to_guest_vcpu(v, gva_add(v->runstate_gva, offset), src, n);
}

void vcpu_update_runstate_area(struct vcpu *v)
{
    const struct domain *d = v->domain;
    struct vcpu_runstate_info copy = v->runstate;
    // The update flag is for readers that run meanwhile, so a domain with one vcpu can do without.
    bool flag = (d->vm_assist & (1U << VMASST_TYPE_runstate_update_flag)) && d->max_vcpus > 1;

    if (!v->runstate_gva.va)
        return;
    if (flag) {
        copy.state_entry_time |= XEN_RUNSTATE_UPDATE;
        write_runstate(v, offsetof(struct vcpu_runstate_info, state_entry_time), &copy.state_entry_time,
                       sizeof(copy.state_entry_time));
        // The guest reads the entry time first and last: the other fields change only while it has the flag.
        __atomic_thread_fence(__ATOMIC_RELEASE);
    }
    write_runstate(v, 0, &copy, sizeof(copy));
    if (flag) {
        __atomic_thread_fence(__ATOMIC_RELEASE);
        write_runstate(v, offsetof(struct vcpu_runstate_info, state_entry_time),
                       &v->runstate.state_entry_time, sizeof(v->runstate.state_entry_time));
    }
}
