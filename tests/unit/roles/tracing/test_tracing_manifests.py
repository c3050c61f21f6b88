# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role tracing deploys: the template rendered as Ansible renders it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible.plugins.filter.core import FilterModule

ROLES = Path(__file__).resolve().parents[4] / "roles"
ROLE = ROLES / "tracing"
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
SPECS = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
MESH = yaml.safe_load((ROLES / "istio" / "vars" / "main.yml").read_text())["istio_mesh_config_base"]


def render(**variables: t.Any) -> dict[str, dict[str, t.Any]]:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True)
    # Ansible's own default() knows only Ansible's own kind of what is not defined.
    environment.filters.update({**FilterModule().filters(), "default": environment.filters["default"]})
    template = environment.from_string((ROLE / "templates" / "tracing.yml.j2").read_text())
    text = template.render({**DEFAULTS, "tracing_embedded": {}, **variables})
    return {f"{one['kind']} {one['metadata']['name']}": one for one in yaml.safe_load_all(text)}


def container(documents: dict[str, dict[str, t.Any]]) -> dict[str, t.Any]:
    (found,) = documents["Deployment tracing"]["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_every_variable_is_documented_with_its_default() -> None:
    assert set(SPECS) == set(DEFAULTS)
    for name, spec in SPECS.items():
        if "{{" not in str(DEFAULTS[name]):
            assert spec.get("default", DEFAULTS[name]) == DEFAULTS[name], name


@pytest.mark.parametrize("backend", ["zipkin", "jaeger"])
def test_the_mesh_sends_spans_to_the_service(backend: str) -> None:
    service = render(tracing_backend=backend)["Service zipkin"]
    (provider,) = [one["zipkin"] for one in MESH["extensionProviders"] if one["name"] == "workshop-zipkin"]
    meta = service["metadata"]
    assert provider["service"] == f"{meta['name']}.{meta['namespace']}.svc.cluster.local"
    assert provider["port"] in [port["port"] for port in service["spec"]["ports"]]


def test_the_lab_names_the_mesh_s_provider() -> None:
    text = (ROLES / "lab" / "catalogue" / "tracing" / "lab.yml").read_text()
    assert text.count("{name: workshop-zipkin}") == 2


@pytest.mark.parametrize(
    ("variables", "image"),
    [
        ({}, "docker.io/openzipkin/zipkin-slim:"),
        ({"tracing_backend": "jaeger"}, "docker.io/jaegertracing/"),
        ({"tracing_embedded": {"zipkin": {"ref": "mesh-workshop.local/zipkin:1"}}}, "mesh-workshop.local/zipkin:1"),
        ({"tracing_image": "registry.example/zipkin:3"}, "registry.example/zipkin:3"),
    ],
)
def test_images(variables: dict[str, t.Any], image: str) -> None:
    assert container(render(**variables))["image"].startswith(image)


def test_zipkin_leaves_it_to_the_proxies_to_close_connections() -> None:
    environment = {one["name"]: one["value"] for one in container(render())["env"]}
    for variable in ("JAVA_OPTS", "JDK_JAVA_OPTIONS"):
        assert "-Dcom.linecorp.armeria.defaultServerIdleTimeoutMillis=0" in environment[variable].split()


def test_the_pod_passes_the_restricted_profile() -> None:
    found = container(render())
    assert found["securityContext"]["allowPrivilegeEscalation"] is False
    assert found["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_reset_knows_all_that_is_installed() -> None:
    services = yaml.safe_load((ROLES / "lab" / "vars" / "main.yml").read_text())["lab_services"]
    (service,) = [one for one in services if one["role"] == "tracing"]
    # What attendees may look at is none of a lab's business.
    beside = ("Namespace", "Role", "RoleBinding")
    installed = [one for one in render().values() if one["kind"] not in beside]
    assert {one["metadata"]["namespace"] for one in installed} == {service["namespace"]}
    assert sorted(f"{one['kind']}/{one['metadata']['name']}" for one in installed) == sorted(service["objects"])
