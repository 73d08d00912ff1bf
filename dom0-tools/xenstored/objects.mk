# SPDX-License-Identifier: MIT
dom0-srcs += dom0-tools/xenstored/xenstored.c
