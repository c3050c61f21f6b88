# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way: files in, files and a report out. Nothing here reads or writes a disk."""

from __future__ import annotations

import dataclasses
import functools
import re
import typing as t

from . import authentication, checks, grouping, mixer, names, quota, rbac, rbac_switch, routing, v1alpha1
from .facts import Facts
from .fields import check_output
from .files import Elsewhere
from .foreign import foreign_to_kubernetes, is_open_template, is_template
from .grouping import REMOVED, is_legacy
from .limits import MAX_LIMITS
from .lists import Item, is_list, items_of, left_out
from .lost import Lost, guessed
from .model import CONVERTED, DIFFERS, REFUSED, UNCHANGED, Doc, Json, Map, Note, Options, Refused, place_of
from .rbac_rules import MAX_POLICIES
from .reader import MAX_DOCUMENT, MAX_FILE_DOCUMENTS, MAX_FILE_NODES, Meter, is_empty, parse, read_bytes, split
from .slips import MAX_MENDED, has_arrow, mend, mend_separators
from .writer import json_documents, write_chunk, write_json

_REMEDY = "render it first (helm template, envsubst …)."
_RENDER = f"the document is a template; {_REMEDY}"
_FIRST_FORM = re.compile(r"^type[ \t]*:[ \t]*(?:route-rule|destination-policy)", re.MULTILINE)
_REQUEST = re.compile(r"request|^(?:not)?(?:hosts|methods|paths)$", re.IGNORECASE)
_SERVER_SET = (
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
    "clusterName",
    "initializers",
)
_MAISTRA = ("authentication.maistra.io", "rbac.maistra.io")
_OURS = ("istio.io/", *(f"{group}/" for group in _MAISTRA))
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_FAMILIES = ("routing", "v1alpha1", "rbac", "authentication", "quota", "mixer", "telemetry", "other")


@dataclasses.dataclass
class Chunk:
    """A piece of a file: a document, or a List of them."""

    text: str
    line: int
    mended: str
    # Fields of a List, which are only there while its items stay in it.
    left_out: list[str] = dataclasses.field(default_factory=list)
    docs: list[Doc] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class File:
    """An input file with what becomes of it."""

    name: str
    chunks: list[Chunk] = dataclasses.field(default_factory=list)
    refusal: Note | None = None
    # Whether its documents are read under another name.
    elsewhere: bool = False
    # A byte order mark, which only a file that stays as it is keeps.
    mark: str = ""

    @property
    def docs(self) -> list[Doc]:
        return [doc for chunk in self.chunks for doc in chunk.docs]

    @property
    def changed(self) -> bool:
        return any(doc.handled for doc in self.docs)

    @functools.cached_property
    def _text(self) -> str | None:
        if self.refusal:
            return None
        if self.name.endswith(".json") and self.changed:
            # JSON has no comments to say in what was refused.
            documents = json_documents(self.docs)
            return write_json(documents) if documents or not any(doc.refusal for doc in self.docs) else None
        out = "" if self.changed else self.mark
        for chunk in self.chunks:
            piece = write_chunk(chunk.text, chunk.line, chunk.docs, chunk.mended)
            if out.removeprefix("\ufeff") and not out.endswith("\n"):
                out += "\n"
            out += piece
        return out

    def text(self) -> str | None:
        """The output; None if the file as a whole is refused, or all that is in a JSON file."""
        return self._text


@dataclasses.dataclass
class Result:
    """All files, and the counts that the report begins with."""

    files: list[File]
    options: Options

    @property
    def docs(self) -> list[Doc]:
        return [doc for file in self.files for doc in file.docs]

    def summary(self) -> Json:
        statuses = (CONVERTED, DIFFERS, UNCHANGED, REFUSED)
        families: Json = {}
        for doc in self.docs:
            counts = families.setdefault(doc.family, dict.fromkeys(statuses, 0))
            counts[doc.status] += 1
        whole = {status: sum(counts[status] for counts in families.values()) for status in statuses}
        return {
            "files": len(self.files),
            "files_refused": sum(1 for file in self.files if file.refusal),
            "documents": len(self.docs),
            **whole,
            "families": {name: families[name] for name in _FAMILIES if name in families},
        }

    def refusals(self) -> list[str]:
        """Each refusal as a sentence that begins with file and line."""
        found = []
        for file in self.files:
            if file.refusal:
                found.append(f"{file.name}, line {file.refusal.line or 1}: {file.refusal.text}")
            for doc in file.docs:
                if doc.refusal:
                    field = doc.refusal.field if doc.refusal.field not in doc.refusal.text else ""
                    where = (file.name, f"line {doc.refusal.line}", doc.title, field)
                    found.append(f"{', '.join(filter(None, where))}: {doc.refusal.text}")
        return found


