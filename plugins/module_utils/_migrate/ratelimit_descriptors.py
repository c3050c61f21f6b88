# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rate limit service's configuration: one nested descriptor for each quota."""

from __future__ import annotations

from .facts import service_of
from .limits import Quota, first_limit, named_values, tests_for
from .model import Json, Options, Refused


def tree_of(quota: Quota) -> Json:
    """The rate limit service's descriptor for a quota: nested in the order in which the proxies send the entries."""
    keys = sorted(quota.dimensions)
    choices: list[list[str | None]] = [[*named_values(quota, key), None] for key in keys]

    def level(number: int, values: dict[str, str | None]) -> Json:
        if number == len(keys):
            limit, field = first_limit(quota, values)
            return {"rate_limit": {"unit": limit.unit(field), "requests_per_unit": limit.amount}}
        below = []
        for value in choices[number]:
            entry: Json = {"key": keys[number]}
            if value is not None:
                entry["value"] = value
            below.append({**entry, **level(number + 1, {**values, keys[number]: value})})
        return {"descriptors": below}

    inner = level(0, {})
    sizes = {len(tests) for service in quota.services if (tests := tests_for(quota, service)) is not None}
    if len(sizes) > 1:
        raise Refused("the rule's match asks for different headers at different services.", "spec.match", quota.place)
    for number in reversed(range(next(iter(sizes), 0))):
        inner = {"descriptors": [{"key": f"match-{number}", "value": "true", **inner}]}
    return {"key": "quota", "value": quota.name, **inner}


def emit_config(trees: list[tuple[Quota, Json]], options: Options) -> None:
    import yaml

    config = {"domain": options.ratelimit_domain, "descriptors": [tree for _quota, tree in trees]}
    text = yaml.safe_dump(config, sort_keys=False, default_flow_style=False, width=110)
    doc = trees[0][0].part.doc
    found = service_of(options.ratelimit_host, "default")
    doc.outputs.append(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "ratelimit-config", "namespace": found[0] if found else "default"},
            "data": {"config.yaml": text},
        }
    )
    doc.note(
        "The ConfigMap is the configuration of the rate limit service: mount it there, or merge it into what it has."
    )
