# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rate limits of Envoy that do what quotas of Mixer did: asked of the rate limit service, or counted by each proxy.

The service enforces every descriptor that it is sent, so a quota's dimensions become one nested descriptor. Of the
overrides the first that matches held; that is worked out here, for each combination of values that an override names.
"""

from __future__ import annotations

from .facts import Facts, Service
from .limits import MAX_COMBINATIONS, MAX_LIMITS, Quota, combinations, tests_for
from .model import Doc, Json, Options, Refused
from .ratelimit_descriptors import emit_config, tree_of
from .ratelimit_entries import entries_of, rate_limit
from .ratelimit_filters import emit_filter, emit_local
from .reader import Meter


def write(quotas: list[Quota], facts: Facts, options: Options, budget: Meter) -> None:
    """Writes the limits of all quotas; what cannot be said is refused in the quota's document.

    :param budget: how many limits the run may still write
    """
    trees: list[tuple[Quota, Json]] = []
    filters: dict[tuple[str, str], list[tuple[Quota, Json]]] = {}
    named: dict[str, Quota] = {}
    for quota in quotas:
        try:
            mine: list[tuple[Service, Json]] = []
            _spend(quota, options, budget)
            idle = _idle(quota)
            if idle:
                quota.part.doc.handled = True
                quota.part.doc.differ(
                    f"{idle}, so it limited nothing; nothing is written for it.", "spec.match", quota.place
                )
                continue
            if named.setdefault(quota.name, quota) is not quota:
                raise Refused(
                    f"{named[quota.name].part.doc.title} counts {quota.name} too, and a limit has one counter today; "
                    "keep one of them, or give each an instance of its own.",
                    f"{quota.field}.name",
                    quota.place,
                )
            for service in dict.fromkeys(quota.services):
                tests = tests_for(quota, service)
                if tests is None:
                    continue
                entries = entries_of(quota, service, facts)
                if options.quota == "local":
                    emit_local(quota, service, entries, tests)
                else:
                    mine.append((service, rate_limit(quota, entries, tests)))
            if options.quota == "local":
                quota.part.doc.differ(
                    "Each proxy counts alone: with N pods N times the amount passes, and "
                    "callers that no override names "
                    "share one counter.",
                    quota.part.field,
                    quota.place,
                )
                continue
            tree = tree_of(quota)
        except Refused as why:
            quota.part.doc.refuse(why)
            continue
        if quota.charge != 1:
            quota.part.doc.note(f"A request is charged {quota.charge}: hits_addend.", quota.part.field, quota.place)
        trees.append((quota, tree))
        for service, limit in mine:
            filters.setdefault((service.namespace, service.name), []).append((quota, limit))
    trees = [(quota, tree) for quota, tree in trees if not quota.part.doc.refusal]
    if not trees:
        return
    emit_config(trees, options)
    _share([quota.part.doc for quota, _tree_of in trees], "ConfigMap ratelimit-config")
    for (namespace, name), limits in filters.items():
        left = [(quota, limit) for quota, limit in limits if not quota.part.doc.refusal]
        if left:
            service = facts.services[namespace, name]
            docs = [quota.part.doc for quota, _limit in left]
            emit_filter(docs[0], service, [limit for _quota, limit in left], options)
            _share(docs, f"EnvoyFilter quota-{name}")
    for quota, _tree_of in trees:
        quota.part.doc.differ(
            "Where the rate limit service does not answer, requests are denied, as Mixer did unless "
            "policyCheckFailOpen was true.",
            quota.part.field,
            quota.place,
        )


def _idle(quota: Quota) -> str:
    """Why a quota never limited anything; empty where it did."""
    if not quota.charge:
        return "A request is charged 0"
    if all(tests_for(quota, service) is None for service in quota.services):
        return f"No rule sends requests for any of the services to {quota.short}"
    return ""


def _spend(quota: Quota, options: Options, budget: Meter) -> None:
    """Takes a quota's limits from what a run may write.

    :raises Refused: if there is no room for them
    """
    count = combinations(quota)
    if count > MAX_COMBINATIONS:
        raise Refused(f"the overrides stand for {count} combinations of values.", quota.part.field, quota.place)
    # Each proxy that counts alone holds all of them.
    if not budget.spend(len(quota.services) * (count if options.quota == "local" else 1)):
        raise Refused(
            f"this and the quotas before it stand for more than {MAX_LIMITS} limits at {len(quota.services)} Services; "
            "bind them to fewer, or convert them apart.",
            quota.part.field,
            quota.place,
        )


def _share(docs: list[Doc], title: str) -> None:
    """What the first handler has written is for the quotas of the others as well."""
    for doc in docs:
        if doc is not docs[0]:
            doc.moved_to.append(title)
