# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results for people (a table, a message) and for machines (JUnit XML)."""

from __future__ import annotations

import itertools
import re
import textwrap
import typing as t
from xml.etree import ElementTree

Result = t.Mapping[str, t.Any]

# A line of a log; people's screens have their own width.
WIDTH = 120
# On screens that are narrower a table has no room for what was expected: the check's name tells it in short.
ROOMY = 100
HIGHEST = 3


def table_of(results: t.Sequence[Result], width: int = WIDTH) -> str:
    """A row per check: what was expected, what was seen. ``width`` is that of the screen, in characters."""
    rows = [
        {
            "check": str(one["name"]),
            "from": str(one["from"]),
            "result": "passed" if one["passed"] else "FAILED",
            "expected": str(one["expected"]),
            "observed": str(one["observed"]),
            "took": f"{one['seconds']:.1f} s",
        }
        for one in results
    ]
    narrow = ("check", "result", "observed", "took")
    head = ("check", "from", "result", "expected", "observed", "took") if width >= ROOMY else narrow
    return fitted([[row[name] for name in head] for row in rows], head, ("check", "expected", "observed"), width)


def fitted(rows: t.Sequence[t.Sequence[str]], head: t.Sequence[str], folded: t.Collection[str], width: int) -> str:
    """A table that is no wider than the screen where folding these columns is enough for that."""
    cells = [list(head), *rows]
    folding = [index for index, name in enumerate(head) if name in folded]
    widths = _share([max(len(row[index]) for row in cells) for index in range(len(head))], folding, width)
    lines = [line for row in cells for line in _row(row, widths)]
    lines.insert(1, "  ".join("-" * one for one in widths))
    return "\n".join(lines)


def _share(wanted: t.Sequence[int], folding: t.Sequence[int], width: int) -> list[int]:
    """The columns' widths. Those that fold share what the others leave; none gets more than it wants."""
    given = list(wanted)
    left = width - 2 * (len(wanted) - 1) - sum(one for index, one in enumerate(wanted) if index not in folding)
    for number, index in enumerate(sorted(folding, key=lambda index: wanted[index])):
        given[index] = min(wanted[index], max(8, left // (len(folding) - number)))
        left -= given[index]
    return given


def _row(cells: t.Sequence[str], widths: t.Sequence[int]) -> list[str]:
    """A row's lines: a cell that is too long is folded, and cut where it would become too high."""
    folded = [
        textwrap.wrap(cell, width, max_lines=HIGHEST, placeholder=" …", break_on_hyphens=False) or [""]
        for cell, width in zip(cells, widths, strict=True)
    ]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in itertools.zip_longest(*folded, fillvalue="")
    ]


def reasons(results: t.Iterable[Result]) -> list[list[Result]]:
    """The failed checks by what explains them. A check that nothing explains stands alone."""
    groups: dict[t.Hashable, list[Result]] = {}
    for number, one in enumerate(results):
        if not one["passed"]:
            groups.setdefault(_reason(one) or number, []).append(one)
    return list(groups.values())


def _reason(result: Result) -> str:
    """The diagnosis and the remedy."""
    return " ".join(str(result[part]) for part in ("diagnosis", "remedy") if result.get(part))


def _difference(result: Result) -> str:
    return f"{result['name']}: expected {result['expected']}, observed {result['observed']}."


def message_of(results: t.Sequence[Result]) -> str:
    """All checks in one message: what each expected and observed, and each reason once."""
    groups = reasons(results)
    if not groups:
        return f"{_checks(len(results))} passed."
    said = []
    if len(results) > 1:
        said.append(f"{sum(map(len, groups))} of {_checks(len(results))} failed.")
    for group in groups:
        said += map(_difference, group)
        why = _reason(group[0])
        if why:
            said.append(f"These {len(group)} checks fail for one reason: {why}" if len(group) > 1 else why)
    return " ".join(said)


def _checks(count: int) -> str:
    return "1 check" if count == 1 else f"{count} checks"


def junit_of(results: t.Sequence[Result], suite: str = "mesh.workshop") -> bytes:
    """JUnit XML as CI systems read it."""
    failures = sum(1 for one in results if not one["passed"])
    seconds = sum(float(one["seconds"]) for one in results)
    firsts = {_reason(group[0]): group[0] for group in reasons(results)}
    root = ElementTree.Element("testsuites")
    group = ElementTree.SubElement(
        root,
        "testsuite",
        name=suite,
        tests=str(len(results)),
        failures=str(failures),
        errors="0",
        skipped="0",
        time=f"{seconds:.3f}",
    )
    for one in results:
        case = ElementTree.SubElement(
            group,
            "testcase",
            name=_xml(str(one["name"])),
            classname=f"{suite}.{one['from']}",
            time=f"{one['seconds']:.3f}",
        )
        if not one["passed"]:
            why = _reason(one)
            if why and firsts[why] is not one:
                why = f"It fails for the same reason as {firsts[why]['name']}."
            said = f"{_difference(one)} {why}".rstrip()
            failure = ElementTree.SubElement(case, "failure", message=_xml(said), type="verification")
            failure.text = _xml("\n".join(str(sample) for sample in one["failing_samples"]))
        output = ElementTree.SubElement(case, "system-out")
        output.text = _xml(f"expected: {one['expected']}\nobserved: {one['observed']}\nevidence: {one['evidence']}")
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _xml(text: str) -> str:
    """Text without the characters that XML 1.0 cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
