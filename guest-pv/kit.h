// SPDX-License-Identifier: MIT
//
// What the kit's files know of each other. Start-up order (start.c): traps, paging, pages, events, time,
// console, threads; each *_init may use those before it.
#ifndef GUEST_KIT_H
#define GUEST_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>

// guest.lds and entry.S
extern char guest_image_start[], guest_text_end[], guest_rodata_end[], guest_image_end[];
extern uint64_t guest_pml4[512];
extern uint64_t guest_gdt[5];

// trap.c
void trap_init(void);
#define VECTOR_UPCALL 0xf3

// paging.c
void paging_init(void);
int paging_map_page(uint64_t va, uint64_t pa); // read-write, not executable; 0 or -ENOMEM
uint64_t paging_unmap_page(uint64_t va);       // returns the address that was mapped, INVALID_GFN if none
uint64_t paging_translate(uint64_t va);        // guest-physical address, INVALID_GFN if not mapped
unsigned paging_physical_bits(void);

// page_alloc.c
void page_alloc_init(const struct hvm_start_info *info);

// heap.c
uint64_t heap_move_end(int64_t by); // sbrk: the end before, or 0 when memory lacks
uint64_t heap_size(void);           // bytes backed by pages

// gfn_window.c
void gfn_window_init(const struct hvm_start_info *info);
uint64_t gfn_window_size_taken(void); // bytes

// Windows of virtual addresses in the upper half, each a root entry of its own.
#define HEAP_WINDOW      UINT64_C(0xffff800000000000)
#define HEAP_WINDOW_SIZE (UINT64_C(1) << 39)
#define STACK_WINDOW     UINT64_C(0xffff808000000000)

// bitmap.c: bit n of word n / 64 is set when item n is taken.
#define BITMAP_WORDS(bits) (((bits) + 63) / 64)
// First run of `count` clear bits at or after *hint, else from the start; marked taken, *hint moved behind
// it. Returns `bits` when there is none.
size_t bitmap_take(uint64_t *map, size_t bits, size_t count, size_t *hint);
void bitmap_set(uint64_t *map, size_t first, size_t count);
// Gives a run back; the next search starts there, so that low items are used again before high ones.
void bitmap_give(uint64_t *map, size_t first, size_t count, size_t *hint);

// start.c
void guest_start(const struct hvm_start_info *info) __attribute__((noreturn));

// args.c: splits a command line in place; argv[0] is `program`. Returns argc.
int args_split(char *line, const char *program, char **argv, int max);

// module.c
void module_init(const struct hvm_start_info *info);

// event.c
void event_init(void);
bool event_any_pending(void);
extern struct vcpu_info *event_vcpu_info; // in shared_info until a program registers its own place

// time.c
void time_init(void);
void time_arm(uint64_t deadline); // the vCPU's single-shot timer

// console.c
void console_init(void);

// thread.c
void thread_init(void (*main_fn)(void *)) __attribute__((noreturn));
void thread_enter_handler(void);
void thread_leave_handler(void);
bool thread_may_block(void); // not in event handlers, nor before there are threads

#endif
