// SPDX-License-Identifier: MIT
/*
 * Range checks and writes on the guest's memory, on top of the map and unmap hooks.
 */
#include <string.h>

#include <dom0/builder_memory.h>

/* Pages mapped at once: enough to share a hypercall's cost, few enough to leave the mapping window to others.
 */
#define WRITE_BATCH_PAGES 256u

bool guest_memory_has(const struct guest_memory *memory, uint64_t gpa, uint64_t size)
{
    if (gpa < memory->low_end)
        return size <= memory->low_end - gpa;
    return gpa >= GUEST_4GIB && gpa < memory->high_end && size <= memory->high_end - gpa;
}

int guest_memory_write(struct guest_memory *memory, uint64_t gpa, const void *data, size_t size,
                       struct error *err)
{
    const uint8_t *from = data;

    while (size) {
        size_t offset = gpa & (GUEST_PAGE_SIZE - 1);
        size_t piece = WRITE_BATCH_PAGES * GUEST_PAGE_SIZE - offset;
        size_t pages;
        uint8_t *window;

        if (piece > size)
            piece = size;
        pages = (offset + piece + GUEST_PAGE_SIZE - 1) >> GUEST_PAGE_SHIFT;
        window = memory->map(memory, gpa >> GUEST_PAGE_SHIFT, pages, err);
        if (!window)
            return err->code;
        memcpy(window + offset, from, piece);
        memory->unmap(memory, window, pages);
        gpa += piece;
        from += piece;
        size -= piece;
    }
    return 0;
}
