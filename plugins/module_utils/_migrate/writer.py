# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what became of a file: kept documents with their comments, new ones with their origin."""

from __future__ import annotations

import json
import re
import typing as t

from .edits import comment_in, edited
from .model import REFUSED, Doc, Json, Map, plain
from .reader import parse

MARK = "mesh.workshop.migrate"
_VERSION = re.compile(r"^(apiVersion[ \t]*:[ \t]*)(\"?'?)networking\.istio\.io/v1alpha3(\"?'?)", re.MULTILINE)
_SEPARATOR = re.compile(r"(?:---[ \t]*(?:#[^\n]*|\r)?(?:\n|$))?")
_WIDTH = 110
_DUMPER: list[t.Any] = []


def dump(document: t.Any) -> str:
    """A document as YAML."""
    import yaml

    base: t.Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    if not _DUMPER:

        class Dumper(base):  # type: ignore[misc]  # the base is chosen at run time
            pass

        def text(dumper: t.Any, value: str) -> t.Any:
            style = "|" if "\n" in value else None
            return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

        Dumper.add_representer(str, text)
        Dumper.ignore_aliases = lambda _self, _value: True
        _DUMPER.append(Dumper)
    return str(yaml.dump(plain(document), Dumper=_DUMPER[0], sort_keys=False, width=_WIDTH, allow_unicode=True))


def write_chunk(chunk: str, first_line: int, docs: list[Doc], mended: str) -> str:
    """The text that takes the place of a chunk; the chunk itself where all of it stays.

    :param first_line: where it begins in its file
    :param mended: the chunk's text after its slips were mended, which is what its documents were read from
    """
    if not any(doc.handled for doc in docs):
        return chunk
    parts: list[str] = []
    for doc in docs:
        if not doc.handled:
            parts.append(chunk if doc.own is None else doc.own or dump(doc.value))
        elif doc.refusal or not doc.outputs:
            parts.append(_comment(_fate(doc)))
        elif doc.kept and doc.own is None:
            parts.append(_kept(doc, doc.value, mended, first_line))
        elif doc.kept and doc.own:
            parts.append(_kept(doc, parse(doc.own), doc.own, 1))
        else:
            lead = _leading(mended if doc.own is None else doc.own)
            origin = _comment(f"{MARK}: from {doc.file}, line {doc.line}: {doc.title}.")
            parts.append(lead + "---\n".join(origin + dump(out) for out in doc.outputs))
    if docs[0].own is not None:
        # The lines of the List itself are gone, and their comments stay.
        parts[0] = _lost(chunk, "".join(parts)) + parts[0]
    head = "---\n" if chunk.startswith("---") and not parts[0].startswith("---") else ""
    return head + "---\n".join(part if part.endswith("\n") else part + "\n" for part in parts)


def _fate(doc: Doc) -> str:
    what = f"{MARK}: {doc.title} ({doc.file}, line {doc.line})"
    if doc.refusal:
        return f"{what} is not converted: {doc.refusal.text}"
    if doc.moved_to:
        return f"{what} is part of {', '.join(dict.fromkeys(doc.moved_to))}."
    reason = doc.differences[-1].text if doc.differences else "nothing takes its place."
    return f"{what}: {reason}"


def _comment(text: str) -> str:
    return "# " + " ".join(text.split()) + "\n"


def _leading(text: str) -> str:
    """The comments before the first key."""
    kept = []
    for line in re.sub(r"\A---[^\n]*\n?", "", text).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            break
        if line.strip() and MARK not in line:
            kept.append(line.strip() + "\n")
    return "".join(kept)


def _kept(doc: Doc, value: Map, text: str, first_line: int) -> str:
    out = doc.outputs[0]
    head = _SEPARATOR.match(text).group()  # type: ignore[union-attr]  # it matches the empty text
    body = text[len(head) :]
    origin = _comment(f"{MARK}: from {doc.file}, line {doc.line}: {doc.title}, {doc.api_version}.")
    if body.startswith("---"):
        # The document begins on the line of the separator.
        return "---\n" + origin + _with_lost(body, dump(out))
    old = Map(value.place)
    old.update(value)
    old.at = value.at
    if len(_VERSION.findall(body)) == 1:
        body = _VERSION.sub(rf"\g<1>\g<2>{out['apiVersion']}\g<3>", body)
        old["apiVersion"] = out["apiVersion"]
    if old == out:
        return head + origin + body
    return head + origin + _rewritten(body, first_line + head.count("\n"), old, out)


def _rewritten(body: str, first_line: int, old: Map, out: Json) -> str:
    """A document's text with another content: what says the same stays as it is, and comments stay."""
    if "*" in body and re.search(r"(?:^|\s)[&*][A-Za-z]", body):
        # What an alias stands for may have become another thing in each place.
        return _with_lost(body, dump(out))
    return _with_lost(body, edited(body, first_line, old, out, dump) or dump(out))


def _with_lost(body: str, written: str) -> str:
    """The text with the comments that found no place in it, at its head."""
    return _lost(body, written) + written


def _lost(body: str, written: str) -> str:
    """The comments that are not in what is written, a line for each."""
    kept = {comment_in(line) for line in written.splitlines()}
    return "".join(f"{text}\n" for line in body.splitlines() if (text := comment_in(line)) and text not in kept)


def write_json(documents: list[Json]) -> str:
    """Documents as JSON: one alone as it is, several as a List."""
    whole: t.Any = documents[0] if len(documents) == 1 else {"apiVersion": "v1", "kind": "List", "items": documents}
    return json.dumps(plain(whole), indent=2) + "\n"


def json_documents(docs: list[Doc]) -> list[Json]:
    """What a JSON file holds after the conversion."""
    found: list[Json] = []
    for doc in docs:
        if not doc.handled:
            found.append(plain(doc.value))
        elif doc.status != REFUSED:
            found += doc.outputs
    return found
