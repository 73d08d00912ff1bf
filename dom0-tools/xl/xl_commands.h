// SPDX-License-Identifier: MIT
/* The functions behind xl's command table, and what they share. */
#ifndef XL_COMMANDS_H
#define XL_COMMANDS_H

#include <stdint.h>

#include <xen/xen.h>

#include <dom0/ctl.h>
#include <dom0/error.h>
#include <dom0/toolstack.h>
#include <dom0/xl.h>

int xl_create(const struct xl_args *args);
int xl_list(const struct xl_args *args);
int xl_info(const struct xl_args *args);
int xl_console(const struct xl_args *args);
int xl_pause(const struct xl_args *args);
int xl_unpause(const struct xl_args *args);
int xl_shutdown(const struct xl_args *args);
int xl_reboot(const struct xl_args *args);
int xl_destroy(const struct xl_args *args);
int xl_domid(const struct xl_args *args);
int xl_domname(const struct xl_args *args);
int xl_rename(const struct xl_args *args);
int xl_dmesg(const struct xl_args *args);
int xl_debug_keys(const struct xl_args *args);
int xl_uptime(const struct xl_args *args);
int xl_help(const struct xl_args *args);

/* Say on stderr why a command failed; returns its exit status. */
int xl_fail(const struct xl_args *args, const struct error *err);

/* Show the console of `record` until the person leaves or the domain is gone; the exit status of that. */
int xl_show_console(const struct xl_args *args, struct domain_record *record, bool from_start);

/* One row of `xl list`, without its newline: the columns and widths of the original. */
#define XL_LIST_HEADER  "Name                                        ID   Mem VCPUs\tState\tTime(s)"
#define XL_LIST_ROW_MAX 160
void xl_format_row(char row[XL_LIST_ROW_MAX], const char *name, const struct xen_domctl_getdomaininfo *info);

/* "1 day,  2:03:04", as xl uptime shows a duration in seconds; without the seconds if `brief`. */
#define XL_UPTIME_MAX 48
void xl_format_uptime(char text[XL_UPTIME_MAX], uint64_t seconds, bool brief);

#endif
