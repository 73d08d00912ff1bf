# SPDX-License-Identifier: MIT
"""Domains come and go, in every way there is; all that they and dom0 held on their behalf comes back."""

import re

import pytest

# What the store keeps of a domain's number for as long as dom0 runs (struct xs_domain), and its place in a hash table.
RECORD_BYTES = 320 + 48

CREATE = "xl create name=a memory=20 kernel=/files/"

# Each list of commands ends with no domain left. {id} is the number of the first domain that a list creates.
LIVES = {
    "poweroff": [CREATE + "hello -c"],
    "crash": [CREATE + "actor extra=crash -c", CREATE + "actor extra=triple -c"],
    "spoilt-rings": [CREATE + "actor extra=rings -c"],
    "destroy": [CREATE + "actor extra=idle", "xl destroy a", CREATE + "actor -p", "xl destroy a",
                CREATE + "actor extra=idle", "sleep 0.05", "xl pause a", "xl destroy a"],
    "preserve": [CREATE + "actor extra=crash on_crash=preserve -c", "xl destroy a"],
    "flood": [CREATE + "actor extra=flood=1000000", "sleep 0.01", "xl destroy a"],
    "hoard": [CREATE + "actor extra=hoard", "sleep 0.1", "xl destroy a"],
    "pester": [CREATE + "actor extra=pester", "sleep 0.01", "xl destroy a"],
    "reboot": [CREATE + "actor extra=reboot", "sleep 0.02", "xl destroy a"],
    "rename-restart": [CREATE + "actor 'extra=sleep=200 reboot' on_reboot=rename-restart", "sleep 0.3", "xl destroy {id}",
                       "xl destroy a"],
    "refused": [CREATE + "none", CREATE + "text", CREATE + "hello ramdisk=/files/none", CREATE + "hello memory=1000000",
                CREATE + "hello maxmem=4000000000", CREATE + "hello memory=1", "xl create name=a/b", CREATE + "hello bad",
                "xl destroy a"],
}
DOMAINS = {"crash": 2, "destroy": 3, "rename-restart": 2, "reboot": None, "refused": None}


def resources(out):
    """What each run of the command resources printed."""
    return [{key: int(value) for key, value in re.findall(r"^(.+): +(\d+)", text, re.M)}
            for text in re.split(r"^(?=machine memory)", out, flags=re.M)[1:]]


@pytest.mark.parametrize("life", LIVES)
def test_nothing_stays_behind(run, guest, soaking, life):
    rounds = 250 if soaking else 6
    commands, domid = [], 1
    for count in 2, rounds:  # what is made once only is there after two rounds
        for _ in range(count):
            commands += [command.format(id=domid) for command in LIVES[life]]
            domid += DOMAINS.get(life, 1) or 0
        commands += [CREATE + "hello extra=probe -c", "resources"]
        domid += 1
    result = run(*commands, "xl list", limit=1200 if soaking else 120, status=None,
                 files={"hello": guest("hello"), "actor": guest("actor"), "text": __file__})
    assert result.status in (0, 1)
    before, after = resources(result.out)
    first, last = map(int, re.findall(r"^hello from domain (\d+),.*\nargument 1: probe$", result.out, re.M))
    assert life in ("reboot", "refused") or last == domid - 1
    assert after["heap in use"] - before["heap in use"] <= (last - first) * RECORD_BYTES
    for figure in "machine memory free", "foreign pages", "event ports", "store nodes":
        assert after[figure] == before[figure], figure
    assert re.search(r"State\tTime\(s\)\nDomain-0 .*\n\Z", result.out)
