// SPDX-License-Identifier: MIT
/* xl info: one field per line, named as in the original; each is collected once and printed as text or JSON.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <dom0/json.h>

#include "xl_commands.h"

struct report {
    const char *only; /* print just this field's value; NULL: all */
    struct json *json;
    bool found;
};

__attribute__((format(printf, 3, 4))) static void field(struct report *r, const char *name,
                                                        const char *format, ...)
{
    char value[1100]; /* the hypervisor's command line has up to 1 KiB */
    va_list args;

    if (r->only && strcmp(r->only, name))
        return;
    r->found = true;
    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    if (r->json)
        json_string(r->json, name, value);
    else if (r->only)
        printf("%s\n", value);
    else
        printf("%-22s : %s\n", name, value);
}

/* A field that is a number in JSON, too. */
static void number(struct report *r, const char *name, uint64_t value)
{
    if (r->json && (!r->only || !strcmp(r->only, name))) {
        r->found = true;
        json_number(r->json, name, value);
    } else {
        field(r, name, "%llu", (unsigned long long)value);
    }
}

static void report_machine(struct report *r, const struct xen_sysctl_physinfo *p)
{
    field(r, "host", "proxenos");
    field(r, "machine", "x86_64");
    number(r, "nr_cpus", p->nr_cpus);
    number(r, "max_cpu_id", p->max_cpu_id);
    number(r, "nr_nodes", p->nr_nodes);
    number(r, "cores_per_socket", p->cores_per_socket);
    number(r, "threads_per_core", p->threads_per_core);
    field(r, "cpu_mhz", "%u.%03u", p->cpu_khz / 1000, p->cpu_khz % 1000);
    field(r, "hw_caps", "%08x:%08x:%08x:%08x:%08x:%08x:%08x:%08x", p->hw_cap[0], p->hw_cap[1], p->hw_cap[2],
          p->hw_cap[3], p->hw_cap[4], p->hw_cap[5], p->hw_cap[6], p->hw_cap[7]);
    field(r, "virt_caps", "%s%s%s", p->capabilities & XEN_SYSCTL_PHYSCAP_hvm ? "hvm" : "",
          p->capabilities & XEN_SYSCTL_PHYSCAP_directio ? " hvm_directio" : "",
          p->capabilities & XEN_SYSCTL_PHYSCAP_hap ? " hap" : "");
    number(r, "total_memory", p->total_pages >> 8);
    number(r, "free_memory", (p->free_pages - p->outstanding_pages) >> 8);
    number(r, "sharing_freed_memory", 0);
    number(r, "sharing_used_memory", 0);
    number(r, "outstanding_claims", p->outstanding_pages >> 8);
    number(r, "free_cpus", 0);
}

static void report_hypervisor(struct report *r, const struct ctl_version *v, const char *speculation)
{
    number(r, "xen_major", v->major);
    number(r, "xen_minor", v->minor);
    field(r, "xen_extra", "%s", v->extra);
    field(r, "xen_version", "%u.%u%s", v->major, v->minor, v->extra);
    field(r, "xen_caps", "%s", v->capabilities);
    number(r, "xen_pagesize", v->page_size);
    field(r, "platform_params", "virt_start=0x%llx", (unsigned long long)v->virt_start);
    field(r, "xen_changeset", "%s", v->changeset);
    field(r, "xen_commandline", "%s", v->cmdline);
    field(r, "speculation", "%s", speculation); /* not in the original */
    field(r, "cc_compiler", "%s", v->compile.compiler);
    field(r, "cc_compile_by", "%s", v->compile.compile_by);
    field(r, "cc_compile_domain", "%s", v->compile.compile_domain);
    field(r, "cc_compile_date", "%s", v->compile.compile_date);
    number(r, "xend_config_format", 4);
}

int xl_info(const struct xl_args *args)
{
    struct xen_sysctl_physinfo physinfo;
    struct ctl_version version;
    char speculation[CTL_SPECULATION_MAX];
    struct json json;
    struct report report = {.only = args->argc ? args->argv[0] : NULL};
    struct error err;

    if (ctl_physinfo(&physinfo, &err) || ctl_version(&version, &err) || ctl_speculation(speculation, &err))
        return xl_fail(args, &err);
    if (xl_given(args, "json")) {
        report.json = &json;
        json_init(&json, stdout);
        json_begin_object(&json, NULL);
    }
    report_machine(&report, &physinfo);
    report_hypervisor(&report, &version, speculation);
    if (report.json)
        json_end_object(&json);
    if (report.found)
        return 0;
    fprintf(stderr, "xl info: there is no field '%s'\n", report.only);
    return 1;
}
