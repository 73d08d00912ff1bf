// SPDX-License-Identifier: MIT
#include "faults.h"

#include <hv/lock.h>
#include <hv/page_alloc.h>
#include <hv/slab.h>
#include <hv/softirq.h>

unsigned faults_preempted;

static unsigned allocations_left, preempt_every, checks;
static bool failed;

void *__real_hv_alloc(size_t size);
mfn_t __real_page_alloc(unsigned order, unsigned flags);
mfn_t __real_page_alloc_domain(struct domain *d, unsigned order, unsigned flags);
bool __real_preempt_check(void);

void *__wrap_hv_alloc(size_t size);
mfn_t __wrap_page_alloc(unsigned order, unsigned flags);
mfn_t __wrap_page_alloc_domain(struct domain *d, unsigned order, unsigned flags);
bool __wrap_preempt_check(void);

void faults_fail_allocation(unsigned n)
{
    allocations_left = n;
    failed = false;
}

bool faults_allocation_failed(void)
{
    return failed;
}

static bool fail_now(void)
{
    if (allocations_left == 0 || --allocations_left > 0)
        return false;
    failed = true;
    return true;
}

void *__wrap_hv_alloc(size_t size)
{
    return fail_now() ? NULL : __real_hv_alloc(size);
}

mfn_t __wrap_page_alloc(unsigned order, unsigned flags)
{
    return fail_now() ? MFN_INVALID : __real_page_alloc(order, flags);
}

mfn_t __wrap_page_alloc_domain(struct domain *d, unsigned order, unsigned flags)
{
    return fail_now() ? MFN_INVALID : __real_page_alloc_domain(d, order, flags);
}

void faults_preempt_every(unsigned n)
{
    preempt_every = n;
    checks = faults_preempted = 0;
}

bool __wrap_preempt_check(void)
{
    static struct spinlock before_all = SPINLOCK(LOCK_NONE);

    spin_lock(&before_all); // panics if any other is held
    spin_unlock(&before_all);
    bool preempt = __real_preempt_check();
    if (preempt_every && ++checks % preempt_every == 0) {
        faults_preempted++;
        preempt = true;
    }
    return preempt;
}
