# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import typing as t

from .._kube import Json, Ref, api_version_fault, name_fault, namespace_fault, ref_of
from .sources import SOURCE, DocumentError
from .stamps import SERVER_SET
from .text import DEEPEST, parse_yaml
from .values import plain, type_name

# API groups that Istio has removed, and what does their work now. That is not a rename, so nothing here guesses.
REMOVED_GROUPS = {
    "config.istio.io": "EnvoyFilter (quotas) or Telemetry",
    "rbac.istio.io": "AuthorizationPolicy",
    "authentication.istio.io": "PeerAuthentication (mTLS) or RequestAuthentication (tokens)",
}

# Fields of current kinds that have gone, or are going.
_OUTDATED = frozenset(
    (
        "allowOrigin",
        "appendHeaders",
        "appendRequestHeaders",
        "appendResponseHeaders",
        "consecutiveErrors",
        "mirrorPercent",
        "mirror_percent",
        "percent",
        "removeRequestHeaders",
        "removeResponseHeaders",
        "websocketUpgrade",
        "workloadLabels",
    )
)


def parse_all(definitions: t.Any) -> list[Json]:
    """Documents from what a user may give: an object, a text, or a list of these.

    Raises DocumentError for a text that is not valid YAML, and where texts were given and none holds a document.
    """
    sources: list[str] = []
    docs = _parsed(definitions, sources)
    if sources and not docs:
        named = ", ".join(dict.fromkeys(sources))
        raise DocumentError(f"there is no document in {named}; correct the path, or see why it is empty.")
    return docs


def _parsed(given: t.Any, sources: list[str], depth: int = 0) -> list[Json]:
    """As parse_all(). Adds to `sources` what the texts were read from."""
    if depth > DEEPEST:
        raise DocumentError(f"the definitions nest more than {DEEPEST} lists, or contain themselves; flatten them.")
    if isinstance(given, str):
        named = given.startswith(SOURCE)
        first, _newline, rest = given.partition("\n") if named else ("", "", given)
        sources.append(first[len(SOURCE) :] if named else "the definitions")
        # The first line stays out, so that line numbers are those of the file.
        return parse_yaml(rest, sources[-1])
    if isinstance(given, list):
        return [doc for item in given for doc in _parsed(item, sources, depth + 1)]
    return [] if given is None else [given]


def flatten(docs: t.Iterable[t.Any]) -> t.Iterator[Json]:
    """Documents one by one: a List is its items. Raises DocumentError for anything that is not a document."""
    for doc in docs:
        if not isinstance(doc, dict):
            raise DocumentError(f"a document is {type_name(doc)}; it must be an object with apiVersion and kind.")
        if not _is_list(doc):
            yield doc
        elif "items" not in doc:
            raise DocumentError(f"a document of kind {doc['kind']} has no items; give it a list of documents.")
        elif not isinstance(doc["items"], (list, type(None))):
            what = type_name(doc["items"])
            raise DocumentError(f"a document of kind {doc['kind']} has {what} as items; give it a list of documents.")
        else:
            yield from flatten(doc["items"] or ())


def _is_list(doc: Json) -> bool:
    """Whether a document is a list of others. A kind of somebody's own may end so as well, but has a name."""
    kind, meta = doc.get("kind"), doc.get("metadata")
    if not isinstance(kind, str) or not kind.endswith("List"):
        return False
    return kind == "List" or "items" in doc or not (isinstance(meta, dict) and meta.get("name"))


def modernised(doc: Json) -> tuple[Json, list[str]]:
    """The document with fields that have gone in today's form, and a warning for each of them."""
    ref = ref_of(doc)
    if ref.group != "networking.istio.io" or not _has_outdated(doc.get("spec")):
        return doc, []
    from .._migrate import with_current_fields  # few documents are outdated

    found, said = with_current_fields(doc)
    return found, [f"{ref}: {text} It is converted; mesh.workshop.migrate does so for good." for text in said]


def _has_outdated(value: t.Any) -> bool:
    if isinstance(value, dict):
        return any(key in _OUTDATED or _has_outdated(item) for key, item in value.items())
    if isinstance(value, list):
        return any(_has_outdated(item) for item in value)
    return False


def check_document(doc: Json, position: int) -> None:
    """Raises DocumentError for a document that the API server could only refuse, or take for another one."""
    _check_types(doc, position)
    ref = ref_of(doc)
    meta = doc.get("metadata")
    if not ref.api_version or not ref.kind:
        missing = " and ".join(name for name in ("apiVersion", "kind") if not doc.get(name))
        raise DocumentError(
            f"document {position} ({ref.kind or 'no kind'} {ref.name or 'without name'}) has no {missing}; add it."
        )
    if ref.group in REMOVED_GROUPS:
        raise DocumentError(
            f"{ref}: Istio has removed the API {ref.group}; mesh.workshop.migrate converts it "
            f"to {REMOVED_GROUPS[ref.group]}."
        )
    if not meta:
        raise DocumentError(f"document {position} ({ref.kind}) has no metadata; give it metadata.name.")
    if meta.get("generateName") and not ref.name:
        raise DocumentError(f"document {position} ({ref.kind}) has generateName, which cannot be applied; name it.")
    if not ref.name:
        raise DocumentError(f"document {position} ({ref.kind}) has no metadata.name; give it one.")
    for fault in (
        api_version_fault(ref.api_version),
        name_fault(ref.group, ref.kind, ref.name),
        namespace_fault(ref.namespace) if ref.namespace else "",
    ):
        if fault:
            raise DocumentError(f"{ref.kind}: {fault}")
    for name in ("labels", "annotations"):
        for key, value in (meta.get(name) or {}).items():
            if not isinstance(value, str):
                raise DocumentError(
                    f"{ref}: metadata.{name}.{key} is {value!r}; quote it, since its value must be a string."
                )