def migrate(sources: t.Iterable[tuple[str, bytes | str]], options: Options, given: t.Iterable[t.Any] = ()) -> Result:
    """Converts files.

    :param sources: the name of each file, relative to the source, with its bytes; a text in their place says why the
        file cannot be read
    :param given: facts as variables (mappings with `services` and `workloads`) or a cluster's documents
    :raises Refused: if a fact has the wrong form
    """
    files = [_read(name, data) for name, data in sources]
    facts = Facts(options.namespace)
    for fact in given:
        if "kind" in fact:
            facts.add_document(fact)
        else:
            facts.add_variable(fact)
    for file in files:
        for doc in file.docs:
            facts.add_document(doc.value, file.name)
    refused = [file.name for file in files if file.refusal and not file.elsewhere]
    run = _Run(options, refused, Meter(MAX_LIMITS), Meter(MAX_POLICIES))
    units = list(grouping.units(files, facts.namespace))
    for unit, context in units:
        _convert(unit, context, facts.near(unit[0].file) if unit else facts, run)
    names.settle([unit for unit, _context in units], facts.namespace)
    for chunk in (chunk for file in files for chunk in file.chunks):
        for field in chunk.left_out if any(doc.handled for doc in chunk.docs) else ():
            chunk.docs[0].note(f"{field} of the List is left out, as its items become documents of their own.", field)
    return Result(files, options)


def _read(name: str, data: bytes | str) -> File:
    file = File(name, elsewhere=isinstance(data, Elsewhere))
    try:
        if isinstance(data, str):
            raise Refused(data)
        text = read_bytes(data)
        file.mark = "\ufeff" if data.startswith(b"\xef\xbb\xbf") else ""
    except Refused as why:
        file.refusal = Note(why.reason, why.field, *why.place)
        return file
    separators: list[Note] = []
    if _is_ours(text):
        text, separators = mend_separators(text)
    moved = {note.line: note for note in separators}
    nodes, budget = Meter(MAX_FILE_NODES), Meter(MAX_MENDED)
    number = documents = 0
    try:
        for line, chunk in split(text):
            piece = Chunk(chunk, line, chunk)
            file.chunks.append(piece)
            if is_empty(chunk):
                continue
            number += 1
            _read_chunk(piece, name, number, nodes, budget)
            documents += len(piece.docs)
            if nodes.left < 0 or documents > MAX_FILE_DOCUMENTS:
                raise Refused(
                    f"the file has more than {MAX_FILE_DOCUMENTS} documents or {MAX_FILE_NODES} values; split it.",
                    place=(line, 1),
                )
            if line in moved and piece.docs:
                piece.docs[0].repairs.append(moved[line])
                piece.docs[0].handled = piece.docs[0].handled or piece.docs[0].group not in ("", "apps")
        if _is_ours(text) and any(is_open_template(chunk.text) for chunk in file.chunks):
            for doc in (doc for doc in file.docs if not doc.refusal):
                doc.unread = True
                doc.refuse(Refused(f"a block of a template spans several documents of the file; {_REMEDY}"))
    except Refused as why:
        file.chunks = []
        file.refusal = Note(why.reason, why.field, *why.place)
    return file


def _is_ours(text: str) -> bool:
    """Whether there may be a document of Istio's. A plain search comes first: it takes a large text a thousandth."""
    return any(mark in text for mark in _OURS) or (
        ("route-rule" in text or "destination-policy" in text) and bool(_FIRST_FORM.search(text))
    )


def _read_chunk(piece: Chunk, name: str, number: int, nodes: Meter, budget: Meter) -> None:
    ours, template, line = _is_ours(piece.text), is_template(piece.text), piece.line
    notes: list[Note] = []
    items: list[Item] | None = None
    value: t.Any = None
    try:
        try:
            if ours and has_arrow(piece.text):
                raise Refused("an arrow is left over from a slide.")
            value = parse(piece.text, line, nodes)
        except Refused as why:
            if template:
                raise Refused(_RENDER, why.field, why.place) from why
            if not ours or len(piece.text) > MAX_DOCUMENT:
                raise
            piece.mended, value, notes = mend(piece.text, line, budget)
        if not isinstance(value, Map):
            raise Refused("the document is not a mapping; it needs apiVersion, kind and metadata.", place=(line, 1))
        if ours and is_list(value):
            items = items_of(value, piece.mended, line)
            piece.left_out = left_out(value)
    except Refused as why:
        seen = guessed(piece.text, (line, 1)) if ours else Map((line, 1))
        doc = Doc(name, number, line, template, seen, family=_guess(piece.text))
        foreign = "" if ours else foreign_to_kubernetes(piece.text, name, template, value)
        if foreign:
            doc.note(foreign)
        else:
            doc.unread = True
            doc.refuse(why)
        piece.docs.append(doc)
        return
    if items is None and is_list(value):
        items = [Item(item, item.place, "") for item in value["items"] if isinstance(item, Map)]
    if items is None:
        first = min((place[0] for place in value.at.values()), default=line)
        piece.docs.append(Doc(name, number, first, template, value))
    for item in items or ():
        piece.docs.append(Doc(name, number, item.place[0], template, item.value, own=item.text))
    for note in notes if piece.docs else ():
        piece.docs[0].repairs.append(note)
        piece.docs[0].handled = True


