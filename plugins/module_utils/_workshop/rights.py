# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rights in a cluster, written as `kubectl auth can-i` takes them: pure."""

from __future__ import annotations

import re
import typing as t

_RIGHT = re.compile(r"(?P<verb>[a-z]+) (?P<resource>[a-z]+)(?:/(?P<subresource>[a-z]+))?(?:\.(?P<group>[a-z0-9.-]+))?")


class RightError(ValueError):
    """One sentence about a right that is none."""


def review(right: str) -> dict[str, t.Any]:
    """The question whether we have a right, in all namespaces: a SelfSubjectAccessReview."""
    found = _RIGHT.fullmatch(right)
    if not found:
        raise RightError(
            f"{right!r} is no right: write a verb and a resource with its group, such as 'create deployments.apps'."
        )
    attributes = {key: value for key, value in found.groupdict().items() if value}
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }


def summed_up(rights: t.Iterable[str]) -> str:
    """Rights as one phrase without groups, the verbs of each resource together: "create namespaces; list pods"."""
    verbs: dict[str, list[str]] = {}
    for right in sorted(rights):
        verb, _space, resource = right.partition(" ")
        verbs.setdefault(resource.partition(".")[0], []).append(verb)
    groups: dict[tuple[str, ...], list[str]] = {}
    for resource, of_it in verbs.items():
        groups.setdefault(tuple(of_it), []).append(resource)
    return "; ".join(f"{_listed(of_them)} {_listed(resources)}" for of_them, resources in groups.items())


def _listed(words: t.Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def version_of(info: t.Mapping[str, t.Any]) -> tuple[int, int]:
    """Major and minor of a server's version; some servers write their minor as `29+`."""
    parts = [re.match(r"\d+", str(info.get(key, ""))) for key in ("major", "minor")]
    major, minor = (int(part.group()) if part else 0 for part in parts)
    return major, minor
