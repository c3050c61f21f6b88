# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from pathlib import Path

import ansible_collections.mesh.workshop as collection
import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.doc_fragments import attributes, auth, resource, verify, wait
from ansible_collections.mesh.workshop.plugins.module_utils._ansible import module as _module
from ansible_collections.mesh.workshop.plugins.module_utils._kube import AUTH_ARG_SPEC, ENVIRONMENT

ROOT = Path(next(iter(collection.__path__)))
RESOURCES = {
    "gateway": ("networking.istio.io/v1", "Gateway"),
    "virtual_service": ("networking.istio.io/v1", "VirtualService"),
    "destination_rule": ("networking.istio.io/v1", "DestinationRule"),
    "service_entry": ("networking.istio.io/v1", "ServiceEntry"),
    "sidecar": ("networking.istio.io/v1", "Sidecar"),
    "envoy_filter": ("networking.istio.io/v1alpha3", "EnvoyFilter"),
    "peer_authentication": ("security.istio.io/v1", "PeerAuthentication"),
    "request_authentication": ("security.istio.io/v1", "RequestAuthentication"),
    "authorization_policy": ("security.istio.io/v1", "AuthorizationPolicy"),
    "telemetry": ("telemetry.istio.io/v1", "Telemetry"),
}


def options_of(fragment: t.Any) -> dict[str, t.Any]:
    return yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"]


def shape(options: dict[str, t.Any], nested: str) -> dict[str, t.Any]:
    """What documentation and argument spec must agree on."""
    kept = ("type", "aliases", "choices", "default", "required", "elements")
    return {
        name: {
            **{key: spec[key] for key in kept if spec.get(key) not in (None, False)},
            **({"nested": shape(spec[nested], nested)} if nested in spec else {}),
        }
        for name, spec in options.items()
    }


@pytest.mark.parametrize(
    ("fragment", "spec"),
    [
        (auth, AUTH_ARG_SPEC),
        (wait, _module.WAIT_ARG_SPEC),
        (verify, _module.VERIFY_ARG_SPEC),
        (resource, _module.RESOURCE_ARG_SPEC),
    ],
)
def test_fragments_say_what_the_argument_specs_take(fragment: t.Any, spec: dict[str, t.Any]) -> None:
    assert shape(options_of(fragment), "suboptions") == shape(spec, "options")


def test_every_environment_variable_is_documented() -> None:
    text = auth.ModuleDocFragment.DOCUMENTATION
    assert [variable for variable in ENVIRONMENT.values() if f"E({variable})" not in text] == []


def test_authentication_is_that_of_kubernetes_core() -> None:
    # The names of kubernetes.core 6, plugins/module_utils/args_common.py.
    assert set(AUTH_ARG_SPEC) == {
        "kubeconfig",
        "context",
        "host",
        "api_key",
        "username",
        "password",
        "validate_certs",
        "ca_cert",
        "client_cert",
        "client_key",
        "proxy",
        "no_proxy",
        "proxy_headers",
        "persist_config",
        "impersonate_user",
        "impersonate_groups",
    }


def documentation(name: str) -> dict[str, t.Any]:
    text = (ROOT / "plugins" / "modules" / f"{name}.py").read_text()
    return yaml.safe_load(text.split('DOCUMENTATION = r"""')[1].split('"""')[0])


def test_apply_documents_its_options() -> None:
    assert shape(documentation("apply")["options"], "suboptions") == shape(_module.APPLY_ARG_SPEC, "options")


@pytest.mark.parametrize(("name", "kind"), RESOURCES.items())
def test_resource_modules_send_their_kind(name: str, kind: tuple[str, str]) -> None:
    text = (ROOT / "plugins" / "modules" / f"{name}.py").read_text()
    assert f'run_resource_module("{kind[0]}", "{kind[1]}")' in text


@pytest.mark.parametrize("name", [*RESOURCES, "apply", "mesh_info"])
def test_every_module_declares_its_attributes(name: str) -> None:
    fragments = documentation(name)["extends_documentation_fragment"]
    assert "mesh.workshop.attributes" in fragments
    assert (
        "mesh.workshop.attributes.info" if name.endswith("_info") else "mesh.workshop.attributes.applies"
    ) in fragments


def test_attributes_are_described() -> None:
    described = yaml.safe_load(attributes.ModuleDocFragment.DOCUMENTATION)["attributes"]
    for text in (attributes.ModuleDocFragment.APPLIES, attributes.ModuleDocFragment.INFO):
        assert set(yaml.safe_load(text)["attributes"]) == set(described)


@pytest.mark.parametrize("name", [*RESOURCES, "apply"])
def test_examples_name_their_own_module(name: str) -> None:
    text = (ROOT / "plugins" / "modules" / f"{name}.py").read_text()
    examples = yaml.safe_load(text.split('EXAMPLES = r"""')[1].split('"""')[0])
    assert all(f"mesh.workshop.{name}" in example for example in examples)
    known = {**_module.RESOURCE_ARG_SPEC, **_module.APPLY_ARG_SPEC, **_module.WAIT_ARG_SPEC, **_module.VERIFY_ARG_SPEC}
    assert all(set(example[f"mesh.workshop.{name}"]) <= set(known) for example in examples)


def test_the_action_group_holds_every_module_that_talks_to_the_cluster() -> None:
    members = set(yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]["mesh"])
    takes_auth = {
        path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if "mesh.workshop.auth\n" in path.read_text()
    }
    # A conversion does so only where it is asked to: elsewhere an address would have no effect.
    assert members == takes_auth - {"migrate"}


def test_every_module_ends_with_ansible_playbook_and_hides_secrets() -> None:
    """A QuietModule does both; an AnsibleModule neither."""
    for path in (ROOT / "plugins" / "modules").glob("*.py"):
        assert "AnsibleModule" not in path.read_text(), path.name
