// SPDX-License-Identifier: MIT
/* Which of a domain's on_* settings applies to a shutdown. */
#include <stdint.h>

#include <dom0/toolstack.h>

enum domain_action toolstack_policy(const struct domain_settings *settings, int reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff: return settings->on_poweroff;
    case SHUTDOWN_reboot: return settings->on_reboot;
    case SHUTDOWN_suspend:
        /* Somebody who asked it to suspend will resume it. */
        return ACTION_PRESERVE;
    default:
        /* Crash, watchdog, and reasons nobody has defined yet. */
        return settings->on_crash;
    }
}
