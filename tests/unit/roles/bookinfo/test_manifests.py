# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role deploys: the template rendered as Ansible renders it."""

from __future__ import annotations

import base64
import typing as t
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible.plugins.filter.core import FilterModule
from ansible_collections.mesh.workshop.plugins.module_utils._verify.workload import NAME

ROLE = Path(__file__).resolve().parents[4] / "roles" / "bookinfo"
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
SPECS = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]
OWN = {"bookinfo_own_image": "registry.example/bookinfo:1"}
UPSTREAM = {"bookinfo_own_image": ""}


def render(file: str = "bookinfo.yml.j2", **variables: t.Any) -> list[dict[str, t.Any]]:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters.update(FilterModule().filters())
    template = environment.from_string((ROLE / "templates" / file).read_text())
    return list(yaml.safe_load_all(template.render({**DEFAULTS, **OWN, **variables})))


def of_kind(documents: list[dict[str, t.Any]], kind: str) -> dict[str, dict[str, t.Any]]:
    return {document["metadata"]["name"]: document for document in documents if document["kind"] == kind}


def containers(documents: list[dict[str, t.Any]]) -> dict[str, dict[str, t.Any]]:
    found = {}
    for name, deployment in of_kind(documents, "Deployment").items():
        (found[name],) = deployment["spec"]["template"]["spec"]["containers"]
    return found


def environment(container: dict[str, t.Any]) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}


@pytest.mark.parametrize("image", [OWN, UPSTREAM])
def test_names_labels_and_accounts_are_those_of_the_sample(image: dict[str, str]) -> None:
    documents = render(**image)
    services = ["details", "productpage", "ratings", "reviews"]
    assert list(of_kind(documents, "ServiceAccount")) == [f"bookinfo-{name}" for name in services]
    assert list(of_kind(documents, "Service")) == services
    for name, service in of_kind(documents, "Service").items():
        (port,) = service["spec"]["ports"]
        assert (port["name"], port["port"]) == ("http", 9080)
        assert service["spec"]["selector"] == {"app": name}
    found = {}
    for name, deployment in of_kind(documents, "Deployment").items():
        template = deployment["spec"]["template"]
        labels = template["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"] == {"app": labels["app"], "version": labels["version"]}
        found[name] = (labels["app"], labels["version"], template["spec"]["serviceAccountName"])
    assert found == {
        "details-v1": ("details", "v1", "bookinfo-details"),
        "productpage-v1": ("productpage", "v1", "bookinfo-productpage"),
        "ratings-v1": ("ratings", "v1", "bookinfo-ratings"),
        "reviews-v1": ("reviews", "v1", "bookinfo-reviews"),
        "reviews-v2": ("reviews", "v2", "bookinfo-reviews"),
        "reviews-v3": ("reviews", "v3", "bookinfo-reviews"),
    }


def test_the_versions_of_reviews_are_made_by_their_environment() -> None:
    for image in (OWN, UPSTREAM):
        found = {name: environment(container) for name, container in containers(render(**image)).items()}
        assert found["reviews-v1"]["ENABLE_RATINGS"] == "false"
        assert (found["reviews-v2"]["ENABLE_RATINGS"], found["reviews-v2"]["STAR_COLOR"]) == ("true", "black")
        assert (found["reviews-v3"]["ENABLE_RATINGS"], found["reviews-v3"]["STAR_COLOR"]) == ("true", "red")
        assert {name: values["SERVICE_VERSION"] for name, values in found.items()} == {
            name: name.rpartition("-")[2] for name in found
        }


def test_one_image_of_our_own_needs_a_command() -> None:
    for name, container in containers(render()).items():
        service = name.rpartition("-")[0]
        assert container["image"] == "registry.example/bookinfo:1"
        assert container["command"] == ["python3", "-m", f"bookinfo.{service}"]
        assert (ROLE / "files" / "app" / "bookinfo" / f"{service}.py").is_file()


def test_upstream_images_bring_their_own_command_and_user() -> None:
    documents = render(**UPSTREAM, bookinfo_registry="registry.example/istio", bookinfo_tag="1.2.3")
    for name, container in containers(documents).items():
        assert container["image"] == f"registry.example/istio/examples-bookinfo-{name}:1.2.3"
        assert "command" not in container
        assert "runAsUser" not in container["securityContext"]
        mounts = {mount["name"] for mount in container.get("volumeMounts", [])}
        volumes = of_kind(documents, "Deployment")[name]["spec"]["template"]["spec"].get("volumes", [])
        assert mounts == {volume["name"] for volume in volumes}


