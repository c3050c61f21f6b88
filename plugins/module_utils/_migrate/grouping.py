# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which documents are converted together.

The files of a folder belong together. Folders do where a document of one names what only another has, such as a binding
its role: the nearest folder counts, and two that are equally near are no answer. Where two files, or two folders that a
third one joins, define the same object they are variants of each other: each of them is converted by itself, with what
has no variant.
"""

from __future__ import annotations

import dataclasses
import functools
import os.path
import typing as t

from . import rbac_switch, v1alpha1
from .model import Doc, Map

REMOVED = ("config.istio.io", "rbac.istio.io", "authentication.istio.io")
Key = tuple[str, ...]


class Source(t.Protocol):
    """A file with its documents."""

    @property
    def name(self) -> str: ...

    @property
    def docs(self) -> list[Doc]: ...


class Unit(t.NamedTuple):
    """Documents that are converted together, and others that are only looked at."""

    docs: list[Doc]
    context: list[Doc]


def is_legacy(doc: Doc) -> bool:
    """Whether a document's kind has gone."""
    return doc.group in REMOVED or v1alpha1.is_mine(doc)


def units(files: t.Sequence[Source], namespace: str) -> t.Iterator[Unit]:
    """All documents, each in one unit; those that others look at come first.

    :param namespace: where a document is that names none
    """
    folders: dict[str, list[_Group]] = {}
    for number, file in enumerate(files):
        here = folders.setdefault(os.path.dirname(file.name), [])
        if not here:
            here.append(_Group({}, {}))
        here[0].files[number] = _File(file, namespace)
    for group in _in_order(_joined_upwards(folders)):
        yield from _apart(group)


@dataclasses.dataclass
class _File:
    source: Source
    namespace: str

    @functools.cached_property
    def _relations(self) -> list[tuple[bool, Key]]:
        return [relation for doc in self.source.docs for relation in _relations(doc, self.namespace)]

    @functools.cached_property
    def offers(self) -> set[Key]:
        return {key for needed, key in self._relations if not needed}

    @functools.cached_property
    def needs(self) -> set[Key]:
        return {key for needed, key in self._relations if needed}

    @functools.cached_property
    def claims(self) -> set[Key]:
        return {key for doc in self.source.docs for key in _claims(doc)}


@dataclasses.dataclass(eq=False)
class _Group:
    """Files that belong together by their number, and others that they look at."""

    files: dict[int, _File]
    around: dict[int, _File]
    settled: set[Key] = dataclasses.field(default_factory=set)

    def open_needs(self) -> set[Key]:
        """What is named and is neither here nor around."""
        have = set().union(*(file.offers for file in [*self.files.values(), *self.around.values()]))
        return set().union(*(file.needs for file in self.files.values())) - have - self.settled

    def offers(self) -> set[Key]:
        return set().union(*(file.offers for file in self.files.values()))

    def claims(self) -> set[Key]:
        return set().union(*(file.claims for file in self.files.values()))


def _joined_upwards(folders: dict[str, list[_Group]]) -> list[_Group]:
    """The groups of all folders, joined from the deepest folder up to the root."""
    ready = dict(folders)
    for folder in folders:
        while folder:
            folder = os.path.dirname(folder)
            ready.setdefault(folder, [])
    for folder in sorted(ready, key=lambda name: (-(name.count("/") + bool(name)), name)):
        groups = ready[folder]
        if len(groups) > 1:
            groups = _joined(groups)
        if not folder:
            return groups
        ready[os.path.dirname(folder)] += groups
    return []


def _in_order(groups: list[_Group]) -> t.Iterator[_Group]:
    """The groups, each after those that it looks at."""
    owners = {number: group for group in groups for number in group.files}
    done: set[int] = set()
    for group in groups:
        todo = [group]
        while todo:
            last = todo[-1]
            first = next((o for n in last.around if id(o := owners[n]) not in done and o not in todo), None)
            if first is not None:
                todo.append(first)
                continue
            todo.pop()
            if id(last) not in done:
                done.add(id(last))
                yield last


def _joined(groups: list[_Group]) -> list[_Group]:
    """Groups that stand side by side, joined where one names what only one other has."""
    offered: dict[Key, list[int]] = {}
    for number, group in enumerate(groups):
        for key in group.offers():
            offered.setdefault(key, []).append(number)
    leader = list(range(len(groups)))
    for number, group in enumerate(groups):
        for key in sorted(group.open_needs()):
            found = offered.get(key, [])
            if found:
                group.settled.add(key)
            if len(found) == 1:
                old, new = leader[number], leader[found[0]]
                leader = [new if item == old else item for item in leader]
    members: dict[int, list[_Group]] = {}
    for number, group in enumerate(groups):
        members.setdefault(leader[number], []).append(group)
    return [group for found in members.values() for group in _merged(found)]


