# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The layout of a lab.yml: its JSON schema, and the first fault of a file with the line that it is on.

``docs/lab.schema.json`` is this schema as editors read it; ``make guides`` writes it and a unit test compares.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import typing as t

Path: t.TypeAlias = "tuple[str | int, ...]"

_NAME = "^[a-z][a-z0-9_]*$"
_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_DOCUMENTS = {"type": "array", "items": {"$ref": "#/definitions/document"}}
_CHECKS = {"type": "array", "items": {"$ref": "#/definitions/check"}}
LAB_SCHEMA: dict[str, t.Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "A lab of mesh.workshop, once its template is rendered",
    "type": "object",
    "required": ["title", "stages"],
    "additionalProperties": False,
    "properties": {
        "title": {**_TEXT, "description": "One or two words."},
        "teaches": {**_TEXT, "description": "One sentence."},
        "minutes": {"type": "integer", "minimum": 1, "description": "How long an attendee takes."},
        "needs": {
            "type": "array",
            "items": {"type": "string", "pattern": _NAME},
            "description": "Roles of this collection that are installed first.",
        },
        "stages": {
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/definitions/stage"},
            "description": "Each is a whole state: baseline, less what it removes, plus its resources.",
        },
        "exercise": {"$ref": "#/definitions/exercise"},
    },
    "definitions": {
        "exercise": {
            "type": "object",
            "description": "What makes a lab an exercise: its stage is broken, mended where baseline's checks pass.",
            "required": ["symptom", "hints", "cause"],
            "additionalProperties": False,
            "properties": {
                "symptom": {**_TEXT, "description": "What an attendee sees, in one sentence."},
                "hints": {
                    "type": "array",
                    "minItems": 2,
                    "maxItems": 4,
                    "items": _TEXT,
                    "description": "What leads to the cause, step by step.",
                },
                "cause": {**_TEXT, "description": "What is wrong and what mends it, in one sentence."},
            },
        },
        "stage": {
            "type": "object",
            "required": ["name", "title"],
            "additionalProperties": False,
            "properties": {
                "name": {"type": "string", "pattern": _NAME},
                "title": {**_TEXT, "description": "One line."},
                "removes": {**_DOCUMENTS, "description": "What of baseline this stage takes away."},
                "resources": {**_DOCUMENTS, "description": "What it adds: manifests without a namespace."},
                "checks": {**_CHECKS, "description": "What traffic must show."},
                "steps": {
                    "type": "array",
                    "items": {"$ref": "#/definitions/step"},
                    "description": "States on the way to the stage.",
                },
                "gateway_api": {"$ref": "#/definitions/form"},
            },
        },
        "form": {
            "type": "object",
            "description": "The same stage in the form of the Kubernetes Gateway API, or why it has none.",
            "additionalProperties": False,
            "properties": {
                "lacks": {**_TEXT, "description": "What the Gateway API cannot say; a stage with it has no form."},
                "channel": {
                    "enum": ["experimental"],
                    "description": "The channel that its resources need where the standard one is not enough.",
                },
                "removes": {**_DOCUMENTS, "description": "In place of the stage's own."},
                "resources": {**_DOCUMENTS, "description": "In place of the stage's own."},
                "steps": {
                    "type": "array",
                    "items": {"$ref": "#/definitions/step"},
                    "description": "In place of the stage's own; each has the checks of the stage's step of its name.",
                },
            },
        },
        "step": {
            "type": "object",
            "required": ["name", "resources"],
            "additionalProperties": False,
            "properties": {"name": _TEXT, "resources": _DOCUMENTS, "checks": _CHECKS},
        },
        "document": {
            "type": "object",
            "required": ["apiVersion", "kind", "metadata"],
            "properties": {
                "apiVersion": _TEXT,
                "kind": _TEXT,
                "metadata": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": _TEXT, "namespace": _TEXT, "labels": _TEXTS, "annotations": _TEXTS},
                },
            },
        },
        "check": {
            "type": "object",
            "required": ["name"],
            "description": "The options of mesh.workshop.verify, which the module validates, and where it fails.",
            "properties": {
                "name": _TEXT,
                "control": {"type": "boolean", "description": "Whether this must not have changed."},
                "fails_in": {
                    "type": ["string", "object"],
                    "description": "Baseline, an earlier stage, or a mutation of this one, in which the check fails.",
                    "required": ["mutation"],
                    "additionalProperties": False,
                    "properties": {"mutation": {"$ref": "#/definitions/mutation"}},
                },
            },
        },
        "mutation": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"resources": _DOCUMENTS, "removes": _DOCUMENTS},
        },
    },
}

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a string",
    "integer": "a whole number",
    "boolean": "true or false",
}


