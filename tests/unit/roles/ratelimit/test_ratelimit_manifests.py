# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role ratelimit deploys: the template rendered as Ansible renders it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible.plugins.filter.core import FilterModule

ROLES = Path(__file__).resolve().parents[4] / "roles"
ROLE = ROLES / "ratelimit"
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
SPECS = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]


def render(**variables: t.Any) -> dict[str, dict[str, t.Any]]:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True)
    # Ansible's own default() knows only Ansible's own kind of what is not defined.
    environment.filters.update({**FilterModule().filters(), "default": environment.filters["default"]})
    template = environment.from_string((ROLE / "templates" / "ratelimit.yml.j2").read_text())
    text = template.render({**DEFAULTS, "ratelimit_embedded": {}, **variables})
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def limits(documents: dict[str, dict[str, t.Any]]) -> dict[str, t.Any]:
    found: dict[str, t.Any] = yaml.safe_load(documents["ConfigMap"]["data"]["limits.yaml"])
    return found


def pod(documents: dict[str, dict[str, t.Any]]) -> dict[str, t.Any]:
    found: dict[str, t.Any] = documents["Deployment"]["spec"]["template"]
    return found


def test_every_variable_is_documented_with_its_default() -> None:
    assert set(SPECS) == set(DEFAULTS)
    for name, spec in SPECS.items():
        if "{{" not in str(DEFAULTS[name]):
            assert spec.get("default", DEFAULTS[name]) == DEFAULTS[name], name


def test_redis_is_there_before_the_service() -> None:
    spec = pod(render())["spec"]
    (redis,) = spec["initContainers"]
    assert redis["restartPolicy"] == "Always"
    assert redis["startupProbe"]["exec"]["command"][0] == "redis-cli"


def test_other_limits_are_another_pod() -> None:
    first, second = render(), render(ratelimit_descriptors=[])
    assert pod(first)["metadata"]["annotations"] != pod(second)["metadata"]["annotations"]
    assert limits(first)["descriptors"] == DEFAULTS["ratelimit_descriptors"]
    assert limits(second) == {"domain": "mesh-workshop", "descriptors": []}


@pytest.mark.parametrize(
    ("variables", "image"),
    [
        ({}, "docker.io/library/redis:"),
        ({"ratelimit_embedded": {"redis": {"ref": "mesh-workshop.local/redis:1"}}}, "mesh-workshop.local/redis:1"),
        ({"ratelimit_redis_image": "registry.example/redis:7"}, "registry.example/redis:7"),
    ],
)
def test_images(variables: dict[str, t.Any], image: str) -> None:
    (redis,) = pod(render(**variables))["spec"]["initContainers"]
    assert redis["image"].startswith(image)


def test_the_pod_passes_the_restricted_profile() -> None:
    spec = pod(render())["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    for container in (*spec["initContainers"], *spec["containers"]):
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_lab_counts_what_the_service_knows() -> None:
    """Each stage of the lab names one of the service's quotas."""
    text = (ROLES / "lab" / "catalogue" / "quotas" / "lab.yml").read_text()
    documents = render()
    for descriptor in limits(documents)["descriptors"]:
        assert f"descriptor_value: {descriptor['value']}}}" in text
    assert f"domain: {limits(documents)['domain']}\n" in text
    service = documents["Service"]["metadata"]
    (port,) = documents["Service"]["spec"]["ports"]
    assert f"outbound|{port['port']}||{service['name']}.{service['namespace']}.svc.cluster.local" in text


def test_a_reset_knows_all_that_is_installed() -> None:
    services = yaml.safe_load((ROLES / "lab" / "vars" / "main.yml").read_text())["lab_services"]
    (service,) = [one for one in services if one["role"] == "ratelimit"]
    # What attendees may look at is none of a lab's business.
    beside = ("Namespace", "Role", "RoleBinding")
    installed = [one for one in render().values() if one["kind"] not in beside]
    assert {one["metadata"]["namespace"] for one in installed} == {service["namespace"]}
    assert sorted(f"{one['kind']}/{one['metadata']['name']}" for one in installed) == sorted(service["objects"])
