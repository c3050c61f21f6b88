# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the converters work on: documents with positions, and what became of each."""

from __future__ import annotations

import dataclasses
import typing as t

Json = dict[str, t.Any]
Place = tuple[int, int]
"""Line and column in the source file, both counted from 1."""

CONVERTED = "converted"
DIFFERS = "converted_with_differences"
UNCHANGED = "unchanged"
REFUSED = "refused"

# What Istio 0.1 called the type of a document.
FIRST_KINDS = ("route-rule", "destination-policy")
# Red Hat's mesh had the cluster's objects in the control plane's namespace, in groups of its own (Maistra 1.0 to 1.1).
_MAISTRA = {"ServiceMeshPolicy": "MeshPolicy", "ServiceMeshRbacConfig": "ClusterRbacConfig"}


class Map(dict[str, t.Any]):
    """A mapping that knows where each of its keys stands."""

    __slots__ = ("at", "place")

    def __init__(self, place: Place = (0, 0)) -> None:
        super().__init__()
        self.place = place
        self.at: dict[str, Place] = {}

    def take(self, key: str, source: Map, as_key: str | None = None) -> None:
        """Moves a key of another mapping here, with its place."""
        name = as_key or key
        self.at[name] = source.at.get(key, source.place)
        self[name] = source.pop(key)


class Seq(list[t.Any]):
    """A list that knows where each of its items stands."""

    __slots__ = ("at", "place")

    def __init__(self, place: Place = (0, 0)) -> None:
        super().__init__()
        self.place = place
        self.at: list[Place] = []

    def add(self, item: t.Any, place: Place) -> None:
        self.append(item)
        self.at.append(place)


def place_of(container: t.Any, key: t.Any = None) -> Place:
    """Where a key or an item stands; that of the container itself where nothing better is known."""
    if isinstance(container, Map):
        return container.at.get(key, container.place)
    if isinstance(container, Seq):
        return container.at[key] if isinstance(key, int) and key < len(container.at) else container.place
    return (0, 0)


def copied(value: t.Any) -> t.Any:
    """A copy with the same positions."""
    if isinstance(value, Map):
        out = Map(value.place)
        out.at = dict(value.at)
        for key, item in value.items():
            out[key] = copied(item)
        return out
    if isinstance(value, Seq):
        seq = Seq(value.place)
        seq.at = list(value.at)
        seq.extend(copied(item) for item in value)
        return seq
    return value