@pytest.mark.parametrize("image", [OWN, UPSTREAM])
def test_pods_pass_the_restricted_profile(image: dict[str, str]) -> None:
    for deployment in of_kind(render(**image), "Deployment").values():
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        security = pod["containers"][0]["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize(("injection", "namespace", "pod"), [(True, "enabled", "true"), (False, "disabled", "false")])
def test_with_and_without_istio(injection: bool, namespace: str, pod: str) -> None:
    documents = render(bookinfo_injection=injection)
    labels = of_kind(documents, "Namespace")["bookinfo"]["metadata"]["labels"]
    assert labels["istio-injection"] == namespace
    assert labels["mesh.workshop/managed"] == "true"
    for deployment in of_kind(documents, "Deployment").values():
        # In the pod's template, so that a change replaces the pods.
        assert deployment["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"] == pod


def test_an_attendee_s_namespace_holds_everything() -> None:
    documents = render(
        bookinfo_namespace="a1", bookinfo_host="a1.example", bookinfo_labels={"mesh.workshop/attendee": "a1"}
    )
    namespace = of_kind(documents, "Namespace")["a1"]
    assert namespace["metadata"]["annotations"] == {"mesh.workshop/host": "a1.example"}
    for document in documents:
        assert document["metadata"]["labels"]["mesh.workshop/attendee"] == "a1"
        assert document["kind"] == "Namespace" or document["metadata"]["namespace"] == "a1"


def test_labels_of_the_contract_cannot_be_overridden() -> None:
    documents = render(bookinfo_labels={"app": "other", "mesh.workshop/managed": "false"})
    assert of_kind(documents, "Deployment")["ratings-v1"]["metadata"]["labels"]["app"] == "ratings"
    assert of_kind(documents, "Namespace")["bookinfo"]["metadata"]["labels"]["mesh.workshop/managed"] == "true"


def test_the_session_secret_is_a_secret() -> None:
    assert of_kind(render(), "Secret") == {}
    documents = render(bookinfo_session_secret='a"b: c')
    (secret,) = of_kind(documents, "Secret").values()
    assert base64.b64decode(secret["data"]["secret"]) == b'a"b: c'
    entry = containers(documents)["productpage-v1"]["env"][-1]
    assert entry == {
        "name": "SESSION_SECRET",
        "valueFrom": {"secretKeyRef": {"name": "bookinfo-session", "key": "secret"}},
    }


def test_pods_have_time_to_end_in_good_order() -> None:
    from bookinfo import service

    for deployment in of_kind(render(), "Deployment").values():
        grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert grace > service.LAME_DUCK_SECONDS + service.DRAIN_SECONDS


def test_every_variable_is_declared_with_its_default() -> None:
    for entry_point in SPECS.values():
        assert set(entry_point["options"]) == set(DEFAULTS)
        for name, option in entry_point["options"].items():
            if "{{" not in str(DEFAULTS[name]):
                assert option["default"] == DEFAULTS[name], name


def test_openshift_admits_whatever_the_workshop_runs() -> None:
    """The users that workloads and probes name, in each namespace that they run in; and nothing that is privileged."""
    constraints, _route = render("openshift.yml.j2", bookinfo_namespace="room")
    assert constraints["metadata"]["name"] == "mesh-workshop-room"
    places = {group.removeprefix("system:serviceaccounts:") for group in constraints["groups"]}
    services = yaml.safe_load((ROLE.parent / "lab" / "vars" / "main.yml").read_text())["lab_services"]
    assert places == {"room", NAME, *(service["namespace"] for service in services)}
    assert constraints["runAsUser"] == {"type": "MustRunAsNonRoot"}
    assert constraints["requiredDropCapabilities"] == ["ALL"]
    assert [name for name, value in constraints.items() if name.startswith("allow") and value] == []


def test_what_runs_change_is_applied_with_its_lease() -> None:
    """So that no two runs change one namespace at once: Bookinfo, and the services that a reset may take away."""

    def leases(role: str) -> list[str]:
        tasks = [
            task for path in (ROLE.parent / role / "tasks").glob("*.yml") for task in yaml.safe_load(path.read_text())
        ]
        applied = [task["mesh.workshop.apply"] for task in tasks if "mesh.workshop.apply" in task]
        return [one["lease"] for one in applied if "definitions" in one]

    assert leases("bookinfo") == ["{{ bookinfo_namespace }}"]
    for service in yaml.safe_load((ROLE.parent / "lab" / "vars" / "main.yml").read_text())["lab_services"]:
        assert service["namespace"] in leases(service["role"])


def test_openshift_leads_from_the_host_to_the_gateway() -> None:
    _constraints, route = render("openshift.yml.j2", bookinfo_host="shop.apps.example", bookinfo_namespace="room")
    assert (route["metadata"]["namespace"], route["metadata"]["name"]) == ("istio-system", "room")
    assert (route["spec"]["host"], route["spec"]["to"]["name"]) == ("shop.apps.example", "istio-ingressgateway")
    assert "tls" not in route["spec"], "the gateway must see requests as they are"
    assert len(render("openshift.yml.j2", bookinfo_route_service="")) == 1


def test_services_are_asked_only_until_they_answer() -> None:
    for container in containers(render()).values():
        starting = container["startupProbe"]
        assert starting["httpGet"] == {"path": "/health", "port": 9080}
        assert starting["periodSeconds"] == 1
        assert starting["failureThreshold"] * starting["periodSeconds"] >= 600, "a slow start is no reason to restart"
        assert not {"readinessProbe", "livenessProbe"} & set(container), "a room has hundreds"
