# SPDX-License-Identifier: MIT
"""Machines in QEMU: AMD-V in software, or whatever the processor of this machine has through nested KVM."""

import glob
import os
import subprocess
import sys

import bootfiles

BOOT = "kernel"  # unless --boot says otherwise
UEFI_FIRMWARE = "/usr/share/ovmf/OVMF.fd"
SOFTWARE = ["-accel", "tcg", "-cpu", "max"]
HARDWARE = ["-accel", "kvm", "-cpu", "host"]


def complaint(options):
    """Why there is no machine as the options want it, or None."""
    if options.uefi and not os.path.exists(UEFI_FIRMWARE):
        return f"--uefi: {UEFI_FIRMWARE} is missing; scripts/doctor tells how to get it"
    if options.cpu != "host":
        return None
    if options.icount:
        return "--icount: only an emulated processor is deterministic, that of --cpu host is not"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "--cpu host: there is no /dev/kvm here that you may open"
    switches = glob.glob("/sys/module/kvm_*/parameters/nested")
    if not any(open(switch).read().strip() in ("1", "Y") for switch in switches):
        return "--cpu host: KVM does not offer nested virtualisation here" + "".join(
            f"; {os.path.dirname(os.path.dirname(switch))} has it switched off" for switch in switches)
    return None


class Machine:
    """A machine of QEMU's, which runs inside folder, so that its names there hold nothing it would split at."""

    def __init__(self, options, boot, folder):
        self.folder = folder
        self.process = None
        # pdeathsig: no emulator may outlive the script, however it ends.
        command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-machine", "q35"]
        command += HARDWARE if options.cpu == "host" else SOFTWARE
        command += ["-smp", str(options.smp), "-m", str(options.mem), "-nodefaults", "-no-reboot"]
        command += self.boot_arguments(options, boot)
        if options.icount:
            command += ["-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2020-01-01,clock=vm"]
        if options.gdb:
            command += ["-S", "-gdb", f"tcp:127.0.0.1:{options.gdb}"]
            print(f"scripts/run: waiting for gdb: target remote 127.0.0.1:{options.gdb}", file=sys.stderr)
        command += ["-display", options.display, "-vga", "std"] if options.display else ["-display", "none"]
        self.command = command + ["-serial", "chardev:console"] + self.console_arguments(options)

    def boot_arguments(self, options, boot):
        if options.boot == "iso":
            boot.write_iso(os.path.join(self.folder, "proxenos.iso"))
            firmware = ["-bios", UEFI_FIRMWARE] if options.uefi else []
            return firmware + ["-cdrom", "proxenos.iso", "-boot", "d"]
        modules = []
        for number, (path, string) in enumerate(boot.modules()):
            os.symlink(path, os.path.join(self.folder, f"m{number}"))
            modules.append(f"m{number} {string}".replace(",", ",,"))
        os.symlink(bootfiles.image("proxenos"), os.path.join(self.folder, "proxenos"))
        return ["-kernel", "proxenos", "-append", boot.hv_args, "-initrd", ",".join(modules)]

    def console_arguments(self, options):
        if options.exec:
            return ["-chardev", "stdio,id=console,signal=off", "-monitor", "none"]
        # A curses screen needs the terminal for itself.
        kind = "null" if options.display == "curses" else "stdio,mux=on,signal=off"
        log = ",logfile=" + options.log.replace(",", ",,") if options.log else ""
        monitor = [] if options.display == "curses" else ["-mon", "chardev=console"]
        return ["-chardev", f"{kind},id=console{log}"] + monitor

    def start(self):
        """Starts it with nobody at its console, and returns a descriptor from which all that it says can be read."""
        self.process = subprocess.Popen(self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        return self.process.stdout.fileno()

    def interact(self, limit):
        """Starts it with the terminal as its console; returns its exit status, or None if the limit came first."""
        self.process = subprocess.Popen(self.command, cwd=self.folder)
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            return None

    def stop(self):
        """Ends it, if it has not ended. (QEMU tells by itself what goes wrong.)"""
        if self.process:
            self.process.kill()
            self.process.wait()