def _guess(text: str) -> str:
    """The family of a document that cannot be read."""
    if not _is_ours(text):
        return "other"
    kind = re.search(r"^kind[ \t]*:[ \t]*[\"']?(\w+)", text, re.MULTILINE)
    for group in (*REMOVED, "networking.istio.io", *_MAISTRA):
        if re.search(rf"^apiVersion[ \t]*:[ \t]*[\"']?{re.escape(group)}/", text, re.MULTILINE):
            value = Map()
            value["apiVersion"], value["kind"] = f"{group}/v1", kind.group(1) if kind else ""
            return _family(Doc("", 0, 0, False, value))
    return "other"


@dataclasses.dataclass
class _Run:
    """What all units of a run share: options, files that were refused as a whole, what may still be written."""

    options: Options
    refused: list[str]
    limits: Meter
    policies: Meter


def _convert(unit: list[Doc], context: list[Doc], facts: Facts, run: _Run) -> None:
    options = run.options
    around = [
        Doc(doc.file, doc.number, doc.line, doc.template, doc.value, primary=False)
        for doc in context
        if not doc.unread and (is_legacy(doc) or doc.group == "networking.istio.io")
    ]
    for doc in [*unit, *around]:
        if not doc.refusal and doc.value and (is_legacy(doc) or doc.group == "networking.istio.io"):
            _check(doc)
    docs = [doc for doc in [*unit, *around] if not doc.refusal]
    lost = Lost([*unit, *around, *(doc for doc in context if doc.unread)], run.refused)
    routing.convert(docs, facts)
    v1alpha1.convert(docs, facts)
    rbac.convert(docs, facts, options, lost, run.policies)
    authentication.convert(docs, facts, options)
    joined = mixer.read([doc for doc in docs if doc.family == "other"], facts, lost)
    quota.convert(joined, facts, options, run.limits)
    checks.convert(joined, facts, options)
    _take_over(unit, around, context)
    for doc in unit:
        if doc.refusal and doc.lacking:
            doc.refusal = dataclasses.replace(doc.refusal, text=lost.elsewhere(doc.refusal.text))
        _finish(doc)


def _take_over(unit: list[Doc], around: list[Doc], context: list[Doc]) -> None:
    """Gives a variant's documents what they have changed in the outputs of documents that are only looked at."""
    before = {(doc.file, doc.number, doc.identity): doc for doc in context}
    for other in around:
        original = before[other.file, other.number, other.identity]
        names = {f"{out['kind']} {out['metadata']['name']}" for out in other.outputs}
        if other.kept or other.refusal or not names or other.outputs == original.outputs:
            continue
        for doc in unit:
            if not doc.refusal and names & set(doc.moved_to):
                doc.outputs += other.outputs
                doc.moved_to = [name for name in doc.moved_to if name not in names]
                for note in other.differences:
                    doc.differ(note.text, note.field, (note.line, note.column))
                doc.note(f"With {other.title} of {other.file}.")
                break


def _check(doc: Doc) -> None:
    """Refuses what no family could convert."""
    try:
        if doc.template:
            raise Refused(_RENDER)
        known = ("apiVersion", "kind", "metadata", "spec", "status", "type", "name")
        for key in doc.value:
            if key not in known:
                raise Refused(
                    f"{key} has no place in a document; it may belong in spec.", key, place_of(doc.value, key)
                )
        if not doc.value.get("type"):
            if not isinstance(doc.value.get("metadata"), Map) or not doc.name:
                raise Refused("metadata.name is missing.", "metadata.name", doc.value.place)
        elif not doc.name:
            # Istio 0.1 had the name beside the spec, or in it.
            meta = Map(doc.value.place)
            meta["name"] = str(
                doc.value.get("name") or doc.spec().get("name") or doc.spec().get("destination") or "rule"
            )
            doc.value["metadata"] = meta
        for key in ("labels", "annotations"):
            if doc.meta.get(key) is not None and not isinstance(doc.meta[key], Map):
                raise Refused(f"metadata.{key} must be a mapping.", f"metadata.{key}", place_of(doc.meta, key))
        namespace = doc.meta.get("namespace")
        if namespace is not None and not isinstance(namespace, str):
            raise Refused("metadata.namespace must be a string.", "metadata.namespace", place_of(doc.meta, "namespace"))
        doc.spec()
    except Refused as why:
        doc.refuse(why)
        doc.family = _family(doc)