def checked(docs: t.Iterable[t.Any], what: str) -> list[Json]:
    """Documents of which something is read before they are applied, or which are only compared, one by one.

    Raises DocumentError, which begins with `what`.
    """
    copied = plain(list(docs), what)
    try:
        found = list(flatten(copied))
        for position, one in enumerate(found, 1):
            check_document(one, position)
            if ref_of(one).group.endswith(".istio.io") and one.get("spec") is not None:
                _check_shape(one.get("spec"), {**_SELECTING, **_SHAPES.get(one["kind"], {})}, f"{ref_of(one)}: spec")
    except DocumentError as error:
        raise DocumentError(f"{what}: {error}") from error
    return found


# What is read of the mesh's own documents: where a list or an object belongs.
_Shape: t.TypeAlias = "dict[str, t.Any] | list[t.Any]"
_SELECTING: dict[str, t.Any] = {
    "selector": {"matchLabels": {}},
    "workloadSelector": {"labels": {}, "matchLabels": {}},
    "targetRef": {},
    "targetRefs": [{}],
}
_SHAPES: dict[str, dict[str, t.Any]] = {
    "Gateway": {"selector": {}, "servers": [{"hosts": [], "tls": {}}]},
    "VirtualService": {"hosts": [], "gateways": []},
    "ServiceEntry": {"hosts": []},
}


def _check_shape(value: t.Any, shape: _Shape, where: str) -> None:
    """Raises DocumentError for a list where an object belongs, or the other way around."""
    inner: list[tuple[str, t.Any, _Shape]] = []
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise DocumentError(f"{where} is {type_name(value)}; it must be a list.")
        inner = [(f"[{number}]", item, shape[0]) for number, item in enumerate(value if shape else ())]
    else:
        if not isinstance(value, dict):
            raise DocumentError(f"{where} is {type_name(value)}; it must be an object.")
        inner = [(f".{key}", value[key], one) for key, one in shape.items() if value.get(key) is not None]
    for name, item, one in inner:
        _check_shape(item, one, f"{where}{name}")


_Path = tuple[str, ...]
_TEXTS: tuple[_Path, ...] = (("apiVersion",), ("kind",))
_NAMES: tuple[_Path, ...] = (("metadata", "name"), ("metadata", "namespace"))
_OBJECTS: tuple[_Path, ...] = (("metadata",), ("metadata", "labels"), ("metadata", "annotations"))
_OBJECTS_OF: dict[tuple[str, str], tuple[_Path, ...]] = {
    ("", "Secret"): (("data",), ("stringData",)),
    ("", "Service"): (("spec",),),
    ("apps", "Deployment"): (("spec",),),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): (("spec",), ("spec", "names")),
}
_SPEC: tuple[_Path, ...] = (("spec",),)


def _check_types(doc: Json, position: int) -> None:
    """What is read of a document here, before the API server has seen it, has the type that it must have."""
    for path in _TEXTS:
        _check_type(doc, position, path, str, "a string")
    group, kind = str(doc.get("apiVersion") or "").rpartition("/")[0], str(doc.get("kind") or "")
    for path in (*_OBJECTS, *_OBJECTS_OF.get((group, kind), _SPEC if group.endswith(".istio.io") else ())):
        _check_type(doc, position, path, dict, "an object")
    for path in _NAMES:
        _check_type(doc, position, path, str, "a string, so quote it")


def _check_type(doc: Json, position: int, path: _Path, wanted: type, words: str) -> None:
    value: t.Any = doc
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if value is not None and not isinstance(value, wanted):
        kind = doc.get("kind")
        title = f" ({kind})" if isinstance(kind, str) else ""
        raise DocumentError(f"document {position}{title}: {'.'.join(path)} is {type_name(value)}; it must be {words}.")


def clean(doc: Json) -> Json:
    """What is sent of a document: without status and without what only the server sets."""
    sent = {name: value for name, value in doc.items() if name != "status"}
    sent["metadata"] = {name: value for name, value in doc["metadata"].items() if name not in SERVER_SET}
    if sent.get("kind") == "Secret" and sent.get("apiVersion") == "v1" and "stringData" in sent:
        # The server keeps stringData as data, so that server-side apply could not remove a key again.
        data = dict(sent.get("data") or {})
        for key, value in (sent.pop("stringData") or {}).items():
            data[key] = base64.b64encode(str(value).encode()).decode()
        sent["data"] = data
    return sent


def with_metadata(doc: Json, labels: t.Mapping[str, str], annotations: t.Mapping[str, str]) -> Json:
    """The document with our labels and annotations, which win over its own."""
    if not labels and not annotations:
        return doc
    meta = dict(doc["metadata"])
    if labels:
        meta["labels"] = {**(meta.get("labels") or {}), **labels}
    if annotations:
        meta["annotations"] = {**(meta.get("annotations") or {}), **annotations}
    return {**doc, "metadata": meta}


def with_namespace(doc: Json, namespace: str | None) -> Json:
    """The document in that namespace, or in none where its kind has none."""
    meta = dict(doc["metadata"])
    if namespace:
        meta["namespace"] = namespace
    else:
        meta.pop("namespace", None)
    return {**doc, "metadata": meta}


def find_duplicate(docs: t.Iterable[Json]) -> Ref | None:
    """The first object that two documents are about; None where each is about another."""
    seen = set()
    for doc in docs:
        ref = ref_of(doc)
        if ref.identity in seen:
            return ref
        seen.add(ref.identity)
    return None
