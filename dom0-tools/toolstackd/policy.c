// SPDX-License-Identifier: MIT
/* What a shutdown reason means, and which of a domain's on_* settings applies to it. */
#include <stdint.h>

#include <dom0/toolstack.h>

bool toolstack_is_crash(int reason)
{
    /* Reasons nobody has defined yet are no better than a crash. */
    return reason != NOT_SHUT_DOWN && reason != SHUTDOWN_poweroff && reason != SHUTDOWN_reboot &&
           reason != SHUTDOWN_suspend;
}

enum domain_action toolstack_policy(const struct domain_settings *settings, int reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff: return settings->on_poweroff;
    case SHUTDOWN_reboot: return settings->on_reboot;
    case SHUTDOWN_suspend:
        /* Somebody who asked it to suspend will resume it. */
        return ACTION_PRESERVE;
    default: return settings->on_crash;
    }
}
