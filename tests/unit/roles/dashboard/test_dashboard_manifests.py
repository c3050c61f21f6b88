# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role dashboard deploys: its template rendered as Ansible renders it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import jinja2
import pytest
import server
import yaml
from ansible.plugins.filter.core import FilterModule
from ansible_collections.mesh.workshop.plugins.module_utils._ansible.reset import SERVICE_KINDS
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.parts import STEPS
from ansible_collections.mesh.workshop.tests.unit.role_vars import load, task, variable

ROLE = Path(__file__).resolve().parents[4] / "roles" / "dashboard"
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
SPECS = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
VARIABLES = load(ROLE / "vars" / "main.yml")
FOUND = {"prometheus": {"namespace": "monitoring", "name": "prometheus", "port": 80}}
Json = dict[str, t.Any]


def render(**variables: t.Any) -> dict[str, Json]:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters.update(FilterModule().filters())
    given = {
        "dashboard_state": "present",
        "dashboard_files": {"server.py": "print()", "index.html": "<p>"},
        "dashboard_python": "python",
        "dashboard_address": "http://prometheus.monitoring:9090",
    }
    text = environment.from_string((ROLE / "templates" / "dashboard.yml.j2").read_text()).render({**given, **variables})
    return {f"{one['kind']} {one['metadata']['name']}": one for one in yaml.safe_load_all(text)}


def container() -> Json:
    (found,) = render()["Deployment dashboard"]["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_every_variable_is_documented_with_its_default() -> None:
    assert set(SPECS) == set(DEFAULTS)
    for name, spec in SPECS.items():
        if "{{" not in str(DEFAULTS[name]):
            assert spec.get("default", DEFAULTS[name]) == DEFAULTS[name], name


def test_all_that_the_server_serves_is_there() -> None:
    (pages,) = (step for step in STEPS if step.name == "pages")
    assert list(pages.contents) == VARIABLES["dashboard_libraries"]
    for path in VARIABLES["dashboard_parts"]:
        assert (ROLE / "files" / path).is_file()
    names = {Path(path).name for path in VARIABLES["dashboard_parts"]} | set(pages.contents)
    assert {name for name, _kind in server.FILES.values()} | {"server.py", "model.py"} == names


def test_the_pages_listen_inside_the_cluster_only() -> None:
    assert render()["Service dashboard"]["spec"].get("type", "ClusterIP") == "ClusterIP"
    assert "hostPort" not in str(render())


def test_the_pod_asks_prometheus_with_no_rights_of_its_own() -> None:
    spec = render()["Deployment dashboard"]["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert container()["command"][-1] == "http://prometheus.monitoring:9090"
    assert container()["securityContext"]["allowPrivilegeEscalation"] is False
    assert container()["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container()["resources"]["limits"]["memory"] == "128Mi"


def test_other_pages_are_another_pod() -> None:
    def mark(**variables: t.Any) -> t.Any:
        return render(**variables)["Deployment dashboard"]["spec"]["template"]["metadata"]["annotations"]

    assert mark() == mark() != mark(dashboard_files={"server.py": "print(1)"})


def test_a_reset_knows_what_is_installed() -> None:
    """What it looks for and never finds would count as taken away, so each reset would install the pages anew."""
    services = yaml.safe_load((ROLE.parent / "lab" / "vars" / "main.yml").read_text())["lab_services"]
    (service,) = [one for one in services if one["role"] == "dashboard"]
    kinds = {kind for _version, kind in SERVICE_KINDS}
    installed = [one for one in render().values() if one["kind"] in kinds]
    assert {one["metadata"]["namespace"] for one in installed} == {service["namespace"]}
    assert sorted(f"{one['kind']}/{one['metadata']['name']}" for one in installed) == sorted(service["objects"])


def test_the_namespace_is_all_that_a_removal_names() -> None:
    assert list(render(dashboard_state="absent")) == ["Namespace mesh-workshop-dashboard"]


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({"dashboard_found": FOUND}, "http://prometheus.monitoring:80"),
        ({"dashboard_prometheus": "http://elsewhere:9090/prom"}, "http://elsewhere:9090/prom"),
    ],
)
def test_the_prometheus_that_is_asked(given: Json, address: str) -> None:
    assert variable("dashboard", "dashboard_address", **given) == address


@pytest.mark.parametrize(
    ("given", "image"),
    [
        ({"cluster_provider": "existing"}, "docker.io/library/python:3.13-slim"),
        ({"dashboard_image": "registry.example/python:3"}, "registry.example/python:3"),
    ],
)
def test_images(given: Json, image: str) -> None:
    assert variable("dashboard", "dashboard_python", **given) == image


@pytest.mark.parametrize(
    ("given", "fails"),
    [
        ({}, True),
        ({"ansible_check_mode": True}, False),
        ({"dashboard_found": FOUND}, False),
        ({"dashboard_prometheus": "http://elsewhere:9090"}, False),
        ({"dashboard_state": "absent"}, False),
    ],
)
def test_a_cluster_without_prometheus_is_told(given: Json, fails: bool) -> None:
    given = {"dashboard_found": {"prometheus": {"namespace": ""}}, "ansible_check_mode": False, **given}
    assert task("dashboard", "Fail without a Prometheus", **given)["runs"] is fails
