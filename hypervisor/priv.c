// SPDX-License-Identifier: MIT
// The table of privileges.

#include <hv/domain.h>
#include <hv/priv.h>

static const struct {
    uint32_t roles; // any one of these is enough
    bool self;      // everybody may do it to himself
} rules[PRIV_OP_COUNT] = {
    [PRIV_OP_DOMCTL] = {PRIV_CONTROL, false},
    [PRIV_OP_SYSCTL] = {PRIV_CONTROL, false},
    [PRIV_OP_FOREIGN_MAP] = {PRIV_CONTROL | PRIV_STORE, false},
    [PRIV_OP_FOREIGN_MEMORY] = {PRIV_CONTROL, true},
    [PRIV_OP_HVM_PARAM] = {PRIV_CONTROL, true},
    [PRIV_OP_FOREIGN_EVTCHN] = {PRIV_CONTROL, true},
    [PRIV_OP_FOREIGN_GRANT] = {PRIV_CONTROL, true},
    [PRIV_OP_REMOTE_SHUTDOWN] = {PRIV_CONTROL, false},
    [PRIV_OP_CONSOLE] = {PRIV_CONTROL, false},
    [PRIV_OP_GLOBAL_VIRQ] = {PRIV_CONTROL, false},
    [PRIV_OP_PHYSDEV] = {PRIV_HARDWARE, false},
    [PRIV_OP_PLATFORM] = {PRIV_HARDWARE, false},
};

int priv_check(const struct domain *caller, enum priv_op op, const struct domain *target)
{
    if ((caller->privileges & rules[op].roles) || (rules[op].self && caller == target))
        return 0;
    return -XEN_EPERM;
}
