# SPDX-License-Identifier: MIT
"""The files a machine boots Proxenos from, and the words that go with them.

Every module's string starts with a word for its name, as QEMU's do by themselves; dom0's continues with its options,
that of another file with name=, percent-encoded, because a file name may hold what a boot loader would split at.
"""

import os
import shutil
import subprocess
import tempfile
import urllib.parse

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Error(Exception):
    """Something about the boot files is wrong; the message says which and what."""


def image(name):
    """The path of a built image."""
    path = os.path.join(PROJECT, os.environ.get("BUILD", "build"), name)
    if not os.path.exists(path):
        raise Error(f"{path} is not built: run make first")
    return path


def parse_files(arguments):
    """NAME=PATH arguments as a dictionary, in their order."""
    files = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not (name and equals and path) or "/" in name:
            raise Error(f"--file {argument}: expected NAME=PATH, with no / in NAME")
        if name in files:
            raise Error(f"--file {argument}: there is already a file named {name}")
        if not os.path.isfile(path):
            raise Error(f"--file {argument}: there is no file {path}")
        files[name] = os.path.abspath(path)
    return files


class BootFiles:
    def __init__(self, hv_args, dom0_args, files):
        self.hv_args = hv_args.strip()
        self.dom0_args = dom0_args.strip()
        self.files = files

    def modules(self):
        """(path, string) of each boot module, dom0 first; the loader puts a word for the name before the string."""
        yield image("dom0.elf"), self.dom0_args
        for name, path in self.files.items():
            yield path, "name=" + urllib.parse.quote(name, safe="")

    def write_iso(self, output):
        """An image from which GRUB boots all this by itself, on machines with a BIOS or UEFI firmware."""
        for platform in GRUB_PLATFORMS:
            if not os.path.isdir(platform):
                raise Error(f"{platform} is missing; scripts/doctor tells how to get it")
        with tempfile.TemporaryDirectory(prefix="proxenos-iso-") as tree:
            grub = os.path.join(tree, "boot", "grub")
            os.makedirs(grub)
            shutil.copyfile(image("proxenos"), os.path.join(tree, "boot", "proxenos"))
            lines = [grub_line("multiboot2 /boot/proxenos", self.hv_args)]
            for number, (path, string) in enumerate(self.modules()):
                shutil.copyfile(path, os.path.join(tree, "boot", f"m{number}"))
                # --nounzip: a compressed file is what the user gave, and is dom0's to unpack.
                lines.append(grub_line(f"module2 --nounzip /boot/m{number} m{number}", string))
            with open(os.path.join(grub, "grub.cfg"), "w") as config:
                config.write(GRUB_CONFIG.format(commands="\n".join("    " + line for line in lines)))
            made = subprocess.run(["grub-mkrescue", *GRUB_CONTENTS, "-o", output, tree],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if made.returncode:
                raise Error("grub-mkrescue failed:\n" + made.stdout.decode(errors="replace"))


GRUB_PLATFORMS = ["/usr/lib/grub/i386-pc", "/usr/lib/grub/x86_64-efi"]

# What is not on the image need not be read from it: GRUB's lists of all its modules, its fonts and its translations take
# longer than all the rest in an emulator that reads its CD word by word.
GRUB_CONTENTS = ["--install-modules=normal configfile multiboot2 serial all_video test echo ls cat lsmmap reboot halt",
                 "--fonts=", "--locales=", "--themes="]

# A PC's screen stays in text mode. Behind UEFI there is none, so GRUB leaves the graphics mode that it found.
GRUB_CONFIG = """\
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
set timeout=0
menuentry "Proxenos" {{
{commands}
    # The image would like a framebuffer, for machines that have nothing else, which makes GRUB leave text mode.
    if [ "$grub_platform" = pc ]; then
        set gfxpayload=text
    else
        insmod efi_gop
    fi
}}
"""


def grub_line(command, words):
    """A line of grub.cfg, each of the words quoted so that GRUB takes it as it is."""
    return " ".join([command] + ["'" + word.replace("'", "'\\''") + "'" for word in words.split()])
