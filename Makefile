# SPDX-License-Identifier: MIT
#
# Builds Proxenos: the hypervisor, its dom0, the guest library, bare test guests, and the tests that run on the host.
# `make help` lists the targets. Each folder names its sources in an objects.mk.

BUILD ?= build
CROSS_COMPILE ?=
XEN_HEADERS ?= /usr/include/xen
PROXENOS_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/proxenos
export BUILD CROSS_COMPILE PROXENOS_CACHE

CC := $(CROSS_COMPILE)gcc
LD := $(CROSS_COMPILE)ld
AR := $(CROSS_COMPILE)ar
NM := $(CROSS_COMPILE)nm
OBJCOPY := $(CROSS_COMPILE)objcopy
HOSTCC := gcc
FUZZCC := clang-14
PYTHON := /usr/bin/python3

MAKEFLAGS += --no-print-directory
# Whole jobs build on all CPUs, unless -j said otherwise.
build-all = $(MAKE) $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc)) all

# What `make run` and `make iso` boot: a stock Debian guest, started by the lines of the hidden file .rc.
DEMO_FILES = --file 'vmlinuz=$(PROXENOS_CACHE)/debian/cloud/vmlinuz' --file 'initrd=$(PROXENOS_CACHE)/debian/initrd' \
    --file debian.cfg=scripts/debian.cfg --file .rc=scripts/debian.rc

NEWLIB := $(PROXENOS_CACHE)/newlib/x86_64-elf
LIBS := $(PROXENOS_CACHE)/libs

# The default is one quiet line per step; V=1 shows the commands themselves.
Q := $(if $(filter 1,$(V)),,@)
step = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(patsubst $(BUILD)/%,%,$(2))')

.PHONY: all hypervisor guests tests setup run iso unit fuzz daemon boot test soak check bench coverage doctor format clean help FORCE
all: hypervisor $(BUILD)/dom0.elf guests $(BUILD)/xenstored

# ---- what to build ----------------------------------------------------------------------------------------------

