# SPDX-License-Identifier: MIT
#
# dom0: one program of daemons, drivers and tools, linked with the guest kit and the store's engine.

dom0-srcs += dom0-tools/main.c
dom0-srcs += dom0-tools/drivers/keymap.c dom0-tools/drivers/ps2_keyboard.c
dom0-srcs += $(addprefix dom0-tools/shell/, builtins.c complete.c files.c history.c line_edit.c resources.c shell.c terminal.c words.c)
dom0-srcs += $(addprefix dom0-tools/consoled/, console_log.c console_ring.c consoled.c)
dom0-srcs += $(addprefix dom0-tools/toolstackd/, crash_reason.c daemon.c policy.c record.c store_entries.c toolstack.c uuid.c)
dom0-srcs += $(addprefix dom0-tools/xl/, config_file.c console.c create.c dmesg.c domain_settings.c info.c json.c \
    lifecycle.c list.c list_format.c names.c options.c shutdown.c uptime.c xl.c)

dom0-srcs += $(addprefix dom0-tools/xenstore/, admin.c nodes.c text.c walk.c watch.c xenstore.c)

# Decompressors, for kernel images.
dom0-libs := -lz -llz4 -lzstd -llzma

-include dom0-tools/ctl/objects.mk dom0-tools/builder/objects.mk dom0-tools/xenstored/objects.mk
