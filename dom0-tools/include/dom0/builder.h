// SPDX-License-Identifier: MIT
/*
 * The PVH domain builder: from a kernel image in memory to a paused domain that is ready to run.
 *
 * The builder makes the domain, gives it memory, loads kernel, initrd, start_info and ACPI tables, and sets
 * the first vCPU to the kernel's PVH entry point. It leaves to its caller, in this order:
 *   1. the XenStore entries of the domain (with the ports and frames of struct built_domain);
 *   2. XS_INTRODUCE(domid, store_gfn, store_evtchn) to the store, and the console to the console daemon;
 *   3. ctl_domain_unpause().
 * A caller that fails in between destroys the domain with ctl_domain_destroy().
 */
#ifndef DOM0_BUILDER_H
#define DOM0_BUILDER_H

#include <stddef.h>
#include <stdint.h>

#include <dom0/error.h>

/* A file in dom0's memory, e.g. a boot module. The builder only reads it, and only during domain_build(). */
struct image_file {
    const char *name; /* for messages, e.g. "/files/vmlinuz" */
    const void *data; /* NULL: no such file */
    size_t size;      /* bytes */
};

struct domain_config {
    uint8_t uuid[16];          /* the domain's handle, first byte of the text form first */
    struct image_file kernel;  /* bzImage or ELF with XEN_ELFNOTE_PHYS32_ENTRY */
    struct image_file ramdisk; /* optional; handed over as it is, as module 0 */
    const char *cmdline;       /* the kernel's command line; NULL is "" */
    uint64_t memory_kib;       /* RAM at start, rounded down to whole pages */
    uint64_t maxmem_kib;       /* what the balloon may grow to; 0 or less than memory_kib means memory_kib */
    unsigned int vcpus;        /* vCPUs online at start, 1 … max_vcpus */
    unsigned int max_vcpus;    /* 1 … BUILDER_MAX_VCPUS; 0 means vcpus */
};

/* APIC id = 2 × vCPU must stay below the broadcast id 255 of the MADT's 8-bit LAPIC entries. */
#define BUILDER_MAX_VCPUS 127u

/* Both may be NULL. They run in the builder's thread, between chunks of work of a few milliseconds. */
struct build_hooks {
    /* @done of @total bytes of kernel and initrd are in the guest's memory; done == total comes last. */
    void (*progress)(void *ctx, uint64_t done, uint64_t total);
    /* Lets other threads run; dom0's tools pass thread_yield(). */
    void (*yield)(void *ctx);
    void *ctx;
};

/* What the caller needs to announce the domain. Ports are the guest's ports, unbound, for this domain to
 * connect to. */
struct built_domain {
    uint16_t domid;
    uint32_t store_evtchn;
    uint32_t console_evtchn;
    uint64_t store_gfn;
    uint64_t console_gfn;
    uint64_t entry; /* physical address of the kernel's entry point */
};

/*
 * Build a domain from *config. Returns 0 and fills *out: the domain exists, is paused, and has one pause
 * count of the tools. Otherwise returns a negative errno, *err says what was wrong with which file or
 * setting, and the half-built domain is gone with its memory. @hooks may be NULL.
 */
int domain_build(const struct domain_config *config, const struct build_hooks *hooks,
                 struct built_domain *out, struct error *err);

#endif
