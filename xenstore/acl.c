// SPDX-License-Identifier: MIT
/* Permission lists: sharing, checking, and their text form; see acl.h. */
#include "acl.h"

#include <stdlib.h>
#include <string.h>

#include <xen/xen.h>

#include "conn.h"
#include "domain.h"
#include "internal.h"

struct xs_acl *xs_acl_new(struct xs_store *store, const struct xs_perm *entries, size_t count)
{
    struct xs_domain *owner = xs_domain_get(store, entries[0].domid);
    struct xs_acl *acl = owner ? malloc(sizeof(*acl) + count * sizeof(entries[0])) : NULL;

    if (!acl)
        return NULL;
    *acl = (struct xs_acl){
        .refs = 1,
        .count = (uint32_t)count,
        .gen = ++store->gen,
        .store = store,
        .owner = owner,
    };
    memcpy(acl->entries, entries, count * sizeof(entries[0]));
    return acl;
}

struct xs_acl *xs_acl_ref(struct xs_acl *acl)
{
    acl->refs++;
    return acl;
}

void xs_acl_put(struct xs_acl *acl)
{
    if (acl && !--acl->refs)
        free(acl);
}

static bool names_the_dead(const struct xs_acl *acl, uint32_t index)
{
    const struct xs_domain *domain = xs_domain_find(acl->store, acl->entries[index].domid);

    return domain && domain->death_gen >= acl->gen;
}

bool xs_acl_is_void(const struct xs_acl *acl, uint32_t index)
{
    return index && names_the_dead(acl, index);
}

bool xs_acl_equals(const struct xs_acl *acl, const struct xs_perm *entries, size_t count)
{
    if (acl->count != count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (acl->entries[i].domid != entries[i].domid || acl->entries[i].access != entries[i].access ||
            names_the_dead(acl, i))
            return false;
    }
    return true;
}

struct xs_acl *xs_acl_inherit(struct xs_acl *parent, const struct xs_conn *conn)
{
    struct xs_acl *acl;
    uint32_t count = 1;

    if (!conn || conn->privileged || parent->owner == conn->domain)
        return xs_acl_ref(parent);
    acl = xs_acl_new(parent->store, parent->entries, parent->count);
    if (!acl)
        return NULL;
    acl->owner = conn->domain;
    acl->entries[0].domid = conn->domain->domid;
    /* The copy is younger than the deaths that made entries void: they must not come back to life. */
    for (uint32_t i = 1; i < parent->count; i++) {
        if (!xs_acl_is_void(parent, i))
            acl->entries[count++] = parent->entries[i];
    }
    acl->count = count;
    return acl;
}

static unsigned int letter_access(char access)
{
    switch (access) {
    case 'r': return XS_ACCESS_READ;
    case 'w': return XS_ACCESS_WRITE;
    case 'b': return XS_ACCESS_READ | XS_ACCESS_WRITE;
    default: return 0;
    }
}

unsigned int xs_acl_access(const struct xs_acl *acl, const struct xs_conn *conn)
{
    const struct xs_domain *target;

    if (!conn || conn->privileged)
        return XS_ACCESS_ALL;
    target = conn->domain->state.target;
    if (acl->owner == conn->domain || (target && acl->owner == target))
        return XS_ACCESS_ALL;
    for (uint32_t i = 1; i < acl->count; i++) {
        uint16_t domid = acl->entries[i].domid;

        if ((domid == conn->domain->domid || (target && domid == target->domid)) && !xs_acl_is_void(acl, i))
            return letter_access(acl->entries[i].access);
    }
    return letter_access(acl->entries[0].access);
}

size_t xs_acl_parse(const char *text, size_t len, struct xs_perm entries[XS_ACL_ENTRIES_MAX])
{
    const char *end = text + len;
    size_t count = 0;

    while (text < end) {
        size_t size = strnlen(text, (size_t)(end - text)) + 1;
        uint64_t domid;

        if (count == XS_ACL_ENTRIES_MAX || text + size > end || !text[0] || !strchr("nrwb", text[0]) ||
            !xs_parse_number(text + 1, DOMID_FIRST_RESERVED - 1, &domid))
            return 0;
        entries[count++] = (struct xs_perm){.domid = (uint16_t)domid, .access = text[0]};
        text += size;
    }
    return count;
}

size_t xs_acl_print(const struct xs_acl *acl, char *text, size_t size)
{
    size_t used = 0;

    for (uint32_t i = 0; i < acl->count; i++) {
        if (xs_acl_is_void(acl, i))
            continue;

        int len = snprintf(text + used, size - used, "%c%u", acl->entries[i].access, acl->entries[i].domid);

        used += (size_t)len + 1;
        if (used > size)
            return 0;
    }
    return used;
}
