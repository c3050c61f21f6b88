# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results for people (a table, a message) and for machines (JUnit XML)."""

from __future__ import annotations

import re
import typing as t
from xml.etree import ElementTree

Result = t.Mapping[str, t.Any]

WIDEST = 48


def table_of(results: t.Sequence[Result]) -> str:
    """One line per check: what was expected, what was seen."""
    head = ("check", "from", "result", "expected", "observed", "took")
    rows = [
        (
            str(one["name"]),
            str(one["from"]),
            "passed" if one["passed"] else "FAILED",
            str(one["expected"]),
            str(one["observed"]),
            f"{one['seconds']:.1f} s",
        )
        for one in results
    ]
    cut = [tuple(_cut(cell) for cell in row) for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cut) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cut]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _cut(cell: str) -> str:
    cell = " ".join(cell.split())
    return cell if len(cell) <= WIDEST else cell[: WIDEST - 1] + "…"


def sentence_of(result: Result) -> str:
    """A failed check in one or two sentences: expected, observed, then the diagnosis and the remedy."""
    text = f"{result['name']}: expected {result['expected']}, observed {result['observed']}."
    for part in (result.get("diagnosis"), result.get("remedy")):
        if part:
            text += f" {part}"
    return text


def message_of(results: t.Sequence[Result]) -> str:
    """All checks in one message."""
    failed = [one for one in results if not one["passed"]]
    if not failed:
        return f"{_checks(len(results))} passed."
    head = f"{len(failed)} of {_checks(len(results))} failed. " if len(results) > 1 else ""
    return head + " ".join(sentence_of(one) for one in failed)


def _checks(count: int) -> str:
    return "1 check" if count == 1 else f"{count} checks"


def junit_of(results: t.Sequence[Result], suite: str = "mesh.workshop") -> bytes:
    """JUnit XML as CI systems read it."""
    failures = sum(1 for one in results if not one["passed"])
    seconds = sum(float(one["seconds"]) for one in results)
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
            failure = ElementTree.SubElement(case, "failure", message=_xml(sentence_of(one)), type="verification")
            failure.text = _xml("\n".join(str(sample) for sample in one["failing_samples"]))
        output = ElementTree.SubElement(case, "system-out")
        output.text = _xml(f"expected: {one['expected']}\nobserved: {one['observed']}\nevidence: {one['evidence']}")
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _xml(text: str) -> str:
    """Text without the characters that XML 1.0 cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
