# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is applied and can have no effect, or not the one that its author means: by the live objects alone, pure.

Every function looks at one kind and yields what it finds; nothing is found where the objects that it would take to be
sure could not be read. Sources: Istio's reference of each kind at istio.io.
"""

from __future__ import annotations

import typing as t

from ..mesh import Mesh
from .delegates import delegates_at_odds, lost_delegates
from .entries import entries_of_nobody, entries_of_services, entries_twice
from .exports import exported_to_nobody, hidden_from_gateways
from .filters import filters_beside
from .finding import Effect
from .gateways import gateways_without_pods, ports_without_service, routes_of_other_kinds
from .hosts import aliases_of_nobody, dead_hosts, missed_gateways, unbound, unknown_hosts, unknown_ports
from .levels import never_ejects, replaced_by_ports
from .order import behind_older_rules, behind_wider_paths
from .paths import no_paths
from .percentages import few_copies, no_fault
from .policies import (
    impossible_callers,
    methods_in_lower_case,
    plain_probes,
    policies_twice,
    ports_of_services,
    ports_without_selector,
    selects_nothing,
    stars_in_paths,
    targets_nothing,
)
from .redirects import redirects_in_circles
from .routes import (
    empty_subsets,
    failover_without_outliers,
    literal_stars,
    opaque_entries,
    raw_tcp,
    rules_twice,
    shadowed,
    undefined_subsets,
    unreachable_routes,
)
from .streams import streams_for_http
from .transport import refused_transport

__all__ = ["Effect", "effects_of"]

LOOKS: tuple[t.Callable[[Mesh], t.Iterator[Effect]], ...] = (
    unbound,
    missed_gateways,
    hidden_from_gateways,
    exported_to_nobody,
    literal_stars,
    no_paths,
    raw_tcp,
    opaque_entries,
    streams_for_http,
    dead_hosts,
    unknown_hosts,
    aliases_of_nobody,
    unknown_ports,
    entries_of_nobody,
    entries_of_services,
    entries_twice,
    undefined_subsets,
    empty_subsets,
    no_fault,
    few_copies,
    lost_delegates,
    delegates_at_odds,
    behind_wider_paths,
    behind_older_rules,
    redirects_in_circles,
    unreachable_routes,
    shadowed,
    rules_twice,
    failover_without_outliers,
    replaced_by_ports,
    never_ejects,
    gateways_without_pods,
    ports_without_service,
    routes_of_other_kinds,
    selects_nothing,
    targets_nothing,
    policies_twice,
    stars_in_paths,
    impossible_callers,
    methods_in_lower_case,
    ports_of_services,
    ports_without_selector,
    plain_probes,
    filters_beside,
    refused_transport,
)


def effects_of(mesh: Mesh) -> list[Effect]:
    """All findings about all that is there."""
    return [found for look in LOOKS for found in look(mesh)]
