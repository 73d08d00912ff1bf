#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Prints what Proxenos costs, in executed instructions: `make bench`.

Every figure comes from QEMU with -icount shift=0, where one TSC tick is one instruction, the hypervisor's included, and
one second of the machine's time is 1,000,000,000 instructions, or from Bochs, where a second is 50,000,000; runs repeat
to the digit. Nothing here is asserted: each
row prints its figure, the budget, their ratio, and what Xen 4.17 needs for the same on the same emulators (figures
measured once with Debian's packages; AMD-V in QEMU, where Xen decodes each intercepted instruction in software, and
VT-x in Bochs, where it need not).
"""

import collections
import os
import re
import subprocess
import sys

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(PROJECT, os.environ.get("BUILD", "build"))
CACHE = os.environ.get("PROXENOS_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "proxenos")
DEBIAN = os.path.join(CACHE, "debian")

BOCHS_HZ = 50e6  # instructions per second of the machine's time: scripts/lib/bochs.py

# name printed by the bench guest: (what it is, budget, Xen on AMD-V, Xen on VT-x); ticks
Row = collections.namedtuple("Row", "text budget svm vmx")
OPERATIONS = {
    "entry-to-main": Row("guest entry to main, by the guest kit", 200000, None, None),
    "null-hypercall": Row("null hypercall (xen_version)", 200, 6599, 880),
    "cpuid": Row("CPUID leaf 0", 200, 6476, 882),
    "rdmsr": Row("RDMSR that exits (MISC_ENABLE)", 200, 6608, 840),
    "efer": Row("RDMSR and WRMSR of EFER (no exit on VT-x)", None, None, None),
    "apic-read": Row("read of the local APIC's page (no exit on VT-x)", None, None, None),
    "apic-eoi": Row("EOI in the local APIC's page (no exit on VT-x)", None, None, None),
    "port-read": Row("port read (inb 0x61)", 250, 1095, 1275),
    "sched-yield": Row("sched_yield", 500, 8381, 2762),
    "get-param": Row("hvm_op get_param", 300, 16675, 12740),
    "event-self": Row("event to self, send to upcall entry", 800, 11953, 7206),
    "grant-copy-4k": Row("grant copy 4 KiB", 1500, 19441, 15788),
    "grant-copy-16x4k": Row("grant copy 16 x 4 KiB, one hypercall", 16000, 179589, 202710),
    "grant-map-unmap": Row("grant map + unmap", 3000, 40096, None),
    "decrease-populate": Row("decrease + populate one page", 3000, 40744, 33255),
    "xenstore-read": Row("xenstore read, guest to dom0 and back", 15000, 274000, 83009),
}
# The same between two domains, printed by the pair guest.
PAIR_OPERATIONS = {
    "event-ping-pong": Row("event ping-pong, two domains, one pcpu", 5000, 65100, None),
    "grant-copy-4k": Row("grant copy 4 KiB, foreign", 1500, 19441, 15788),
    "grant-copy-16x4k": Row("grant copy 16 x 4 KiB, foreign", 16000, 179589, 202710),
    "grant-map-unmap": Row("grant map + unmap, foreign", 3000, 40096, None),
}


def proxenos(*commands, files=None, **options):
    """Runs commands in dom0 under -icount; returns (what they printed, all the machine said)."""
    log = os.path.join(BUILD, "bench.log")
    command = [sys.executable, os.path.join(PROJECT, "scripts", "run"), "--icount", "--limit", "280", "--log", log]
    for name, value in options.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    for name, path in (files or {}).items():
        command += ["--file", f"{name}={path}"]
    for line in commands:
        command += ["--exec", line]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace")
    if done.returncode:
        sys.exit(f"bench: {' '.join(commands)}: exit status {done.returncode}")
    return done.stdout, open(log, errors="replace").read()


def print_row(text, figure, budget, *others, unit=""):
    ratio = f"{figure / budget:5.2f}" if budget else "     "
    columns = "".join(f" {other if other is not None else '-':>10}" for other in others)
    mark = "" if not budget or figure <= budget else "  over budget"
    print(f"{text:<44} {figure:>12,.6g}{unit:<2} {budget or '-':>10} {ratio}{columns}{mark}", flush=True)


def operations(cpu, machine):
    """What operations cost on a processor of this vendor, beside Xen's figures there."""
    print(f"\n{'operation, instructions: ' + machine:<44} {'here':>14} {'budget':>10} {'ratio':>5} {'Xen':>10}")
    files = {"bench.elf": os.path.join(BUILD, "guests", "bench.elf")}
    print_rows(OPERATIONS, cpu, proxenos("xl create -c name=bench kernel=/files/bench.elf memory=64", files=files, cpu=cpu)[0])
    print("between two domains on one pcpu:")
    files = {"pair.elf": os.path.join(BUILD, "guests", "pair.elf")}
    create = "name={} kernel=/files/pair.elf memory=64 extra={}"
    print_rows(PAIR_OPERATIONS, cpu,
               proxenos("xl create " + create.format("server", "serve=2"),
                        "xl create -c " + create.format("peer", "peer=1"), files=files, cpu=cpu)[0])


