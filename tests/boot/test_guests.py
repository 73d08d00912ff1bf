# SPDX-License-Identifier: MIT
"""Bare PVH guests of tests/guests: each checks a part of the ABI from inside and says what it found."""

import os
import re
import subprocess

import pytest

from conftest import PROJECT

CREATE = 'xl create -c name=t kernel=/files/t.elf memory=64 on_crash=destroy extra="{extra}"'


def verdict(result, name):
    found = re.search(rf"^TEST {name}: (PASS|SKIP|FAIL)(.*)$", result.out, re.M)
    assert found, f"no verdict in:\n{result.out}"
    assert found[1] != "FAIL", found[0]
    return found[1]


@pytest.mark.parametrize("name", ["hello", "abi", "insn", "events", "grants", "memory", "fpu"])
def test_guest_passes(run, guest, name):
    verdict(run(CREATE.format(extra=""), files={"t.elf": guest(name)}), name)


def test_the_manuals_examples_compile(tmp_path):
    manual = open(os.path.join(PROJECT, "docs", "guest-kit.md")).read()
    build = os.environ.get("BUILD", "build")  # as make knows it: the flags are kept by this name
    for i, example in enumerate(re.findall(r"^```c\n(.*?)^```", manual, re.M | re.S)):
        (tmp_path / f"main{i}.c").write_text(example)
        subprocess.run(["make", "-s", "-C", PROJECT, f"BUILD={build}", f"{build}/guest/{tmp_path}/main{i}.o"], check=True)
