# SPDX-License-Identifier: MIT
"""Bare PVH guests of tests/guests: each checks a part of the ABI from inside and says what it found."""

import re

import pytest

CREATE = 'xl create -c name=t kernel=/files/t.elf memory=64 on_crash=destroy extra="{extra}"'


def verdict(result, name):
    found = re.search(rf"^TEST {name}: (PASS|SKIP|FAIL)(.*)$", result.out, re.M)
    assert found, f"no verdict in:\n{result.out}"
    assert found[1] != "FAIL", found[0]
    return found[1]


@pytest.mark.parametrize("name", ["hello", "abi", "insn", "events", "grants", "memory", "fpu"])
def test_guest_passes(run, guest, name):
    verdict(run(CREATE.format(extra=""), files={"t.elf": guest(name)}), name)