def print_rows(rows, cpu, out):
    measured = dict(re.findall(r"^bench (\S+) (\d+)", out, re.M))
    for name, row in rows.items():
        if name in measured:
            print_row(row.text, int(measured[name]), row.budget, getattr(row, cpu))
        else:
            print(f"{row.text:<44} not printed by the bench guest")


def start_and_create():
    print(f"\n{'whole system, seconds of -icount time':<44} {'here':>14} {'budget':>10} {'ratio':>5} {'Xen SVM':>10}")
    guest = os.path.join(BUILD, "guests", "idle.elf")
    out, log = proxenos("xl create -v name=g kernel=/files/g.elf memory=64", "xl destroy g", "xl dmesg",
                        files={"g.elf": guest}, mem=4096)
    ready = re.search(r"ready (\d+\.\d+) s after", log)
    if ready:
        print_row("hypervisor start to dom0's prompt", float(ready[1]), 0.15, 3.65, unit=" s")
    slow = re.search(r"ready (\d+\.\d+) s after", proxenos("xl list", cpu="vmx", mem=512)[1])
    if slow:
        print_row("the same on VT-x in Bochs, 10^9 instructions", float(slow[1]) * BOCHS_HZ / 1e9, 0.2, None)
    create = re.search(r"created in (\d+\.\d+) s", out)
    if create:
        print_row("xl create of a bare 64 MB guest", float(create[1]), 0.02, 0.10, unit=" s")
    kept = re.search(r"(\d+) KiB kept by the hypervisor", out)
    print(f"\n{'size, MiB':<44} {'here':>14} {'budget':>10} {'ratio':>5} {'Xen':>10}")
    print_row("hypervisor image, loaded and zero-filled", image_size() / 2**20, 0.25, 3.83)
    if kept:
        print_row("hypervisor's own memory at 4 GiB", int(kept[1]) / 1024, 20, 45)


def image_size():
    """Bytes of memory the hypervisor's image takes, by its program headers."""
    out = subprocess.check_output(["readelf", "-lW", os.path.join(BUILD, "proxenos.elf")], text=True)
    return sum(int(fields[5], 16) for fields in (line.split() for line in out.splitlines()) if fields[:1] == ["LOAD"])


def userspace_uptime(text):
    found = re.search(r"@@GUEST-USERSPACE uptime=(\d+\.\d+)", text)
    return float(found[1]) if found else None


def bare_uptime(vmlinux, initrd):
    """The same kernel and initrd entered through PVH by QEMU itself, same CPU model, memory and number of CPUs."""
    command = ["timeout", "-k", "2", "280", "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-cpu", "max",
               "-m", "256", "-nodefaults", "-display", "none", "-no-reboot", "-icount", "shift=0,sleep=off", "-seed", "1",
               "-rtc", "base=2020-01-01,clock=vm", "-serial", "stdio", "-kernel", vmlinux, "-initrd", initrd,
               "-append", "console=ttyS0 px.poweroff"]
    return userspace_uptime(subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                           errors="replace").stdout)


def linux():
    print(f"\n{'Debian, 256 MB: first /proc/uptime, seconds':<44} {'here':>14} {'by QEMU':>10} {'ratio':>5} {'Xen SVM':>10}"
          "   (goal: ratio 1.05)")
    initrd = os.path.join(DEBIAN, "initrd")
    for kind in "cloud", "generic":
        out, _ = proxenos('xl create -c name=a kernel=/files/vmlinuz ramdisk=/files/initrd memory=256 '
                          'extra="console=hvc0 px.poweroff"',
                          files={"vmlinuz": os.path.join(DEBIAN, kind, "vmlinuz"), "initrd": initrd})
        print_row(f"{kind} kernel", userspace_uptime(out), bare_uptime(os.path.join(DEBIAN, kind, "vmlinux"), initrd),
                  1.99 if kind == "generic" else None, unit=" s")


def store():
    """The store's engine alone, on this machine: see tests/bench/xenstore_cost.c."""
    print(flush=True)
    if subprocess.run([os.path.join(BUILD, "bench", "xenstore_cost")]).returncode:
        print("over budget")


def main():
    print(__doc__)
    start_and_create()
    operations("svm", "AMD-V in QEMU")
    operations("vmx", "VT-x in Bochs")
    store()
    linux()


if __name__ == "__main__":
    main()