-include hypervisor/objects.mk arch/x86_64/objects.mk guest-pv/objects.mk xenstore/objects.mk
-include dom0-tools/objects.mk $(wildcard tests/unit/*.mk tests/fuzz/*.mk)

guest-folders := $(patsubst %/,%,$(wildcard tests/guests/*/ guest-pv/examples/*/))
guest-sources = $(wildcard $(1)/*.c $(1)/*.S)
guest-folders := $(foreach dir,$(guest-folders),$(if $(call guest-sources,$(dir)),$(dir)))
guest-elfs := $(foreach dir,$(guest-folders),$(BUILD)/guests/$(notdir $(dir)).elf)

objects = $(sort $(addprefix $(BUILD)/$(1)/,$(addsuffix .o,$(basename $(2)))))

hv-objects := $(call objects,hv,$(hv-srcs) $(arch-srcs)) $(BUILD)/font.o
guest-pv-objects := $(call objects,guest,$(guest-pv-srcs))
dom0-objects := $(call objects,guest,$(dom0-srcs) $(xenstore-srcs))

# ---- flags ------------------------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Werror
# Without this Xen's public headers silently describe the oldest ABI.
XEN_ABI := -D__XEN_INTERFACE_VERSION__=0x00040e00

# Asked for only when needed and once: on a fresh machine there is no compiler until scripts/setup has run.
gcc-include = $(eval gcc-include := $(shell $(CC) -print-file-name=include))$(gcc-include)

# No libc header of the build machine may leak in: the compiler's own headers and Xen's are all that is searched.
TARGET_CFLAGS = -std=gnu11 -O2 -g $(WARNINGS) $(XEN_ABI) -nostdinc -isystem $(BUILD)/include -idirafter $(gcc-include) \
    -mno-red-zone -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none \
    -fno-strict-aliasing -fno-common -U__linux__ -U__unix__ -Ulinux -Uunix

HV_CFLAGS = $(TARGET_CFLAGS) -ffreestanding -mcmodel=kernel -mgeneral-regs-only -mpreferred-stack-boundary=3 \
    -fno-omit-frame-pointer -momit-leaf-frame-pointer \
    -mindirect-branch=thunk-extern -mindirect-branch-register -fno-jump-tables -mharden-sls=all \
    -D__XEN_TOOLS__ $(if $(filter 1,$(DEBUG)),-DHV_DEBUG) -Ihypervisor/include
HV_LDFLAGS := -m elf_x86_64 -nostdlib -static -z max-page-size=0x1000 -z noexecstack --build-id=none \
    -T arch/x86_64/proxenos.lds

GUEST_CFLAGS = $(TARGET_CFLAGS) -ffunction-sections -fdata-sections -isystem $(NEWLIB)/include -Iguest-pv/include
GUEST_LDFLAGS := -nostdlib -static -no-pie -Wl,--gc-sections -Wl,-z,max-page-size=0x1000 -Wl,-z,noexecstack \
    -Wl,--build-id=none -T guest-pv/guest.lds -L$(NEWLIB)/lib -L$(LIBS)/lib
DOM0_CFLAGS := -D__XEN_TOOLS__ -Ixenstore/include -Idom0-tools/include -isystem $(LIBS)/include

# The core as an ordinary program: unit tests with gcc, fuzzers with clang.
HOST_CFLAGS := -std=gnu11 -O1 -g $(WARNINGS) $(XEN_ABI) -D__XEN_TOOLS__ -DHOST_TEST -fno-omit-frame-pointer \
    -fno-strict-aliasing -fno-common -fsanitize=address,undefined -fno-sanitize-recover=undefined \
    -Ihypervisor/include -Ixenstore/include -Iguest-pv/include -Idom0-tools/include -Itests/unit

# The store's daemon for a Linux host, as its users run it.
NATIVE_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) $(XEN_ABI) -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE \
    -fno-strict-aliasing -fno-common -Ixenstore/include
NATIVE_LDFLAGS := -pie -Wl,-z,relro,-z,now

# A change of flags (DEBUG=1, another compiler) rebuilds everything: every object depends on this file.
FLAGS_FILE := $(BUILD)/flags
flags-now = $(CC) $(HV_CFLAGS) $(GUEST_CFLAGS) $(DOM0_CFLAGS) $(HV_LDFLAGS) $(GUEST_LDFLAGS) $(HOST_CFLAGS) \
    $(NATIVE_CFLAGS) $(NATIVE_LDFLAGS) $(hv-cold-objects)
$(FLAGS_FILE): FORCE
	@mkdir -p $(@D)
	@echo '$(flags-now)' | cmp -s - $@ || echo '$(flags-now)' >$@

$(BUILD)/include/xen:
	@mkdir -p $(@D)
	$(Q)ln -sfn $(XEN_HEADERS) $@

# ---- the hypervisor ---------------------------------------------------------------------------------------------

hypervisor: $(BUILD)/proxenos

# The halves of the run loop need no frames of their own: backtraces go on with the loop's.
$(BUILD)/hv/arch/x86_64/svm/run.o $(BUILD)/hv/arch/x86_64/vmx/run.o: private HV_CFLAGS += -fomit-frame-pointer

# What runs when something begins or ends is built for size, to keep the image small (make bench prints it).
hv-cold-objects := $(addprefix $(BUILD)/hv/, $(addprefix arch/x86_64/, boot/multiboot.o boot/memory_map.o boot/start.o \
    acpi.o cmos.o console.o cpu.o debug_keys.o desc.o framebuffer.o ioapic.o machine.o mm.o power.o screen.o speculation.o time.o \
    traps.o uart.o vga.o hvm/context.o hvm/cr.o hvm/hypercall_page.o hvm/mmio.o hvm/mov_decoder.o hvm/mtrr.o hvm/npf.o hvm/vcpu.o \
    hvm/vlapic.o svm/insn_length.o svm/permissions.o vmx/check.o vmx/controls.o vmx/permissions.o) \
    $(addprefix hypervisor/, boot_mem.o cmdline.o console.o console_io.o dom0_build.o domctl.o elf.o main.o physdev_op.o \
    printk.o symbols.o sysctl.o))
$(hv-cold-objects): private HV_CFLAGS += -Os

# Only arch code sees arch headers (rule 1 of docs/architecture.md).
$(BUILD)/hv/arch/%: private HV_CFLAGS += -Iarch/x86_64/include

$(BUILD)/hv/%.o: %.c $(FLAGS_FILE) | $(BUILD)/include/xen
	$(call step,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/hv/%.o: %.S $(FLAGS_FILE) | $(BUILD)/include/xen
	$(call step,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) -D__ASSEMBLY__ -MMD -MP -c -o $@ $<

# The framebuffer console's font: that of the boot loader, as it comes with Debian's GRUB.
SCREEN_FONT := /usr/share/grub/ascii.pf2

$(BUILD)/font.S: scripts/gen-font $(SCREEN_FONT)
	@mkdir -p $(@D)
	$(Q)scripts/gen-font $(SCREEN_FONT) >$@

$(BUILD)/font.o: $(BUILD)/font.S
	$(Q)$(CC) -c -o $@ $<

# The symbol table for panics needs the addresses of a finished link, so there are two: the first holds an empty table,
# the second the real one, which must not have moved a function.
$(BUILD)/symbols-pass1.S: scripts/gen-symbols
	@mkdir -p $(@D)
	$(Q)scripts/gen-symbols </dev/null >$@

$(BUILD)/symbols.S: $(BUILD)/proxenos-pass1.elf scripts/gen-symbols
	$(Q)$(NM) -n $< | scripts/gen-symbols >$@

$(BUILD)/symbols%o: $(BUILD)/symbols%S
	$(Q)$(CC) -Wa,--fatal-warnings -c -o $@ $<

$(BUILD)/proxenos-pass1.elf: $(hv-objects) $(BUILD)/symbols-pass1.o arch/x86_64/proxenos.lds
	$(Q)$(LD) $(HV_LDFLAGS) -o $@ $(filter %.o,$^)

$(BUILD)/proxenos.elf: $(hv-objects) $(BUILD)/symbols.o arch/x86_64/proxenos.lds
	$(call step,LD,$@)
	$(Q)$(LD) $(HV_LDFLAGS) -o $@ $(filter %.o,$^)
	$(Q)$(NM) -n $@ | scripts/gen-symbols | cmp -s - $(BUILD)/symbols.S || \
	    { rm $@; echo "error: the symbol table moved the code: .rodata must come after .text"; exit 1; }

# Multiboot loaders take a 64-bit kernel only when it is dressed as a 32-bit one.
$(BUILD)/proxenos: $(BUILD)/proxenos.elf
	$(call step,OBJCOPY,$@)
	$(Q)$(OBJCOPY) --strip-all -O elf32-i386 $< $@

# ---- guests and dom0 --------------------------------------------------------------------------------------------

guests: $(guest-elfs)

$(NEWLIB)/lib/libc.a $(LIBS)/lib/libzstd.a &:
	$(Q)scripts/setup

$(BUILD)/guest/xenstore/%: private GUEST_CFLAGS += $(DOM0_CFLAGS)
$(BUILD)/guest/dom0-tools/%: private GUEST_CFLAGS += $(DOM0_CFLAGS)

$(BUILD)/guest/%.o: %.c $(FLAGS_FILE) | $(BUILD)/include/xen $(NEWLIB)/lib/libc.a
	$(call step,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/guest/%.o: %.S $(FLAGS_FILE) | $(BUILD)/include/xen $(NEWLIB)/lib/libc.a
	$(call step,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -D__ASSEMBLY__ -MMD -MP -c -o $@ $<

$(BUILD)/libguest-pv.a: $(guest-pv-objects)
	$(call step,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

# $(1): libraries beyond the guest kit and libc
link-guest = $(CC) $(GUEST_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(BUILD)/libguest-pv.a $(1) -lc -lm -lgcc -Wl,--end-group

$(BUILD)/dom0.elf: $(dom0-objects) $(BUILD)/libguest-pv.a guest-pv/guest.lds
	$(call step,LD,$@)
	$(Q)$(call link-guest,$(dom0-libs))

# $(1): the guest's folder
define guest-rule
$(BUILD)/guests/$(notdir $(1)).elf: $(call objects,guest,$(call guest-sources,$(1))) $(BUILD)/libguest-pv.a guest-pv/guest.lds
	$$(call step,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(link-guest)
endef
$(foreach dir,$(guest-folders),$(eval $(call guest-rule,$(dir))))

# ---- the store's daemon for a Linux host --------------------------------------------------------------------------

$(BUILD)/native/%.o: %.c $(FLAGS_FILE)
	$(call step,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(NATIVE_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/xenstored: $(call objects,native,$(xenstored-srcs))
	$(call step,HOSTLD,$@)
	$(Q)$(HOSTCC) $(NATIVE_LDFLAGS) -o $@ $^

# What its operations cost.
$(BUILD)/bench/xenstore_cost: $(call objects,native,$(xenstore-srcs) tests/bench/xenstore_cost.c)
	$(call step,HOSTLD,$@)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(NATIVE_LDFLAGS) -o $@ $^

# The same under sanitizers, for its tests.
$(BUILD)/sanitized/xenstored: $(call objects,host,$(xenstored-srcs))
	$(call step,HOSTLD,$@)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) -fsanitize=address,undefined -o $@ $^

# ---- tests on the host ------------------------------------------------------------------------------------------

$(BUILD)/host/%.o: %.c $(FLAGS_FILE)
	$(call step,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/fuzz-obj/%.o: %.c $(FLAGS_FILE)
	$(call step,FUZZCC,$<)
	@mkdir -p $(@D)
	$(Q)$(FUZZCC) $(HOST_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

# $(1): test, from the sources $(1)-srcs, linked with $(1)-libs
define unit-rule
$(BUILD)/unit/$(1): $(call objects,host,$($(1)-srcs))
	$$(call step,HOSTLD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(HOSTCC) -fsanitize=address,undefined -o $$@ $$^ -lcmocka $($(1)-libs)
endef
define fuzz-rule
$(BUILD)/fuzz/$(1): $(call objects,fuzz-obj,$($(1)-srcs))
	$$(call step,FUZZLD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(FUZZCC) -fsanitize=fuzzer,address,undefined -o $$@ $$^ $($(1)-libs)
endef
unit-tests := $(sort $(unit-tests))
fuzz-tests := $(sort $(fuzz-tests))
$(foreach test,$(unit-tests),$(eval $(call unit-rule,$(test))))
$(foreach test,$(fuzz-tests),$(eval $(call fuzz-rule,$(test))))

unit-programs := $(addprefix $(BUILD)/unit/,$(unit-tests))
fuzz-programs := $(addprefix $(BUILD)/fuzz/,$(fuzz-tests))

tests: $(unit-programs) $(fuzz-programs) $(BUILD)/sanitized/xenstored $(BUILD)/bench/xenstore_cost

# scripts/test runs what the lists name, not what earlier builds left behind.
export UNIT_PROGRAMS = $(unit-programs)
export FUZZ_PROGRAMS = $(fuzz-programs)

unit: $(unit-programs)
	$(Q)$(PYTHON) scripts/test unit

fuzz: $(fuzz-programs)
	$(Q)$(PYTHON) scripts/test fuzz

daemon: $(BUILD)/xenstored $(BUILD)/sanitized/xenstored
	$(Q)$(PYTHON) scripts/test daemon

boot: all
	$(Q)$(PYTHON) scripts/test boot

check:
	$(Q)$(PYTHON) scripts/check

# How much of the store its tests execute: everything is built once more, in a folder of its own.
coverage:
	$(Q)$(PYTHON) scripts/coverage

# Every header compiles alone, with the flags of its part, so that it includes what it uses and asserts what it claims.
headers-of = $(shell find $(1) -name '*.h' 2>/dev/null | sort)
hv-headers := $(call headers-of,hypervisor arch)
guest-headers := $(call headers-of,guest-pv xenstore dom0-tools tests/guests)

.PHONY: headers
headers: $(patsubst %.h,$(BUILD)/hv/%.h.ok,$(hv-headers)) $(patsubst %.h,$(BUILD)/guest/%.h.ok,$(guest-headers))

$(BUILD)/hv/%.h.ok: %.h $(FLAGS_FILE) | $(BUILD)/include/xen
	@mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) -fsyntax-only -MMD -MP -MT $@ -MF $@.d -include $< -x c /dev/null && touch $@

$(BUILD)/guest/%.h.ok: %.h $(FLAGS_FILE) | $(BUILD)/include/xen $(NEWLIB)/lib/libc.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -fsyntax-only -MMD -MP -MT $@ -MF $@.d -include $< -x c /dev/null && touch $@

# ---- whole jobs: these start on a machine that may have no compiler yet, so setup comes first ------------------------

setup:
	$(Q)scripts/setup

test: setup
	$(Q)$(PYTHON) scripts/test build check unit fuzz daemon boot

soak: setup
	$(Q)$(PYTHON) scripts/test --soak build unit fuzz daemon boot

bench: setup
	+$(Q)$(build-all) $(BUILD)/bench/xenstore_cost
	$(Q)$(PYTHON) tests/bench/bench.py

run: setup
	+$(Q)$(build-all)
	$(Q)scripts/run $(DEMO_FILES)

iso: setup
	+$(Q)$(build-all)
	$(call step,ISO,$(BUILD)/proxenos.iso)
	$(Q)scripts/mkiso $(DEMO_FILES) $(BUILD)/proxenos.iso

doctor:
	$(Q)scripts/doctor

format:
	$(Q)clang-format-14 -i $$(git ls-files '*.c' '*.h')

clean:
	$(Q)rm -rf $(BUILD)

help:
	@echo 'make            build the hypervisor, dom0 and the test guests into $(BUILD)/'
	@echo 'make run        install what is missing, build, and start a stock Debian guest in QEMU'
	@echo 'make test       everything CI runs: check, unit tests, a sample of each fuzzer, boot tests'
	@echo 'make soak       repetitions, stresses and fuzzers at full length'
	@echo 'make bench      the cost figures, in executed instructions'
	@echo 'make iso        a GRUB image for BIOS and UEFI machines, $(BUILD)/proxenos.iso'
	@echo 'make check      format, include directions, licence lines, ABI assertions; prints code sizes'
	@echo 'make unit | fuzz | daemon | boot    one kind of test alone'
	@echo 'make coverage   how much of the store its tests execute'
	@echo 'make doctor     what this machine lacks, and how to get it'
	@echo 'make setup      install missing packages, build newlib and libraries into the cache'
	@echo 'make format     clang-format every C file'
	@echo 'make clean      remove $(BUILD)/'
	@echo 'Variables: V=1 (show commands), DEBUG=1 (run-time lock checks), CROSS_COMPILE=, BUILD=, PROXENOS_CACHE='

# ---- dependency files -------------------------------------------------------------------------------------------

-include $(shell test -d $(BUILD) && find $(BUILD) -name '*.d')
