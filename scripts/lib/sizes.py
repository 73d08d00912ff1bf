# SPDX-License-Identifier: MIT
"""Counts code lines (no blanks, no comments) per part, and finds the largest files and functions."""

import os
import re
from collections import Counter, namedtuple

Function = namedtuple("Function", "lines name path")

# Ceilings from docs/architecture.md. They tell, they do not rule: passing one is a reason to look, not a failure.
BUDGETS = {"hypervisor": 8000, "arch": 7000}
LARGE_FUNCTION, LARGE_FILE = 80, 800

COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def strip_comments(text):
    """The text without comments, lines kept in their places, so that line numbers still hold."""
    return COMMENT_OR_STRING.sub(lambda m: "\n" * m[0].count("\n") if m[0].startswith("/") else m[0], text)


def code_lines(path):
    text = open(path, errors="replace").read()
    if path.endswith((".c", ".h", ".S", ".lds", ".def")):
        text = strip_comments(text)
    lines = (line.strip() for line in text.splitlines())
    if path.endswith((".c", ".h", ".S", ".lds", ".def")):
        return sum(1 for line in lines if line)
    return sum(1 for line in lines if line and not line.startswith("#"))


def functions(path):
    """The functions of a C file that clang-format has been over: body braces stand alone in the first column."""
    lines = strip_comments(open(path, errors="replace").read()).splitlines()
    start = name = None
    for number, line in enumerate(lines):
        if line == "{":
            start, name = number, signature_name(lines[:number])
        elif line == "}" and start is not None:
            yield Function(number - start - 1, name, path)
            start = None


def signature_name(lines):
    """The function's name from the lines before its body: the word before the first parenthesis of its signature."""
    for line in reversed(lines):
        if re.match(r"\w", line):
            match = re.search(r"(\w+)\(", line)
            return match[1] if match else line.split()[0]
    return "?"


def sources(top):
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            if name.endswith((".c", ".h", ".S", ".lds", ".def", ".py")) or top == "scripts" and "__pycache__" not in path:
                yield path


def report(folders):
    by_file = {path: code_lines(path) for top in folders for path in sources(top)}
    by_folder = Counter()
    for path, lines in by_file.items():
        by_folder[path.split("/")[0]] += lines

    print("\nCode lines, without blanks and comments:")
    for folder in folders:
        budget = f"   (of {BUDGETS[folder]})" if folder in BUDGETS else ""
        print(f"  {by_folder[folder]:6} {folder}{budget}")
    print(f"  {by_folder['hypervisor'] + by_folder['arch']:6} trusted: hypervisor and arch   (of {sum(BUDGETS.values())})")

    product = [path for path in by_file if path.endswith(".c") and not path.startswith("tests/")]
    found = sorted((f for path in product for f in functions(path)), reverse=True)
    if not found:
        return
    lengths = sorted(f.lines for f in found)
    print(f"\n{len(found)} functions: median {lengths[len(lengths) // 2]} lines, nine of ten within "
          f"{lengths[len(lengths) * 9 // 10]}, {sum(1 for n in lengths if n > LARGE_FUNCTION)} past {LARGE_FUNCTION}")
    print("Largest functions:")
    for function in found[:10]:
        print(f"  {function.lines:6} {function.name}   {function.path}")
    print(f"Largest files ({sum(1 for path in product if by_file[path] > LARGE_FILE)} past {LARGE_FILE}):")
    for path in sorted(product, key=by_file.get, reverse=True)[:10]:
        print(f"  {by_file[path]:6} {path}")
