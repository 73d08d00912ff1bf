// SPDX-License-Identifier: MIT
/*
 * What dom0 itself holds, counted where it really is: malloc's own figures, the hypervisor's view of our
 * event channels. Guests come and go; when the last one is gone, these have to be what they were.
 */
#include <malloc.h>
#include <stdint.h>
#include <string.h>

#include <guest/hypercall.h>
#include <guest/mem.h>

#include <xen/event_channel.h>

#include <dom0/ctl.h>
#include <dom0/resources.h>
#include <dom0/xenstored.h>

/* Bytes in allocations. newlib 4's malloc fills in ints where its <malloc.h> declares size_t. */
static uint64_t heap_used(void)
{
    enum { UORDBLKS = 7 };
    struct mallinfo info = mallinfo();
    unsigned int fields[10];

    _Static_assert(sizeof(info) == sizeof(fields) * 2, "mallinfo's declaration is as wrong as it was");
    memcpy(fields, &info, sizeof(fields));
    return fields[UORDBLKS];
}

/* All ports that are not closed; behind the last there is an error. */
static uint64_t count_event_ports(void)
{
    struct evtchn_status op = {.dom = DOMID_SELF, .port = 1};
    uint64_t count = 0;

    for (; !HYPERVISOR_event_channel_op(EVTCHNOP_status, &op); op.port++)
        count += op.status != EVTCHNSTAT_closed;
    return count;
}

int resources_count(struct resources *resources, struct error *err)
{
    struct xen_sysctl_physinfo machine;
    struct mem_info memory;
    int rc = ctl_physinfo(&machine, err);

    if (rc)
        return rc;
    mem_info(&memory);
    *resources = (struct resources){
        .machine_free = machine.free_pages * PAGE_SIZE,
        .free = memory.free,
        .heap = memory.heap,
        .heap_used = heap_used(),
        .window = memory.window,
        .event_ports = count_event_ports(),
        .store_nodes = xs_store_usage(xenstored_store(), 0, XS_QUOTA_NODES),
    };
    return 0;
}
