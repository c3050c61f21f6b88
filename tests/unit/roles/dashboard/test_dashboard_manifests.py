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
FOUND = {"prometheus": {"namespace": "monitoring", "name": "prometheus", "port": 80}, "namespaces": []}
NOBODY = {"prometheus": {"namespace": ""}, "namespaces": []}
PULL = "Deployment x/%s is not ready in time: pod %s-1, container c: ImagePullBackOff, image %s; correct it."
Json = dict[str, t.Any]


def render(name: str = "dashboard.yml.j2", **variables: t.Any) -> dict[str, Json]:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters.update(FilterModule().filters())
    given = {
        "dashboard_homes": VARIABLES["dashboard_homes"],
        "dashboard_files": {"server.py": "print()", "index.html": "<p>"},
        "dashboard_python": "python",
        "dashboard_address": "http://prometheus.monitoring:9090",
    }
    text = environment.from_string((ROLE / "templates" / name).read_text()).render({**given, **variables})
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


def services() -> dict[str, list[str]]:
    """What a reset looks for, by namespace."""
    known = yaml.safe_load((ROLE.parent / "lab" / "vars" / "main.yml").read_text())["lab_services"]
    return {one["namespace"]: sorted(one["objects"]) for one in known if one["role"] == "dashboard"}


def test_a_reset_knows_what_is_installed() -> None:
    """What it looks for and never finds would count as taken away, so each reset would install the pages anew."""
    kinds = {kind for _version, kind in SERVICE_KINDS}
    installed = [one for one in render().values() if one["kind"] in kinds]
    assert {one["metadata"]["namespace"] for one in installed} == {VARIABLES["dashboard_homes"]["pages"]}
    assert services()[VARIABLES["dashboard_homes"]["pages"]] == sorted(
        f"{one['kind']}/{one['metadata']['name']}" for one in installed
    )
    assert set(services()) == set(VARIABLES["dashboard_homes"].values())


def test_a_removal_names_all_that_is_not_in_a_namespace() -> None:
    remains = VARIABLES["dashboard_remains"]
    homes = VARIABLES["dashboard_homes"]
    assert {shown: remains[shown][0]["metadata"]["name"] for shown in remains} == homes
    kinds = {shown: [one["kind"] for one in documents] for shown, documents in remains.items()}
    assert kinds == {"pages": ["Namespace"], "kiali": ["Namespace", "ClusterRoleBinding", "ClusterRole"]}
    assert {one["metadata"]["name"] for one in remains["kiali"]} == {homes["kiali"]}
    assert [name for name in render() if name.startswith("ClusterRole")] == []


def test_no_pod_may_open_what_shows_all_namespaces() -> None:
    policy = render("kiali.yml.j2")["NetworkPolicy forwarded-ports-only"]
    assert policy["metadata"]["namespace"] == VARIABLES["dashboard_homes"]["kiali"]
    assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}


@pytest.mark.parametrize(
    ("there", "given", "shown"),
    [
        ([], {}, "pages"),
        ([], {"cluster_provider": "existing"}, "kiali"),
        (["mesh-workshop-dashboard"], {"cluster_provider": "existing"}, "pages"),
        (["mesh-workshop-kiali"], {}, "kiali"),
        (["mesh-workshop-kiali"], {"dashboard_console": "pages"}, "pages"),
        ([], {"dashboard_console": "kiali"}, "kiali"),
        (["mesh-workshop-kiali"], {"dashboard_state": "absent"}, ""),
    ],
)
def test_what_is_there_stays_unless_something_else_is_wanted(there: list[str], given: Json, shown: str) -> None:
    found = {**FOUND, "namespaces": [{"name": name} for name in there]}
    assert variable("dashboard", "dashboard_shown", dashboard_found=found, **given) == shown


@pytest.mark.parametrize(
    ("other", "there", "given", "runs"),
    [
        ("kiali", [], {}, False),
        ("kiali", ["mesh-workshop-kiali"], {}, True),
        ("kiali", [], {"dashboard_state": "absent"}, True),
    ],
)
def test_only_what_is_there_is_removed(other: str, there: list[str], given: Json, runs: bool) -> None:
    found = {**FOUND, "namespaces": [{"name": name} for name in there]}
    given = {"dashboard_found": found, "dashboard_other": other, **given}
    done = task("dashboard", "Remove what is not to show the mesh", **given)
    assert done["runs"] is runs
    if runs:
        assert done["arguments"]["lease"] == "mesh-workshop-kiali"
        assert done["arguments"]["definitions"] == VARIABLES["dashboard_remains"]["kiali"]


@pytest.mark.parametrize(
    ("said", "images"),
    [
        (PULL % ("kiali", "kiali", "quay.io/kiali/kiali:v2"), ["quay.io/kiali/kiali:v2"]),
        (
            f"{PULL % ('kiali', 'kiali', 'a/kiali:v2')} {PULL % ('grafana', 'grafana', 'b/grafana:12')}",
            ["a/kiali:v2", "b/grafana:12"],
        ),
        ("Deployment x/kiali cannot become ready: something else.", []),
    ],
)
def test_images_that_cannot_be_pulled_are_named(said: str, images: list[str]) -> None:
    assert variable("dashboard", "dashboard_unpulled", dashboard_installed={"msg": said}) == images
    assert variable("dashboard", "dashboard_unpulled", dashboard_installed={"changed": True}) == []


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ("pages", ["-n mesh-workshop-dashboard service/dashboard 8080:80", "http://localhost:8080/?namespace=room"]),
        (
            "kiali",
            [
                "-n mesh-workshop-kiali service/kiali 20001:20001",
                "-n mesh-workshop-kiali service/grafana 3000:3000",
                "http://localhost:20001/kiali/console/graph/namespaces?namespaces=room",
            ],
        ),
    ],
)
def test_the_playbook_says_how_to_open_what_it_has_installed(shown: str, told: list[str]) -> None:
    template = ROLE.parents[1] / "playbooks" / "templates" / "dashboard.txt.j2"
    said = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True).from_string(template.read_text())
    given = {"dashboard_shown": shown, "dashboard_homes": VARIABLES["dashboard_homes"], "bookinfo_namespace": "room"}
    text = said.render(**given, dashboard_kubeconfig="/k", dashboard_context="")
    assert [one for one in told if one not in text] == []
    assert text.startswith("Open a port")
    assert text.count("kubectl --kubeconfig /k port-forward") == len(told) - 1


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
    given = {"dashboard_found": NOBODY, "ansible_check_mode": False, **given}
    assert task("dashboard", "Fail without a Prometheus", **given)["runs"] is fails