def _family(doc: Doc) -> str:
    if rbac_switch.is_mine(doc):
        return "rbac"
    if doc.group == "authentication.istio.io":
        return "authentication"
    if doc.group == "networking.istio.io":
        return "routing"
    if v1alpha1.is_mine(doc):
        return "v1alpha1"
    if doc.group == "config.istio.io":
        quotas = ("memquota", "redisquota", "quota", "QuotaSpec", "QuotaSpecBinding")
        return "quota" if doc.kind in quotas else "mixer"
    return "other"


def _without_servers_fields(doc: Doc) -> None:
    """Leaves out of a kept document what a server has set: with it, it could not be applied elsewhere."""
    out = doc.outputs[0]
    if "status" in out:
        del out["status"]
        doc.note("status is the server's and left out.", "status", place_of(doc.value, "status"))
    meta = dict(out["metadata"])
    for key in [key for key in meta if key in _SERVER_SET]:
        del meta[key]
        doc.note(f"metadata.{key} is set by the server and left out.", f"metadata.{key}", place_of(doc.meta, key))
    notes = meta.get("annotations")
    if isinstance(notes, dict) and _LAST_APPLIED in notes:
        meta["annotations"] = {key: value for key, value in notes.items() if key != _LAST_APPLIED}
        if not meta["annotations"]:
            del meta["annotations"]
        doc.note(f"The annotation {_LAST_APPLIED} holds the old document and is left out.", "metadata.annotations")
    out["metadata"] = meta


def _closes_tcp(spec: Json) -> bool:
    """Whether a DENY policy looks at requests at any port; on TCP ports Istio leaves out what only requests have."""
    if spec.get("action") != "DENY":
        return False
    for rule in spec.get("rules") or []:
        operations = [to.get("operation") or {} for to in rule.get("to") or [{}]]
        sources = [source.get("source") or {} for source in rule.get("from") or []]
        http = any(_REQUEST.search(key) for part in (*operations, *sources) for key in part)
        http = http or any(_REQUEST.search(str(when.get("key"))) for when in rule.get("when") or [])
        if http and not all(operation.get("ports") for operation in operations):
            return True
    return False


def _finish(doc: Doc) -> None:
    if doc.family == "other":
        doc.family = _family(doc)
    if doc.group in REMOVED and not doc.handled:
        doc.refuse(
            Refused(
                f"{doc.kind} of {doc.group} is gone, and nothing is known to take its place.", "kind", doc.value.place
            )
        )
    if doc.refusal or not doc.handled:
        if not doc.handled and doc.family == "other" and doc.value:
            doc.note("No kind that has changed; passed through as it is.")
        return
    try:
        check_output(doc)
    except Refused as why:
        doc.refuse(why)
        return
    if not doc.outputs and doc.repairs and not is_legacy(doc) and not doc.moved_to:
        # Only its text was mended.
        doc.outputs.append(dict(doc.value))
        doc.kept = True
    if doc.kept:
        _without_servers_fields(doc)
        return
    for out in doc.outputs:
        if out["kind"] == "AuthorizationPolicy" and _closes_tcp(out["spec"]):
            doc.differ(
                f"The policy {out['metadata']['name']} denies by what requests hold, which plain TCP does not have: "
                "it closes ports that take TCP. Name ports in its rules if a workload has such."
            )
    carried = {
        key: {name: str(value) for name, value in doc.meta[key].items() if name != _LAST_APPLIED}
        for key in ("labels", "annotations")
        if doc.meta.get(key)
    }
    for key in doc.meta:
        if key not in ("name", "namespace", "labels", "annotations"):
            said = "is set by the server and left out" if key in _SERVER_SET else "has no place in what is written"
            doc.note(f"metadata.{key} {said}.", f"metadata.{key}", place_of(doc.meta, key))
    if doc.value.get("status"):
        doc.note("status is the server's and left out.", "status", place_of(doc.value, "status"))
    for out in doc.outputs:
        for key, values in carried.items():
            if values:
                out["metadata"].setdefault(key, values)