def _merged(groups: list[_Group]) -> t.Iterator[_Group]:
    """One group of several; those of them that define the same object stay apart, and look at the rest."""
    if len(groups) == 1:
        yield groups[0]
        return
    variants = _alike([group.claims() for group in groups])
    whole = _Group({}, {})
    for number, group in enumerate(groups):
        if number not in variants:
            whole.files |= group.files
            whole.around |= group.around
            whole.settled |= group.settled
    if whole.files:
        yield whole
    for number in sorted(variants):
        groups[number].around |= {**whole.files, **whole.around}
        yield groups[number]


def _apart(group: _Group) -> t.Iterator[Unit]:
    """A group's unit; of its files that are variants each gets one of its own."""
    numbers = sorted(group.files)
    variants = {numbers[place] for place in _alike([group.files[number].claims for number in numbers])}
    context = [doc for number in sorted(group.around) for doc in group.around[number].source.docs]
    plain = [doc for number in numbers if number not in variants for doc in group.files[number].source.docs]
    yield Unit(plain, context)
    for number in sorted(variants):
        yield Unit(group.files[number].source.docs, [*plain, *context])


def _alike(claims: t.Sequence[set[Key]]) -> set[int]:
    """Which of these have something that another has too."""
    owners: dict[Key, list[int]] = {}
    for number, keys in enumerate(claims):
        for key in keys:
            owners.setdefault(key, []).append(number)
    return {number for numbers in owners.values() if len(numbers) > 1 for number in numbers}


def _claims(doc: Doc) -> t.Iterator[Key]:
    """What only one document can be: an object of that name, a rule in that place."""
    if is_legacy(doc):
        yield doc.identity
        spec = doc.spec_or_empty()
        if doc.kind == "RouteRule" or doc.value.get("type") == "route-rule":
            place = (spec.get("destination"), spec.get("precedence") or 0, spec.get("match"))
            yield ("RouteRule", doc.namespace, repr(place))


def _relations(doc: Doc, namespace: str) -> t.Iterator[tuple[bool, Key]]:
    """What a document is for others (False), and what it names of them (True)."""
    if not is_legacy(doc):
        return
    home = doc.namespace or namespace
    if rbac_switch.is_mine(doc):
        yield from _of_rbac(doc, home)
    elif v1alpha1.is_mine(doc):
        destination = doc.spec_or_empty().get("destination")
        name = destination.get("name") if isinstance(destination, Map) else destination
        if "olicy" in str(doc.value.get("type") or doc.kind):
            yield True, ("routes", home, str(name))
        else:
            yield False, ("routes", home, str(name))
    elif doc.group == "config.istio.io":
        yield from _of_mixer(doc, home)


def _of_rbac(doc: Doc, home: str) -> t.Iterator[tuple[bool, Key]]:
    if doc.kind in ("ClusterRbacConfig", "RbacConfig"):
        if doc.name == "default":
            yield False, ("switch",)
        return
    yield True, ("switch",)
    if doc.kind == "ServiceRole":
        yield False, ("role", home, doc.name)
        if not doc.namespace:
            yield False, ("role", "", doc.name)
    for holder in _maps(doc.spec_or_empty(), "allow") if doc.kind == "AuthorizationPolicy" else [doc.spec_or_empty()]:
        ref = holder.get("roleRef")
        name = (ref.get("name") if isinstance(ref, Map) else None) or holder.get("role")
        if name:
            yield True, ("role", home, str(name))


def _of_mixer(doc: Doc, home: str) -> t.Iterator[tuple[bool, Key]]:
    spec = doc.spec_or_empty()
    if doc.kind == "rule":
        for action in _maps(spec, "actions"):
            instances = action.get("instances")
            for name in [action.get("handler"), *(instances if isinstance(instances, list) else [])]:
                if name:
                    yield True, ("part", str(name))
        return
    if doc.kind == "QuotaSpec":
        yield False, ("spec", home, doc.name)
        for rule in _maps(spec, "rules"):
            for entry in _maps(rule, "quotas"):
                yield True, ("amount", str(entry.get("quota")).lower())
        return
    if doc.kind == "QuotaSpecBinding":
        for ref in _maps(spec, "quotaSpecs"):
            yield True, ("spec", str(ref.get("namespace") or home), str(ref.get("name")))
        return
    kinds = {doc.kind, *(str(spec.get(key)) for key in ("compiledAdapter", "compiledTemplate") if spec.get(key))}
    for form in (doc.name, *(f"{doc.name}.{kind}" for kind in kinds), *(f"{kind}.{doc.name}" for kind in kinds)):
        yield False, ("part", form)
        yield False, ("part", f"{form}.{home}")
    if kinds & {"memquota", "redisquota"}:
        params = spec.get("params")
        for entry in _maps(params if isinstance(params, Map) else spec, "quotas"):
            name = str(entry.get("name"))
            yield True, ("part", name)
            yield False, ("amount", name.lower())
            yield False, ("amount", name.partition(".")[0].lower())


def _maps(container: t.Mapping[str, t.Any], key: str) -> list[Map]:
    value = container.get(key)
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, Map)]
