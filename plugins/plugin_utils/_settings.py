# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which variables of the roles each playbook reads, and what each needs to have an effect."""

from __future__ import annotations

import typing as t

# They say which workshop is meant. Every playbook about a workshop takes them, so that one wrapper can serve all.
WORKSHOP = frozenset(
    {
        *("cluster_provider", "cluster_name", "cluster_kubeconfig", "cluster_context", "cluster_data"),
        *("bookinfo_namespace", "bookinfo_host"),
    }
)
PLACE = frozenset({"lab_namespace", "lab_host", "lab_kubeconfig", "lab_context"})
# A stage as its lab.yml says it.
STAGE = frozenset(
    {"lab_catalogue", "lab_gateway_namespace", "lab_python_image", "lab_grpc_health_image", "cluster_cache"}
)
CHECKS = frozenset({"lab_deadline", "lab_gateway", "istio_istioctl"})
# What some labs need beside the mesh.
SERVICES = frozenset(
    {
        *(f"ratelimit_{name}" for name in ("state", "descriptors", "image", "redis_image")),
        *(f"ratelimit_{name}" for name in ("wait_timeout", "kubeconfig", "context")),
        *(f"metrics_{name}" for name in ("state", "image", "interval", "retention")),
        *(f"metrics_{name}" for name in ("wait_timeout", "kubeconfig", "context")),
        *(f"dashboard_{name}" for name in ("state", "console", "prometheus", "image")),
        *(f"dashboard_{name}" for name in ("wait_timeout", "kubeconfig", "context")),
        *(f"tracing_{name}" for name in ("state", "backend", "image", "wait_timeout", "kubeconfig", "context")),
    }
)
PAGES = frozenset(name for name in SERVICES if name.startswith("dashboard_"))
METRICS = frozenset(name for name in SERVICES if name.startswith("metrics_"))
APPLIES = frozenset({"lab_wait_timeout"})
FORM = frozenset({"lab_api"})
# The definitions of the Gateway API, which a stage in its form needs.
DEFINITIONS = frozenset(
    f"gateway_api_{name}" for name in ("state", "channel", "definitions", "wait_timeout", "kubeconfig", "context")
)
BOOKINFO = frozenset(
    f"bookinfo_{name}"
    for name in ("injection", "image", "registry", "tag", "pull_policy", "resources", "labels", "session_secret")
)
# Only whoever deploys Bookinfo reads these.
DEPLOYS = frozenset(
    {
        *(f"bookinfo_{name}" for name in ("state", "wait", "wait_timeout", "kubeconfig", "context")),
        *(f"bookinfo_route_{name}" for name in ("namespace", "service", "port")),
        "cluster_platform",
    }
)
# Only whoever installs Istio and Kubernetes reads these.
INSTALLS = frozenset(
    {
        *(f"istio_{name}" for name in ("state", "profile", "version", "hub", "tag", "values", "mesh_config")),
        *("istio_wait_timeout", "cluster_subnet", "cluster_timeout"),
        *("cluster_listen", "cluster_listen_http_port", "cluster_listen_https_port"),
        *("cluster_listen_api", "cluster_listen_api_port"),
    }
)

SETTINGS: dict[str, frozenset[str]] = {
    "setup": WORKSHOP | PLACE | STAGE | CHECKS | APPLIES | BOOKINFO | DEPLOYS | INSTALLS,
    "lab": WORKSHOP | PLACE | STAGE | CHECKS | APPLIES | SERVICES | FORM | DEFINITIONS,
    "verify": WORKSHOP | PLACE | STAGE | CHECKS | FORM,
    "break": WORKSHOP | PLACE | STAGE | CHECKS | APPLIES,
    "status": WORKSHOP | PLACE | STAGE | BOOKINFO,
    "reset": WORKSHOP | PLACE | STAGE | CHECKS | APPLIES | SERVICES | BOOKINFO,
    "tour": WORKSHOP | PLACE | STAGE | CHECKS | APPLIES | SERVICES | BOOKINFO | FORM | DEFINITIONS,
    "explain": WORKSHOP | PLACE,
    "traffic": WORKSHOP | PLACE | {"lab_gateway"},
    "attendees": (WORKSHOP | PLACE | STAGE | CHECKS | APPLIES | BOOKINFO | DEPLOYS) - {"bookinfo_state"},
    "dashboard": WORKSHOP | METRICS | PAGES | {"cluster_cache"},
    "migrate": frozenset(),
    "teardown": WORKSHOP | {"cluster_cache", "cluster_purge_cache"},
}
"""Per playbook the variables of roles that a command line may set."""

