// SPDX-License-Identifier: MIT
/*
 * Typed calls to the hypervisor for the tools of a privileged domain: what libxc is to Xen's tools, with the
 * stock structures of Xen 4.17 (domctl and sysctl interface 0x15), so the same calls work on either
 * hypervisor.
 *
 * Every function returns 0, or a negative errno with *err naming the call, the domain and the cause; out
 * parameters are untouched on failure. Frames are 4 KiB; sizes in KiB say so in their name.
 */
#ifndef DOM0_CTL_H
#define DOM0_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/version.h>

#include <dom0/error.h>

/* ---- one domain (domctl) ---- */

/* Create a paused PVH domain without memory; the hypervisor picks the id. */
int ctl_domain_create(const uint8_t uuid[16], unsigned int max_vcpus, domid_t *domid, struct error *err);
/* Kill the domain and free all it has; comes back when it is gone. */
int ctl_domain_destroy(domid_t domid, struct error *err);
int ctl_domain_pause(domid_t domid, struct error *err);
int ctl_domain_unpause(domid_t domid, struct error *err);
/* -ESRCH if there is no domain @domid. */
int ctl_domain_info(domid_t domid, struct xen_domctl_getdomaininfo *info, struct error *err);
int ctl_domain_set_max_mem(domid_t domid, uint64_t max_kib, struct error *err);
/* Allocate the vCPUs; @max must be what the domain was created with. */
int ctl_domain_set_max_vcpus(domid_t domid, unsigned int max, struct error *err);
int ctl_domain_set_handle(domid_t domid, const uint8_t uuid[16], struct error *err);
/* Size of the pool that second-level page tables are allocated from. */
int ctl_domain_set_paging_mib(domid_t domid, unsigned int mib, struct error *err);
int ctl_vcpu_info(domid_t domid, unsigned int vcpu, struct xen_domctl_getvcpuinfo *info, struct error *err);
/* HVM save records, ending with END. @size is in: room, out: bytes written; a NULL buffer asks for the size.
 */
int ctl_hvm_context_get(domid_t domid, void *records, uint32_t *size, struct error *err);
int ctl_hvm_context_set(domid_t domid, const void *records, uint32_t size, struct error *err);
/* Mark the domain as shut down for @reason (SHUTDOWN_*) on the guest's behalf. */
int ctl_domain_shutdown(domid_t domid, unsigned int reason, struct error *err);

/* ---- its memory ---- */

/*
 * Give the domain @pages of fresh memory from @gfn on, in the largest extents that alignment and the heap
 * allow. On failure part of it may be there; the caller destroys the domain.
 */
int ctl_populate(domid_t domid, uint64_t gfn, uint64_t pages, struct error *err);

/* One line of the guest's memory map, laid out as BIOS interrupt 0x15 function 0xe820 gives it. */
struct e820_entry {
    uint64_t addr; /* bytes */
    uint64_t size; /* bytes */
    uint32_t type; /* XEN_HVM_MEMMAP_TYPE_* */
} __attribute__((packed));

/* What XENMEM_memory_map will tell the guest. */
int ctl_set_memory_map(domid_t domid, const struct e820_entry *map, unsigned int entries, struct error *err);

/* ---- its parameters and ports ---- */

int ctl_hvm_param_set(domid_t domid, uint32_t index, uint64_t value, struct error *err);
int ctl_hvm_param_get(domid_t domid, uint32_t index, uint64_t *value, struct error *err);
/* Allocate a port in @domid that this domain may bind to. */
int ctl_evtchn_alloc_unbound(domid_t domid, uint32_t *port, struct error *err);
/*
 * Write entries 0 (console) and 1 (store) of the domain's version-1 grant table, granting both frames to this
 * domain.
 */
int ctl_grant_seed(domid_t domid, uint64_t console_gfn, uint64_t store_gfn, struct error *err);

/* ---- the machine (sysctl, xen_version) ---- */

int ctl_physinfo(struct xen_sysctl_physinfo *info, struct error *err);
#define CTL_SPECULATION_MAX 128
/* The mitigations against speculation, as docs/speculation.md names them. */
int ctl_speculation(char text[CTL_SPECULATION_MAX], struct error *err);
/* Up to @max domains with id ≥ @first in ascending order; returns how many (≥ 0). */
int ctl_domain_list(domid_t first, unsigned int max, struct xen_domctl_getdomaininfo *infos,
                    struct error *err);
/* Idle time of each online CPU, up to @max; returns how many (≥ 0). */
int ctl_cpu_idle(struct xen_sysctl_cpuinfo *infos, unsigned int max, struct error *err);
/*
 * Read the hypervisor's log from *index on (0 at first). Returns the bytes put into @buffer (≥ 0) and
 * advances *index; 0 means the end is reached.
 */
int ctl_log_read(char *buffer, uint32_t size, uint32_t *index, struct error *err);
int ctl_log_clear(struct error *err);
/* Each letter of @keys asks for a report in that log. */
int ctl_debug_keys(const char *keys, struct error *err);

/* Everything `xl info` prints about the hypervisor's build. */
struct ctl_version {
    unsigned int major, minor;
    xen_extraversion_t extra;
    xen_compile_info_t compile;
    xen_capabilities_info_t capabilities;
    xen_changeset_info_t changeset;
    xen_commandline_t cmdline;
    uint64_t virt_start; /* first address of the hypervisor, as platform_parameters says it */
    uint32_t page_size;  /* bytes */
};

int ctl_version(struct ctl_version *version, struct error *err);

#endif
