# SPDX-License-Identifier: MIT
"""What belongs to one vcpu and must reach neither another domain nor the hypervisor: registers and translations."""

import os
import re
import subprocess

from conftest import BUILD
from test_guests import verdict

CREATE = "xl create {flags} name={name} kernel=/files/registers.elf memory=64 extra='seed={seed} break={address} {more}'"


def hypervisor_code():
    """The address of code that runs at each of a guest's hypercalls."""
    symbols = subprocess.check_output(["nm", os.path.join(BUILD, "proxenos.elf")], text=True)
    return re.search(r"^(\w+) T hvm_hypercall$", symbols, re.M)[1]


def test_registers_stay_their_domains(run, guest):
    address = hypervisor_code()
    out = run("xl debug-keys d",
              CREATE.format(flags="", name="a", seed=1, address=address, more=""),
              CREATE.format(flags="-c", name="b", seed=2, address=address, more="time=200"),
              "xl debug-keys d",
              CREATE.format(flags="-c", name="c", seed=4, address=address, more="time=50"),
              "xl domid a",  # it ends when it finds something wrong
              "xl destroy a", "xl dmesg", files={"registers.elf": guest("registers")})
    verdict(out, "registers")
    rounds = [int(n) for n in re.findall(r"^(\d+) rounds with", out.out, re.M)]
    assert len(rounds) == 2 and min(rounds) > 10, "they hardly ran side by side"
    host = re.findall(r"host: (cr0.*|sysenter.*)$", out.out, re.M)
    assert len(host) == 4 and host[:2] == host[2:], "the hypervisor's own registers have changed"


FLUSHES = re.compile(r"(\d+) TLB flushes for changed memory or another cpu, (\d+) for used identifiers")


def test_each_page_that_leaves_flushes_once(run, guest):
    swap = "xl create -c name=s kernel=/files/actor.elf memory=64 extra='swap={}'"
    out = run("xl debug-keys v", swap.format(10), "xl debug-keys v", swap.format(110), "xl debug-keys v", "xl dmesg",
              files={"actor.elf": guest("actor")}).out
    assert "10 pages swapped" in out and "110 pages swapped" in out
    start, few, many = (int(count) for count, _ in FLUSHES.findall(out))
    assert (many - few) - (few - start) == 100, "one for each page that was given away, and nothing else"


def test_switching_between_domains_flushes_nothing(run, guest):
    create = "xl create {} name={} kernel=/files/pair.elf memory=64 extra={}"
    out = run(create.format("", "server", "serve=2"), create.format("-c", "peer", "peer=1"), "sleep 1", "xl debug-keys v",
              "xl create -c name=h kernel=/files/registers.elf memory=64 extra='seed=1 time=100'", "xl debug-keys v",
              "xl dmesg", files={"pair.elf": guest("pair"), "registers.elf": guest("registers")}).out
    (_, before), (_, after) = FLUSHES.findall(out)
    assert "rounds with" in out
    assert int(after) - int(before) < 40, "a change of domain costs a flush"
