# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: for machines as JSON (docs/migration-report.schema.json), for people as Markdown and as one HTML page."""

from __future__ import annotations

import html
import json
import typing as t

from .engine import Result
from .model import CONVERTED, DIFFERS, REFUSED, UNCHANGED, Doc, Json

VERSION = 1
_WORDS = {
    CONVERTED: "converted",
    DIFFERS: "converted, with differences",
    UNCHANGED: "unchanged",
    REFUSED: "refused",
}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1b1b1b; }
table { border-collapse: collapse; } th, td { border: 1px solid #ccc; padding: .2rem .6rem; text-align: left; }
td.n { text-align: right; } code { background: #f3f3f3; padding: 0 .2rem; }
.status { border-radius: .6rem; padding: 0 .5rem; color: #fff; background: #2b6cb0; font-size: .85rem; }
.refused { background: #b22222; } .converted_with_differences { background: #9a6700; } .unchanged { background: #666; }
.converted { background: #1a7f37; } h3 { margin-bottom: .2rem; } .place { color: #666; }
"""


def report_json(result: Result) -> Json:
    """The report as data."""
    return {
        "version": VERSION,
        "quota": result.options.quota,
        "summary": result.summary(),
        "files": [
            {
                "path": file.name,
                "changed": file.changed,
                "refusal": file.refusal.as_json() if file.refusal else None,
                "documents": [_document(doc) for doc in file.docs],
            }
            for file in result.files
        ],
    }


def _document(doc: Doc) -> Json:
    # Of a document that is refused nothing is written that could be mended or behave in another way.
    return {
        "number": doc.number,
        "line": doc.line,
        "api_version": doc.api_version,
        "kind": doc.written_kind,
        "namespace": doc.namespace,
        "name": doc.name,
        "family": doc.family,
        "status": doc.status,
        "outputs": [
            {
                "api_version": out["apiVersion"],
                "kind": out["kind"],
                "namespace": str(out["metadata"].get("namespace") or ""),
                "name": str(out["metadata"].get("name") or ""),
            }
            for out in doc.outputs
        ],
        "part_of": list(dict.fromkeys(doc.moved_to)),
        "repairs": [note.as_json() for note in doc.repairs if not doc.refusal],
        "differences": [note.as_json() for note in doc.differences if not doc.refusal],
        "notes": [note.as_json() for note in doc.notes],
        "refusal": doc.refusal.as_json() if doc.refusal else None,
    }


def dumps(report: Json) -> str:
    """The report's JSON as text."""
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def family_table(summary: Json) -> str:
    """Counts by family as a Markdown table."""
    lines = ["| family | converted | with differences | unchanged | refused |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, counts in summary["families"].items():
        numbers = " | ".join(str(counts[status]) for status in (CONVERTED, DIFFERS, UNCHANGED, REFUSED))
        lines.append(f"| {name} | {numbers} |")
    numbers = " | ".join(str(summary[status]) for status in (CONVERTED, DIFFERS, UNCHANGED, REFUSED))
    lines.append(f"| all | {numbers} |")
    return "\n".join(lines) + "\n"


def markdown(report: Json) -> str:
    """The report as Markdown."""
    summary = report["summary"]
    lines = ["# Migration report", "", _headline(summary), "", family_table(summary)]
    for file in report["files"]:
        lines += [f"## {_plain(file['path'])}", ""]
        if file["refusal"]:
            lines += [f"Refused: {_plain(file['refusal']['text'])}", ""]
        for doc in file["documents"]:
            lines += [f"### {_plain(_title(doc))}", "", f"{_sentence(doc)}", ""]
            for heading, notes in _sections(doc):
                lines += [f"{heading}:", ""]
                lines += [f"- {_plain(_placed(note))}" for note in notes]
                lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _headline(summary: Json) -> str:
    return (
        f"{_counted(summary['documents'], 'document')} in {_counted(summary['files'], 'file')}: "
        f"{summary[CONVERTED]} converted, "
        f"{summary[DIFFERS]} converted with differences, {summary[UNCHANGED]} unchanged, {summary[REFUSED]} refused."
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _title(doc: Json) -> str:
    name = f"{doc['namespace']}/{doc['name']}" if doc["namespace"] else doc["name"]
    return f"{doc['kind'] or 'Document'} {name} (line {doc['line']})".replace("  ", " ")


def _sentence(doc: Json) -> str:
    text, comma, rest = _WORDS[doc["status"]].capitalize().partition(",")
    if doc["outputs"]:
        text += " to " + ", ".join(_named(out) for out in doc["outputs"])
    text += comma + rest
    if doc["part_of"]:
        text += f"; part of {', '.join(doc['part_of'])}"
    if doc["refusal"]:
        text += f": {_plain(_placed(doc['refusal']))}"
    return text if text.endswith(".") else text + "."


def _named(out: Json) -> str:
    return f"{out['kind']} {out['namespace']}/{out['name']}" if out["namespace"] else f"{out['kind']} {out['name']}"


def _sections(doc: Json) -> t.Iterator[tuple[str, list[Json]]]:
    for key, heading in (("repairs", "Repairs"), ("differences", "Differences"), ("notes", "Notes")):
        if doc[key]:
            yield heading, doc[key]


def _placed(note: Json) -> str:
    place = f"line {note['line']}, column {note['column']}: " if note["line"] else ""
    field = f"{note['field']}: " if note["field"] and note["field"] not in note["text"] else ""
    return f"{place}{field}{note['text']}"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    escaped = "".join("\\" + char if char in "\\`*_[]<>|#" else char for char in text)
    return " ".join(escaped.split())


def page(report: Json) -> str:
    """The report as one HTML page that needs nothing else."""
    summary = report["summary"]
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Migration report</title>\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>Migration "
        f"report</h1>\n<p>{html.escape(_headline(summary))}</p>\n",
        "<table>\n<tr><th>family</th><th>converted</th><th>with "
        "differences</th><th>unchanged</th><th>refused</th></tr>\n",
    ]
    statuses = (CONVERTED, DIFFERS, UNCHANGED, REFUSED)
    for name, counts in [*summary["families"].items(), ("all", summary)]:
        numbers = "".join(f'<td class="n">{counts[status]}</td>' for status in statuses)
        parts.append(f"<tr><td>{html.escape(name)}</td>{numbers}</tr>\n")
    parts.append("</table>\n")
    for file in report["files"]:
        parts.append(f"<h2>{html.escape(file['path'])}</h2>\n")
        if file["refusal"]:
            parts.append(f"<p>Refused: {html.escape(file['refusal']['text'])}</p>\n")
        for doc in file["documents"]:
            parts.append(_html_document(doc))
    parts.append("</body>\n</html>\n")
    return "".join(parts)


def _html_document(doc: Json) -> str:
    status = f'<span class="status {doc["status"]}">{html.escape(_WORDS[doc["status"]])}</span>'
    parts = [f"<h3>{html.escape(_title(doc))} {status}</h3>\n"]
    if doc["outputs"]:
        parts.append(f"<p>Written: {html.escape(', '.join(_named(out) for out in doc['outputs']))}</p>\n")
    if doc["part_of"]:
        parts.append(f"<p>Part of {html.escape(', '.join(doc['part_of']))}</p>\n")
    if doc["refusal"]:
        parts.append(f"<p>{_html_note(doc['refusal'])}</p>\n")
    for heading, notes in _sections(doc):
        items = "".join(f"<li>{_html_note(note)}</li>\n" for note in notes)
        parts.append(f"<p>{heading}</p>\n<ul>\n{items}</ul>\n")
    return "".join(parts)


def _html_note(note: Json) -> str:
    place = f'<span class="place">line {note["line"]}, column {note["column"]}</span> ' if note["line"] else ""
    field = f"<code>{html.escape(note['field'])}</code> " if note["field"] and note["field"] not in note["text"] else ""
    return place + field + html.escape(note["text"])
