// SPDX-License-Identifier: MIT
// Any bytes as the boot loader's memory: the parser stays inside them, ends, and leaves a map that is in
// order.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <asm/multiboot.h>

static struct boot_info info;

static void check_map(void)
{
    for (unsigned i = 0; i < info.nr_regions; i++) {
        const struct mem_region *r = &info.regions[i];

        if (r->start >= r->end || (i > 0 && info.regions[i - 1].end > r->start))
            abort();
        if (r->type == MEM_RAM && (r->start | r->end) % PAGE_SIZE != 0)
            abort();
    }
}

static void check_modules(void)
{
    for (unsigned i = 0; i < info.nr_modules; i++) {
        const char *text = info.modules[i].cmdline;

        if (text < info.strings || text + strlen(text) >= info.strings + sizeof(info.strings))
            abort();
    }
}

// The first byte chooses the protocol; the loader's information begins at address 0 of the rest.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct boot_screen screen;

    if (size < 1)
        return 0;
    const struct boot_memory mem = {data + 1, size - 1};
    multiboot_parse(&mem, data[0] & 1 ? 0x36d76289 : 0x2badb002, 0, &info, &screen);
    check_map();
    check_modules();
    return 0;
}