@dataclasses.dataclass(frozen=True)
class Fault:
    """What is wrong, and the keys and list positions that lead there."""

    path: Path
    text: str


def layout_fault(data: t.Any) -> Fault | None:
    """The first thing in a parsed lab.yml that the schema does not allow; None where there is none."""
    import fastjsonschema  # 30 ms that only labs need

    try:
        _validator()(data)
    except fastjsonschema.JsonSchemaValueException as error:
        path = tuple(int(part) if part.isdigit() else part for part in error.path[1:])
        return Fault(path, _sentence(path, error))
    names = [stage["name"] for stage in data["stages"]]
    for number, name in enumerate(names):
        if name in names[:number]:
            return Fault(("stages", number, "name"), f"two stages have the name {name}")
    for number, stage in enumerate(data["stages"]):
        others = sorted({*stage.get("gateway_api", ())} - {"lacks"})
        if "lacks" in stage.get("gateway_api", ()) and others:
            told = f"lacks stands beside {' and '.join(others)}, and a stage has a form or lacks one"
            return Fault(("stages", number, "gateway_api", "lacks"), told)
    return None


@functools.cache
def _validator() -> t.Callable[[t.Any], t.Any]:
    import fastjsonschema

    return t.cast("t.Callable[[t.Any], t.Any]", fastjsonschema.compile(LAB_SCHEMA))


def place(data: t.Any, path: Path) -> str:
    """Where a path leads, with the names of stages, steps and checks in place of their positions."""
    words: list[str] = []
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            data = None
        if not isinstance(key, int):
            words.append(key)
            continue
        words.append(f"{words.pop().removesuffix('s')} {_called(data) or key + 1}")
    return ", ".join(words)


def _called(entry: t.Any) -> str:
    """The name of a stage, step or check, or kind and name of a document; empty where it has none."""
    if not isinstance(entry, dict):
        return ""
    if isinstance(entry.get("name"), str):
        return str(entry["name"])
    meta = entry.get("metadata")
    named = isinstance(meta, dict) and isinstance(meta.get("name"), str)
    return f"{entry.get('kind', 'document')} {meta['name']}" if named and isinstance(meta, dict) else ""


def line_of(text: str, path: Path) -> int:
    """The line, counted from 1, of the value at a path in a YAML text, or of its nearest parent."""
    import yaml

    node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    mark = node.start_mark if node is not None else None
    for key in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((name, value) for name, value in node.value if name.value == key), None)
            if found is None:
                break
            mark, node = found[0].start_mark, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            mark = node.start_mark
        else:
            break
    return mark.line + 1 if mark is not None else 1


def template_line(template: str, rendered: str, line: int) -> int:
    """The line of a template from which a line of its rendered text comes, both counted from 1."""
    before, after = template.splitlines(), rendered.splitlines()
    for _tag, start, end, rendered_start, rendered_end in difflib.SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        if rendered_start <= line - 1 < rendered_end:
            return min(start + line - 1 - rendered_start, max(start, end - 1)) + 1
    return max(1, min(line, len(before)))


def did_you_mean(word: str, words: t.Iterable[str]) -> str:
    """A guess for a misspelt word, in brackets; empty where nothing is close."""
    close = difflib.get_close_matches(str(word), list(words), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _sentence(path: Path, error: t.Any) -> str:
    key = str(path[-1]) if path and not isinstance(path[-1], int) else ""
    subject = key or "this"
    rule, wanted = error.rule, error.rule_definition
    if rule == "type":
        kinds = [wanted] if isinstance(wanted, str) else wanted
        return f"{subject} must be {' or '.join(_TYPES[kind] for kind in kinds)}"
    if rule == "required":
        missing = next(name for name in wanted if name not in error.value)
        return f"{key}{'.' if key else ''}{missing} is missing"
    if rule == "additionalProperties":
        known = error.definition["properties"]
        unknown = next(name for name in error.value if name not in known)
        return f"{unknown} is not known{did_you_mean(unknown, known)}; known are {', '.join(known)}"
    if rule == "enum":
        return f"{subject} must be {' or '.join(wanted)}"
    if rule == "pattern":
        return f"{subject} {error.value!r} must begin with a small letter and have only small letters, digits and _"
    if rule in ("minItems", "maxItems") and wanted > 1:
        bound = "least" if rule == "minItems" else "most"
        return f"{subject} must have at {bound} {wanted} entries and has {len(error.value)}"
    if rule in ("minItems", "minLength"):
        return f"{subject} is empty"
    return f"{subject} must be at least {wanted}" if rule == "minimum" else str(error.message)
