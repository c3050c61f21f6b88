# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML and JSON texts become documents, as Kubernetes reads them: no dates, no base 60, no key twice."""

from __future__ import annotations

import re
import typing as t

from .._kube.growth import GrowthError, check_growth
from .sources import DocumentError

if t.TYPE_CHECKING:
    from .._kube import Json

DEEPEST = 200
"""Levels of nesting. Kubernetes' own types and CustomResourceDefinitions need fewer than 50."""
LONGEST = 4 * 2**20
"""Characters that a text may have with its aliases replaced by what they stand for; the API server takes 3 MiB."""

_LOADER: list[t.Any] = []


def parse_yaml(text: str, source: str = "the definitions") -> list[Json]:
    """All documents of a YAML (or JSON) text; empty ones are left out. A document that is a list is its items.

    Raises DocumentError with line and column, as far as they are known. `source` is what its message begins with.
    """
    import yaml  # only texts need it; definitions of a playbook arrive parsed

    try:
        check_growth(text, _loader(), deepest=DEEPEST, longest=LONGEST)
        docs = list(yaml.load_all(text, Loader=_loader()))
    except GrowthError as exc:
        raise DocumentError(f"{source} at {exc}") from exc
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise DocumentError(f"{source} is not valid YAML{where}: {exc.problem}; correct it.") from exc
    except yaml.YAMLError as exc:
        raise DocumentError(f"{source} is not valid YAML: {' '.join(str(exc).split())}; correct it.") from exc
    except UnicodeError as exc:
        raise DocumentError(f"{source} is not valid YAML: it is not valid Unicode text; correct it.") from exc
    found: list[Json] = []
    for doc in docs:
        if isinstance(doc, list):
            found.extend(doc)
        elif doc is not None:
            found.append(doc)
    return found


def _loader() -> t.Any:
    if _LOADER:
        return _LOADER[0]
    import yaml

    base: t.Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]  # the base is chosen at run time
        def construct_mapping(self, node: t.Any, deep: bool = False) -> t.Any:
            seen = set()
            for key_node, _value in node.value if isinstance(node, yaml.MappingNode) else ():
                key = key_node.value
                if isinstance(key, str) and key != "<<":
                    if key in seen:
                        raise yaml.constructor.ConstructorError(
                            None, None, f"the key {key} appears twice", key_node.start_mark
                        )
                    seen.add(key)
            return super().construct_mapping(node, deep)

        def construct_object(self, node: t.Any, deep: bool = False) -> t.Any:
            try:
                return super().construct_object(node, deep)
            except (ValueError, KeyError, AttributeError, TypeError) as exc:
                # PyYAML takes for granted that a value has the form of its tag.
                tag = str(node.tag).rpartition(":")[2]
                raise yaml.constructor.ConstructorError(
                    None, None, f"the value does not have the form of its tag, {tag}", node.start_mark
                ) from exc

    Loader.yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in resolvers if tag.rpartition(":")[2] not in ("timestamp", "int")]
        for first, resolvers in base.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*|0x[0-9a-fA-F]+|0[0-7]+)$"), list("-+0123456789")
    )
    _LOADER.append(Loader)
    return Loader
