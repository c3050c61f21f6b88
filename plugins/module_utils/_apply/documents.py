# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import re
import typing as t

from .._kube import Json, Ref, api_version_fault, name_fault, namespace_fault, ref_of
from .sources import SOURCE, DocumentError

# API groups that Istio has removed, and what does their work now. That is no rename, so nothing here guesses.
REMOVED_GROUPS = {
    "config.istio.io": "EnvoyFilter (quotas) or Telemetry",
    "rbac.istio.io": "AuthorizationPolicy",
    "authentication.istio.io": "PeerAuthentication (mTLS) or RequestAuthentication (tokens)",
}

# Set by the server; a document that was exported from a cluster may carry them,
# and server-side apply refuses or misreads them.
_SERVER_SET = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)


def parse_yaml(text: str, source: str = "the definitions") -> list[Json]:
    """All documents of a YAML (or JSON) text, as Kubernetes reads them: no dates, no base 60, no double keys."""
    import yaml  # only texts need it; definitions of a playbook arrive parsed

    try:
        docs = list(yaml.load_all(text, Loader=_loader()))
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise DocumentError(f"{source} is not valid YAML{where}: {exc.problem}; correct it.") from exc
    except yaml.YAMLError as exc:
        raise DocumentError(f"{source} is not valid YAML: {' '.join(str(exc).split())}; correct it.") from exc
    found: list[Json] = []
    for doc in docs:
        if doc is None:
            continue
        if isinstance(doc, list):
            found.extend(doc)
        else:
            found.append(doc)
    return found


_LOADER: list[t.Any] = []


def _loader() -> t.Any:
    if _LOADER:
        return _LOADER[0]
    import yaml

    base: t.Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]  # the base is chosen at run time
        def construct_mapping(self, node: t.Any, deep: bool = False) -> t.Any:
            seen = set()
            for key_node, _value in node.value:
                key = key_node.value
                if isinstance(key, str) and key != "<<":
                    if key in seen:
                        raise yaml.constructor.ConstructorError(
                            None, None, f"the key {key} is there twice", key_node.start_mark
                        )
                    seen.add(key)
            return super().construct_mapping(node, deep)

    Loader.yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in resolvers if tag.rpartition(":")[2] not in ("timestamp", "int")]
        for first, resolvers in base.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*|0x[0-9a-fA-F]+|0[0-7]+)$"), list("-+0123456789")
    )
    _LOADER.append(Loader)
    return Loader


def parse_all(definitions: t.Any) -> list[Json]:
    """Documents from what a user may give: a mapping, a text, or a list of these."""
    items = definitions if isinstance(definitions, list) else [definitions]
    docs: list[Json] = []
    for item in items:
        if isinstance(item, str):
            named = item.startswith(SOURCE)
            first, _newline, rest = item.partition("\n") if named else ("", "", item)
            # The first line stays out, so that line numbers are those of the file.
            docs.extend(parse_yaml(rest, first[len(SOURCE) :] if named else "the definitions"))
        elif isinstance(item, list):
            docs.extend(parse_all(item))
        elif item is not None:
            docs.append(item)
    return docs


def flatten(docs: t.Iterable[t.Any]) -> t.Iterator[Json]:
    """Documents one by one: a List is its items."""
    for doc in docs:
        if not isinstance(doc, dict):
            raise DocumentError(
                f"a document is {type(doc).__name__} instead of a mapping; it needs apiVersion, kind and metadata."
            )
        if str(doc.get("kind", "")).endswith("List") and isinstance(doc.get("items"), list):
            yield from flatten(doc["items"])
        else:
            yield doc


def check_document(doc: Json, position: int) -> None:
    ref = ref_of(doc)
    meta = doc.get("metadata")
    if not ref.api_version or not ref.kind:
        missing = " and ".join(name for name in ("apiVersion", "kind") if not doc.get(name))
        raise DocumentError(
            f"document {position} ({ref.kind or 'no kind'} {ref.name or 'without name'}) has no {missing}."
        )
    if ref.group in REMOVED_GROUPS:
        raise DocumentError(
            f"{ref}: Istio has removed the API {ref.group}; write it anew as {REMOVED_GROUPS[ref.group]}."
        )
    if not isinstance(meta, dict):
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
        values = meta.get(name)
        if values is None:
            continue
        if not isinstance(values, dict):
            raise DocumentError(f"{ref}: metadata.{name} is {type(values).__name__}; it must be a mapping of strings.")
        for key, value in values.items():
            if not isinstance(value, str):
                raise DocumentError(
                    f"{ref}: metadata.{name}.{key} is {value!r}; quote it, since its value must be a string."
                )


def clean(doc: Json) -> Json:
    """What is sent of a document: without status and without what only the server sets."""
    sent = {name: value for name, value in doc.items() if name != "status"}
    sent["metadata"] = {name: value for name, value in doc["metadata"].items() if name not in _SERVER_SET}
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
    seen = set()
    for doc in docs:
        ref = ref_of(doc)
        if ref.identity in seen:
            return ref
        seen.add(ref.identity)
    return None


def load_documents(text: str) -> list[Json]:
    """All documents of a YAML text."""
    return parse_yaml(text)