def plain(value: t.Any) -> t.Any:
    """The same without positions."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


@dataclasses.dataclass(frozen=True)
class Note:
    """One thing that a reader of the report must know, and where it comes from."""

    text: str
    field: str = ""
    line: int = 0
    column: int = 0

    def as_json(self) -> Json:
        return dataclasses.asdict(self)


class Refused(Exception):
    """A form that cannot be said today. The message is one sentence with the remedy."""

    def __init__(self, reason: str, field: str = "", place: Place = (0, 0)) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.place = place


class Missing(Refused):
    """Something that a conversion needs is not in the input, or none of the facts."""


@dataclasses.dataclass
class Doc:
    """One document of an input file, and what became of it."""

    file: str
    number: int
    line: int
    # Whether it stands in a text that must be rendered first.
    template: bool
    value: Map
    # The text of an item of a List, empty where it has none of its own; None for a document that is no item.
    own: str | None = None
    # Whether it was refused before it was looked at, so that its value is only what its text seems to say.
    unread: bool = False
    # Whether this run writes it; False for a document that is only looked at.
    primary: bool = True
    # The namespace that other documents say it is in, where it names none itself.
    home: str = ""
    family: str = "other"
    handled: bool = False
    kept: bool = False
    outputs: list[Json] = dataclasses.field(default_factory=list)
    moved_to: list[str] = dataclasses.field(default_factory=list)
    repairs: list[Note] = dataclasses.field(default_factory=list)
    differences: list[Note] = dataclasses.field(default_factory=list)
    notes: list[Note] = dataclasses.field(default_factory=list)
    refusal: Note | None = None
    # Whether it was refused for something that is not there.
    lacking: bool = False
    _noted: set[tuple[int, Note]] = dataclasses.field(default_factory=set)

    @property
    def api_version(self) -> str:
        return str(self.value.get("apiVersion") or "")

    @property
    def group(self) -> str:
        group = self.api_version.rpartition("/")[0]
        return group.replace(".maistra.", ".istio.") if self.written_kind in _MAISTRA else group

    @property
    def kind(self) -> str:
        return _MAISTRA.get(self.written_kind, self.written_kind)

    @property
    def written_kind(self) -> str:
        first = self.value.get("type")
        return str(self.value.get("kind") or (first if first in FIRST_KINDS else ""))

    @property
    def meta(self) -> Map:
        meta = self.value.get("metadata")
        return meta if isinstance(meta, Map) else Map(self.value.place)

    @property
    def name(self) -> str:
        return str(self.meta.get("name") or "")

    @property
    def namespace(self) -> str:
        return str(self.meta.get("namespace") or "")

    @property
    def title(self) -> str:
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.written_kind} {name}".strip()

    @property
    def identity(self) -> tuple[str, str, str, str]:
        return (self.group, self.kind, self.namespace, self.name)

    @property
    def status(self) -> str:
        if self.refusal:
            return REFUSED
        if not self.handled:
            return UNCHANGED
        return DIFFERS if self.differences else CONVERTED

    def spec(self) -> Map:
        """The spec; an empty one where the document has none.

        :raises Refused: if it is not a mapping
        """
        spec = self.value.get("spec")
        if spec is None:
            return Map(place_of(self.value, "spec"))
        if not isinstance(spec, Map):
            raise Refused("spec must be a mapping.", "spec", place_of(self.value, "spec"))
        return spec

    def spec_or_empty(self) -> t.Mapping[str, t.Any]:
        """The spec to look at; an empty one where there is none that could be."""
        spec = self.value.get("spec")
        return spec if isinstance(spec, dict) else {}

    def repair(self, text: str, field: str = "", place: Place = (0, 0)) -> None:
        self._add(self.repairs, Note(text, field, *place))

    def differ(self, text: str, field: str = "", place: Place = (0, 0)) -> None:
        self._add(self.differences, Note(text, field, *place))

    def note(self, text: str, field: str = "", place: Place = (0, 0)) -> None:
        self._add(self.notes, Note(text, field, *place))

    def refuse(self, why: Refused) -> None:
        """Refuses the document as a whole: nothing of it is written."""
        self.handled = True
        line, column = why.place if why.place[0] else (self.line, 1)
        self.refusal = Note(why.reason, why.field, line, column)
        self.lacking = isinstance(why, Missing)
        self.outputs = []

    def emit(self, api_version: str, kind: str, name: str, namespace: str, spec: t.Any) -> Json:
        """Adds an output document."""
        self.handled = True
        metadata: Json = {"name": name}
        if namespace:
            metadata["namespace"] = namespace
        out: Json = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": plain(spec)}
        self.outputs.append(out)
        return out

    def _add(self, notes: list[Note], note: Note) -> None:
        if (id(notes), note) not in self._noted:
            self._noted.add((id(notes), note))
            notes.append(note)


@dataclasses.dataclass(frozen=True)
class Options:
    """What the user decides."""

    quota: str = "global"
    namespace: str = ""
    root_namespace: str = "istio-system"
    ratelimit_host: str = "ratelimit.mesh-workshop-ratelimit.svc.cluster.local"
    ratelimit_port: int = 8081
    ratelimit_domain: str = "mesh-workshop"


def text_list(container: Map, key: str, field: str) -> list[str]:
    """A list of strings; one string alone is a list of one.

    :raises Refused: if it is anything else
    """
    value = container.get(key)
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    for item in items:
        if isinstance(item, (dict, list)) or item is None:
            raise Refused(f"{field} must be a list of strings.", field, place_of(container, key))
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in items]


def mappings(container: Map, key: str, field: str) -> list[Map]:
    """A list of mappings.

    :raises Refused: if it is anything else
    """
    value = container.get(key)
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    for index, item in enumerate(items):
        if not isinstance(item, Map):
            raise Refused(f"{field} must be a list of mappings.", field, place_of(value, index))
    return list(items)


def mapping(container: Map, key: str, field: str) -> Map:
    """A mapping; empty where there is none.

    :raises Refused: if it is anything else
    """
    value = container.get(key)
    if value is None:
        return Map(place_of(container, key))
    if not isinstance(value, Map):
        raise Refused(f"{field} must be a mapping.", field, place_of(container, key))
    return value


def only(container: Map, known: t.Container[str], field: str, reason: str = "") -> None:
    """Names a field that nothing here knows.

    :raises Refused: if there is one
    """
    for key in container:
        if key not in known:
            path = f"{field}.{key}" if field else key
            raise Refused(
                reason or f"{path} is not a field of this kind; correct its spelling or its place.",
                path,
                place_of(container, key),
            )


def camel(name: str) -> str:
    """`fixed_delay` as `fixedDelay`."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def camel_keys(value: t.Any, free: t.Container[str] = ()) -> t.Any:
    """The same with all keys in camel case; what is beneath a key of `free` belongs to the user and stays.

    :raises Refused: if a field is there in both spellings
    """
    if isinstance(value, Map):
        out = Map(value.place)
        for key, item in value.items():
            name = camel(key) if "_" in key else key
            if name in out:
                raise Refused(f"{name} appears twice, in two spellings.", name, place_of(value, key))
            out[name] = item if name in free else camel_keys(item, free)
            out.at[name] = place_of(value, key)
        return out
    if isinstance(value, Seq):
        seq = Seq(value.place)
        for index, item in enumerate(value):
            seq.add(camel_keys(item, free), place_of(value, index))
        return seq
    return value
