# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import typing as t

from .stamps import SERVER_SET

Json = dict[str, t.Any]

HIDDEN = "<hidden>"
HIDDEN_BEFORE = "<hidden, before>"
HIDDEN_AFTER = "<hidden, changed>"

# Controllers write these on objects that we apply.
_CONTROLLER_ANNOTATIONS = ("deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration")


def normalise(obj: Json) -> Json:
    """The part of an object that says what is desired: equal before and after means that nothing was changed."""
    kept = {name: value for name, value in obj.items() if name != "status"}
    meta = {name: value for name, value in (obj.get("metadata") or {}).items() if name not in SERVER_SET}
    if "annotations" in meta:
        left = {name: value for name, value in meta["annotations"].items() if name not in _CONTROLLER_ANNOTATIONS}
        meta.pop("annotations")
        if left:
            meta["annotations"] = left
    kept["metadata"] = meta
    return kept


def same(before: Json, after: Json) -> bool:
    return normalise(before) == normalise(after)


def mask_secrets(before: Json | None, after: Json | None) -> tuple[Json | None, Json | None]:
    """Both sides with the values of a Secret hidden, so that one can see which of them changes but not to what."""
    kind = (after or before or {}).get("kind")
    if kind != "Secret":
        return before, after
    masked = [copy.deepcopy(side) if side is not None else None for side in (before, after)]
    for section in ("data", "stringData"):
        values = [(side.get(section) or {}) if side is not None else {} for side in masked]
        for key in values[0].keys() | values[1].keys():
            both = key in values[0] and key in values[1]
            differs = both and values[0][key] != values[1][key]
            if key in values[0]:
                values[0][key] = HIDDEN_BEFORE if differs else HIDDEN
            if key in values[1]:
                values[1][key] = HIDDEN_AFTER if differs else HIDDEN
    return masked[0], masked[1]


def to_yaml(obj: Json | None) -> str:
    if obj is None:
        return ""
    import yaml  # only a diff needs it

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(obj, Dumper=dumper, default_flow_style=False, sort_keys=True, width=1000)
    return text


def document_diff(name: str, before: Json | None, after: Json | None) -> dict[str, str]:
    """One entry of a module's diff, as Ansible prints it."""
    left, right = mask_secrets(
        normalise(before) if before is not None else None, normalise(after) if after is not None else None
    )
    return {
        "before_header": name if before is not None else f"{name} (absent)",
        "after_header": name if after is not None else f"{name} (absent)",
        "before": to_yaml(left),
        "after": to_yaml(right),
    }
