# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Istio the role asks for, on which cluster: its variables rendered as Ansible renders them."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.parts import VERSIONS
from ansible_collections.mesh.workshop.plugins.module_utils._istio.control_plane import operator_document
from ansible_collections.mesh.workshop.tests.unit.role_vars import ROLES, load, task, variable

BUILD = "Build the istioctl whose charts are installed"
INSTALL = "Install Istio, or use the installed one"
ARTIFACTS = {
    "bin": {"istio": "/built"},
    "images": {"pilot": {"repository": "mesh-workshop.local/istio/pilot", "tag": "1.31-abc"}},
}
EMBEDDED: dict[str, t.Any] = {"cluster_artifacts": ARTIFACTS, "cluster_node_address": "172.30.0.2"}
EXISTING: dict[str, t.Any] = {"cluster_provider": "existing", "istio_built": {"artifacts": ARTIFACTS}}


def operator(**given: t.Any) -> dict[str, t.Any]:
    """The spec of the document that is rendered where no Istio is there."""
    arguments = task("istio", INSTALL, istio_found={"mode": "none"}, **given)["arguments"]
    assert arguments["state"] == "present"
    options = ("profile", "hub", "tag", "values", "mesh_config")
    document = operator_document(**{name: arguments[name] for name in options})
    return dict(document["spec"])


def test_on_the_embedded_cluster_the_images_are_those_built_here() -> None:
    spec = operator(**EMBEDDED)
    assert (spec["hub"], spec["tag"]) == ("mesh-workshop.local/istio", "1.31-abc")
    assert spec["values"]["pilot"]["env"]["PILOT_ENABLE_ALPN_FILTER"] == "false"


def test_on_another_cluster_the_images_are_those_of_the_release() -> None:
    spec = operator(**EXISTING)
    assert (spec["hub"], spec["tag"]) == ("registry.istio.io/release", "1.31.0")
    assert "env" not in spec["values"]["pilot"]
    assert spec["tag"].startswith(VERSIONS["istio"].partition("-")[0] + ".")


def test_another_istioctl_names_its_own_images() -> None:
    spec = operator(**EXISTING, istio_istioctl="/usr/local/bin/istioctl")
    assert "hub" not in spec
    assert "tag" not in spec


@pytest.mark.parametrize("cluster", [EMBEDDED, EXISTING])
def test_whoever_names_images_has_chosen(cluster: dict[str, t.Any]) -> None:
    spec = operator(**cluster, istio_hub="registry.example", istio_tag="mine")
    assert (spec["hub"], spec["tag"]) == ("registry.example", "mine")


def test_a_gateway_scaled_by_hand_is_scaled_back() -> None:
    assert variable("istio", "istio_values_base")["gateways"]["istio-ingressgateway"]["replicaCount"] == 1


@pytest.mark.parametrize(
    ("cluster", "state", "mode", "wanted", "renders"),
    [
        (EMBEDDED, "auto", "none", "present", True),
        (EMBEDDED, "auto", "ours", "present", True),
        (EMBEDDED, "auto", "existing", "existing", False),
        (EXISTING, "auto", "none", "present", True),
        (EXISTING, "auto", "ours", "existing", False),
        (EXISTING, "auto", "existing", "existing", False),
        (EXISTING, "present", "ours", "present", True),
        (EXISTING, "present", "existing", "present", False),
    ],
)
def test_an_istio_that_is_there_is_changed_only_where_it_is_ours(
    cluster: dict[str, t.Any], state: str, mode: str, wanted: str, renders: bool
) -> None:
    given = {**cluster, "istio_state": state, "istio_found": {"mode": mode}}
    arguments = task("istio", INSTALL, **given)["arguments"]
    assert (arguments["state"], arguments["istioctl"]) == (wanted, "/built/istioctl" if renders else "")
    assert task("istio", BUILD, **{**given, "istio_istioctl": "/mine"})["runs"] is False
    if cluster is EXISTING:
        assert variable("istio", "istio_renders", **given) is renders


def test_an_existing_istio_needs_no_stock() -> None:
    given = {**EXISTING, "istio_state": "existing", "istio_found": {"skipped": True}}
    assert task("istio", INSTALL, **given)["arguments"]["state"] == "existing"
    assert task("istio", BUILD, **given)["runs"] is False


def test_what_only_an_installation_uses_is_given_only_to_one() -> None:
    only = {"profile", "platform", "hub", "tag", "values", "mesh_config", "gateway_address", "wait_timeout"}
    mine = {**EXISTING, "istio_state": "existing", "istio_found": {"skipped": True}, "istio_hub": "registry.example"}
    arguments = task("istio", INSTALL, **mine)["arguments"]
    assert {arguments[name] for name in only} == {"(omitted)"}
    arguments = task("istio", INSTALL, **{**mine, "istio_state": "present", "istio_found": {"mode": "none"}})[
        "arguments"
    ]
    assert (arguments["hub"], arguments["profile"], arguments["wait_timeout"]) == ("registry.example", "default", 300)
    assert arguments["values"]["defaultRevision"] == "default"


def test_every_variable_is_documented_with_its_default() -> None:
    options = load(ROLES / "istio" / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    defaults = load(ROLES / "istio" / "defaults" / "main.yml")
    assert {name: option["default"] for name, option in options.items()} == defaults