OTHERWISE: dict[str, str] = {
    "lab_attendee": "attendee",
    "lab_attendee_otherwise": "",
    "lab_attendee_elsewhere": "",
    "lab_attendees_wanted": "attendees",
    "lab_attendees_state": "attendees_state",
    "lab_attendees_host": "attendees_host",
    "lab_attendees_machine": "",
    "lab_attendees_resources": "",
    "lab_attendee_bounds": "",
    "lab_attendees_dir": "attendees_dir",
    "lab_attendees_hours": "attendees_hours",
    "lab_attendees_server": "attendees_server",
    "lab_room_shown": "",
    "lab_shared": "",
    "lab_room_state": "",
    "lab_name": "lab",
    "lab_stage": "stage",
    "lab_state": "",
    "lab_verify": "lab",
    "lab_verify_stage": "stage",
    "lab_reset": "lab",
    "lab_exercises": "",
    "lab_fault": "fault",
    "lab_seed": "seed",
    "lab_hint": "hint",
    "lab_cause": "explain",
    "lab_tour_labs": "labs",
    "bookinfo_beside": "",
    "bookinfo_definitions": "",
}
"""What the playbooks set themselves, and the option that it comes from (none: empty)."""

TASK_VARIABLES: dict[str, tuple[str, ...]] = {
    "workshop": ("setup", "lab", "verify", "break", "status", "reset", "tour", "attendees"),
    "migration": ("migrate",),
}
"""Names without a prefix of ours that tasks set, and in which playbooks."""


class Need(t.NamedTuple):
    """What another variable has to be, so that one has an effect."""

    other: str
    default: str
    wanted: tuple[str, ...]
    """Its values; empty where any value will do that is given and not false."""
    told: str


LISTENING = Need("cluster_listen", "", (), "cluster_listen, the address to publish on")
EMBEDDED = Need("cluster_provider", "embedded", ("embedded",), "cluster_provider=embedded")
EXISTING = Need("cluster_provider", "embedded", ("existing",), "cluster_provider=existing")
INSTALLING = Need("istio_state", "auto", ("auto", "present"), "istio_state=auto or present")
PAGES_SHOWN = Need("dashboard_console", "auto", ("auto", "pages"), "dashboard_console=auto or pages")
GATEWAY_API = Need("lab_api", "istio", ("gateway",), "lab_api=gateway")
WAITING = Need("bookinfo_wait", "true", (), "bookinfo_wait=true")

NEEDS: dict[str, tuple[Need, ...]] = {
    "cluster_listen": (EMBEDDED,),
    **dict.fromkeys(("cluster_listen_http_port", "cluster_listen_https_port", "cluster_listen_api"), (LISTENING,)),
    "cluster_listen_api_port": (LISTENING, Need("cluster_listen_api", "", (), "cluster_listen_api=yes")),
    **dict.fromkeys(("cluster_subnet", "cluster_timeout", "cluster_purge_cache"), (EMBEDDED,)),
    **dict.fromkeys(("cluster_context", "cluster_platform", "bookinfo_registry", "bookinfo_tag"), (EXISTING,)),
    **{f"istio_{name}": (INSTALLING,) for name in ("profile", "version", "hub", "tag", "values", "mesh_config")},
    "istio_wait_timeout": (INSTALLING,),
    "bookinfo_wait_timeout": (WAITING,),
    "dashboard_image": (PAGES_SHOWN,),
    **dict.fromkeys(DEFINITIONS, (GATEWAY_API,)),
}
"""Per variable of a role what it needs."""


def is_given(value: t.Any) -> bool:
    """Whether a value asks for anything."""
    return value not in (None, "", [], {}) and str(value).lower() not in ("false", "no", "n", "off", "0", "f")


def unmet(name: str, values: t.Mapping[str, t.Any]) -> str:
    """What a variable needs and does not have, in words; empty where it has all."""
    for need in NEEDS.get(name, ()):
        value = values.get(need.other)
        value = need.default if value is None or value == "" else value
        if "{{" in str(value):  # only the playbook knows
            continue
        if not (str(value) in need.wanted if need.wanted else is_given(value)):
            return need.told
    return ""
