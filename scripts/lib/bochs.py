# SPDX-License-Identifier: MIT
"""Machines in Bochs: VT-x in software, and an AMD-V that has what QEMU's lacks.

Bochs boots from a CD, counts instructions instead of time, and so does the same in every run. It knows no way to end
where a machine would start again, so what it tells of itself is watched for that. A SIGTERM leads into its debugger.
"""

import collections
import os
import pty
import select
import shutil
import subprocess
import threading
import time
import tty

BOOT = "iso"
MODELS = {"vmx": "corei7_skylake_x", "svm-bochs": "ryzen"}
MEMORY_LIMIT = 2048  # MiB

# The debugger, which Debian's Bochs always has, stops before the first instruction, and in its AMD-V at each triple fault:
# to Bochs that is the end of the machine, even if it is a guest's, and only then an exit.
DEBUGGER_COMMANDS = 10000 * "c\n" + "quit\n"

BIOS, SCREEN_BIOS = "/usr/share/bochs/BIOS-bochs-latest", "/usr/share/vgabios/vgabios.bin"

CONFIGURATION = """\
display_library: term
cpu: model={model}, count={cpus}, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=0
memory: guest={mem}, host={mem}
romimage: file={bios}, options=fastboot
vgaromimage: file={screen_bios}
clock: sync={sync}, time0=1577836800
ata0-master: type=cdrom, path=proxenos.iso, status=inserted
boot: cdrom
com1: enabled=1, {console}
panic: action=fatal{more_panics}
"""

PREFIX_KEY, QUIT_KEY = b"\x01", b"x"  # Ctrl-a x quits, as with QEMU; Ctrl-a twice is Ctrl-a
KEY_PAUSE = 0.01  # seconds between two keys: a serial line takes 16 and loses the others if the machine has no time for them


def complaint(options):
    """Why there is no machine as the options want it, or None."""
    if options.boot == "kernel":
        return "--boot kernel: Bochs boots from an ISO image only"
    if options.uefi:
        return "--uefi: there is no UEFI firmware for Bochs; use --cpu svm"
    if options.mem > MEMORY_LIMIT:
        return f"--mem {options.mem}: Bochs has at most {MEMORY_LIMIT} MiB"
    if options.gdb:
        return "--gdb: Debian's Bochs is built without a gdb server; use --cpu svm"
    if options.display not in (None, "none"):
        return f"--display {options.display}: Bochs shows no screen here, only none is possible; use --cpu svm"
    for file in shutil.which("bochs") or "bochs", BIOS, SCREEN_BIOS:
        if not os.path.exists(file):
            return f"--cpu {options.cpu}: {file} is missing; scripts/doctor tells how to get it"
    return None


class Machine:
    """A machine of Bochs's, which runs inside folder: its configuration could not name every path."""

    def __init__(self, options, boot, folder):
        self.options = options
        self.folder = folder
        boot.write_iso(os.path.join(folder, "proxenos.iso"))
        # pdeathsig: no emulator may outlive the script, however it ends.
        self.command = ["setpriv", "--pdeathsig", "KILL", "bochs", "-q", "-f", "bochsrc", "-rc", "debugger"]
        self.process = None
        self.running = False
        self.panic = None
        self.last_words = collections.deque(maxlen=5)

    def launch(self, console, console_file, sync):
        survive = range(self.options.smp) if self.options.cpu == "svm-bochs" else []
        with open(os.path.join(self.folder, "bochsrc"), "w") as out:
            out.write(CONFIGURATION.format(model=MODELS[self.options.cpu], cpus=self.options.smp, mem=self.options.mem,
                                           bios=BIOS, screen_bios=SCREEN_BIOS, sync=sync, console=console,
                                           more_panics="".join(f", cpu{n}=report" for n in survive)))
        with open(os.path.join(self.folder, "debugger"), "w") as out:
            out.write(DEBUGGER_COMMANDS)
        # A session of its own: keys of the terminal, Ctrl-C above all, are not for its debugger.
        self.process = subprocess.Popen(self.command, cwd=self.folder, env={**os.environ, "TERM": "xterm"},
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        pass_fds=[console_file], start_new_session=True)
        os.close(console_file)
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()

    def watch(self):
        """Reads what Bochs says of itself: how it ends, and when the machine was reset, which must be its end too."""
        for line in self.process.stdout:
            text = line.decode(errors="replace").strip()
            if ">>PANIC<<" in text:
                self.panic = text.partition(">>PANIC<<")[2].strip()
            elif text.startswith("Bochs connected to screen"):
                threading.Thread(target=drain, args=[text.split('"')[1]], daemon=True).start()
            elif "bx_pc_system_c::Reset(" in text:
                if self.running:
                    self.process.kill()
                self.running = True
            elif not self.running and text:
                self.last_words.append(text)

    def start(self):
        """Starts it with nobody at its console, and returns a descriptor from which all that it says can be read."""
        reader, writer = os.pipe()
        self.launch(f"mode=file, dev=/dev/fd/{writer}", writer, "none")
        return reader

    def interact(self, limit):
        """Starts it with the terminal as its console; returns its exit status, or None if the limit came first."""
        console, device = pty.openpty()
        tty.setraw(device)
        if os.isatty(0):
            tty.setraw(0)
        log = open(self.options.log, "wb", buffering=0) if self.options.log else None
        self.launch(f"mode=term, dev={os.ttyname(device)}", device, "slowdown")
        in_time = carry(console, log, None if limit is None else time.monotonic() + limit)
        return 0 if in_time else None

    def stop(self):
        """Ends it, if it has not ended; returns what went wrong with the emulator itself, or None."""
        if not self.process:
            return None
        self.process.kill()
        self.process.wait()
        self.watcher.join()
        if not self.running:
            return "Bochs did not start: " + " ".join(self.last_words)
        if self.panic and "soft power off" not in self.panic:
            return f"Bochs gave up: {self.panic}"
        return None


def drain(screen):
    """Looks at the machine's screen, which is a terminal that Bochs makes: when nobody does, the machine stands still."""
    terminal = os.open(screen, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(terminal)
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # EIO: Bochs has ended
        pass
    os.close(terminal)


def carry(console, log, deadline):
    """Carries keys to the console and what the machine says from it, until it is off, the user quits, or the deadline.

    Returns False when the deadline came first.
    """
    sources, prefixed, keys, next_key = [console, 0], False, b"", 0
    while True:
        now = time.monotonic()
        if keys and now >= next_key:
            os.write(console, keys[:1])
            keys, next_key = keys[1:], now + KEY_PAUSE
        if deadline is not None and now >= deadline:
            return False
        wait = KEY_PAUSE if keys else None if deadline is None else deadline - now
        ready = select.select(sources, [], [], wait)[0]
        if console in ready:
            try:
                data = os.read(console, 65536)
            except OSError:  # EIO: nobody has the other end any more
                return True
            os.write(1, data)
            if log:
                log.write(data)
        if 0 in ready:
            typed = os.read(0, 4096)
            if not typed:
                sources.remove(0)
            for key in (typed[i:i + 1] for i in range(len(typed))):
                if prefixed and key == QUIT_KEY:
                    return True
                prefixed = key == PREFIX_KEY and not prefixed
                if not prefixed:
                    keys += key
