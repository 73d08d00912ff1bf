# SPDX-License-Identifier: MIT
# The parts of the guest kit that touch no hardware.
unit-tests += guest_kit_test
guest_kit_test-srcs = tests/unit/guest_kit_test.c guest-pv/bitmap.c guest-pv/args.c
