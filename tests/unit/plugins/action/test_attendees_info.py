# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mesh.workshop.plugins.action import attendees_info
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError, connect
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi, status_body

Json = dict[str, t.Any]
ROOT = Path(__file__).resolve().parents[4]
OURS = {"mesh.workshop/managed": "true", "app.kubernetes.io/part-of": "bookinfo"}


POLICY = ("admissionregistration.k8s.io/v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", False)


def namespace(name: str, labels: Json | None = None, host: str = "") -> Json:
    meta = {"name": name, "labels": labels or {}, "annotations": {"mesh.workshop/host": host} if host else {}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[FakeApi]:
    server = FakeApi()
    server.kinds.append(POLICY)
    for name in ("ada", "bob"):
        server.put(namespace(name, OURS, f"{name}.shop.example"))
    server.put(namespace("mesh-workshop-tracing", {"mesh.workshop/managed": "true"}))
    server.put(namespace("istio-system"))
    monkeypatch.setattr(attendees_info, "connect", lambda _options: connect({"host": server.url, "api_key": "x"}))
    yield server
    server.stop()


def run(monkeypatch: pytest.MonkeyPatch, **given: t.Any) -> Json:
    """What the action returns; its options are checked by Ansible."""
    defaults = {name: spec.get("default") for name, spec in attendees_info.OPTIONS.items()}
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
    monkeypatch.setattr(ActionBase, "validate_argument_spec", lambda *_arguments: ({}, {**defaults, **given}))
    return object.__new__(attendees_info.ActionModule).run()


def refusal(monkeypatch: pytest.MonkeyPatch, **given: t.Any) -> str:
    with pytest.raises(AnsibleActionFail) as caught:
        run(monkeypatch, **given)
    return str(caught.value)


def names(result: Json) -> list[str]:
    return [one["name"] for one in result["attendees"]]


@pytest.mark.usefixtures("api")
def test_labels_say_who_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, chosen="all")
    assert result["there"] == result["attendees"]
    assert result["there"] == [{"name": one, "host": f"{one}.shop.example"} for one in ("ada", "bob")]
    assert names(run(monkeypatch, chosen="bob")) == ["bob"]
    assert names(run(monkeypatch, otherwise="all")) == ["ada", "bob"]
    assert "There are 2 attendees: ada, bob." in refusal(monkeypatch, chosen="")


@pytest.mark.usefixtures("api")
def test_a_file_gives_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "Room.CSV"
    path.write_text("name,mail\nAda,ada@example.com\nEve,eve@example.com\n")
    result = run(monkeypatch, wanted=str(path), host="{name}.class.example")
    assert [one["host"] for one in result["attendees"]] == ["ada.shop.example", "eve.class.example"]
    assert "example.com" not in str(result)
    path.write_bytes(b"name\n\xff\n")
    assert "Room.CSV cannot be read (it is not UTF-8 text)" in refusal(monkeypatch, wanted=str(path))
    assert "none.csv cannot be read (No such file" in refusal(monkeypatch, wanted=str(tmp_path / "none.csv"))


def test_a_namespace_that_is_somebodys_is_refused(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    api.put(namespace("eve"))
    assert names(run(monkeypatch, wanted="ada,eve")) == ["ada", "eve"], "an empty one may be had"
    api.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "eve"}})
    said = refusal(monkeypatch, wanted="ada,eve")
    assert "Namespace eve cannot be the workshop's" in said
    assert "name another one with attendees" in said
    assert "Namespace eve is no attendee's" in refusal(monkeypatch, wanted="ada,eve", state="absent")
    assert not api.asked("POST") + api.asked("PATCH") + api.asked("DELETE")


def test_what_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    room = {"pods": "20", "cpu": "2", "memory": "16Gi"}
    api.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"}, "status": {"allocatable": room}})
    assert len(names(run(monkeypatch, wanted=["ada", "x", "y", "z"]))) == 4, "who is there needs no more room"
    assert "4 more attendees do not fit into this cluster, 3 do" in refusal(monkeypatch, wanted=["w", "x", "y", "z"])
    api.fail(403, method="GET", part="/nodes", times=1, body=status_body(403, "Forbidden", "no"))
    assert len(names(run(monkeypatch, wanted=["w", "x", "y", "z"]))) == 4, "who may not see the nodes is not kept"


def test_what_to_expect_is_told_before(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    assert run(monkeypatch, wanted="ada,eve")["expected"] == "", "who may not see the nodes"
    room = {"pods": "200", "cpu": "2", "memory": "64Gi"}
    api.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"}, "status": {"allocatable": room}})
    expected = run(monkeypatch, wanted="ada,eve")["expected"]
    assert expected.startswith("Adding 1 attendee takes about a minute")
    assert expected.endswith("there is room for 33.")
    assert run(monkeypatch, wanted="ada")["expected"] == ""
    assert "expected" not in run(monkeypatch, wanted="ada", state="absent")


def test_a_cluster_that_cannot_keep_them_apart_is_refused(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    api.kinds.remove(POLICY)
    said = refusal(monkeypatch, wanted="ada,eve")
    assert re.fullmatch(
        r"This cluster runs Kubernetes v1\.\S+, and attendees are kept apart by .* need 1\.30 or .*", said
    )
    assert names(run(monkeypatch, wanted="ada", state="absent")) == ["ada"], "a removal needs none"
    assert names(run(monkeypatch, chosen="ada")) == ["ada"]


def test_what_an_attendee_has_elsewhere_is_listed_for_a_removal(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    for place, whose in (("ada", "ada"), ("istio-system", "ada"), ("istio-system", "bob")):
        meta = {"name": f"of-{whose}", "namespace": place, "labels": {"mesh.workshop/attendee": whose}}
        api.put({"apiVersion": "v1", "kind": "Secret", "metadata": meta})
    (ada,) = run(monkeypatch, wanted="ada,eve", state="absent")["attendees"]
    meta = {"name": "of-ada", "namespace": "istio-system"}
    assert ada["elsewhere"] == [{"apiVersion": "v1", "kind": "Secret", "metadata": meta}]


def test_who_has_been_added_has_a_quota_of_ours(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    for place, labels in (("ada", {"mesh.workshop/managed": "true"}), ("bob", {})):
        api.put(
            {
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": "q", "namespace": place, "labels": labels},
            }
        )
    for state in ("present", "absent"):
        assert run(monkeypatch, wanted="eve", state=state)["room"] == ["ada"]


def test_what_each_may_take_follows_from_what_a_bookinfo_requests(
    monkeypatch: pytest.MonkeyPatch, api: FakeApi
) -> None:
    values = {"global": {"proxy": {"resources": {"requests": {"cpu": "2m", "memory": "64Mi"}}}}}
    meta = {"name": "istio-sidecar-injector", "namespace": "istio-system"}
    api.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"values": json.dumps(values)}})
    bounds = run(monkeypatch, wanted="ada")["bounds"]
    assert (bounds["quota"]["pods"], bounds["quota"]["requests.memory"]) == ("24", "2304Mi")
    assert "bounds" not in run(monkeypatch, chosen="ada")


def test_who_may_not_list_namespaces_is_found_by_name(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    api.fail(403, method="GET", part="/namespaces?", times=2, body=status_body(403, "Forbidden", "no"))
    assert names(run(monkeypatch, chosen="ada")) == ["ada"]
    assert names(run(monkeypatch)) == []


def test_the_gateway_is_shared_where_there_are_several(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> None:
    assert run(monkeypatch, chosen="ada")["shared"]
    refused = status_body(403, "Forbidden", "no")
    api.fail(403, method="GET", part="/namespaces?", times=1, body=refused)
    assert not run(monkeypatch, chosen="ada")["shared"]
    meta = {"name": "q", "namespace": "ada", "labels": {"mesh.workshop/managed": "true"}}
    api.put({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta})
    api.fail(403, method="GET", part="/namespaces?", times=1, body=refused)
    assert run(monkeypatch, chosen="ada")["shared"], "who may not list namespaces has a quota in a room"
    api.remove("Namespace", "bob")
    assert not run(monkeypatch, chosen="ada")["shared"], "a room of one"


@pytest.mark.parametrize(
    ("name", "value"),
    [("state", "absent"), ("host", "{name}.example"), ("machine", True), ("resources", {"requests": {"cpu": "1"}})],
)
def test_what_is_said_of_nobody_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: t.Any) -> None:
    for nobody in ({}, {"chosen": "ada"}, {"wanted": ""}):
        said = refusal(monkeypatch, **{name: value, **nobody})
        assert said == f"{name} has no effect without wanted; leave it out, or give wanted too."


def test_without_a_cluster_nobody_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_options: Json) -> t.NoReturn:
        raise ApiError(0, "", "There is no cluster.")

    monkeypatch.setattr(attendees_info, "connect", refuse)
    assert names(run(monkeypatch)) == [], "the next task says what is wrong"
    assert refusal(monkeypatch, chosen="ada") == "There is no cluster."
    assert refusal(monkeypatch, wanted="ada") == "There is no cluster."
    result = run(monkeypatch, wanted="ada", machine=True)
    assert names(result) == ["ada"]
    assert result["expected"].startswith("Adding 1 attendee takes about ")
    assert "1000 more attendees do not fit into this cluster" in refusal(monkeypatch, wanted=1000, machine=True)
    assert "'-' cannot be the name of a namespace" in refusal(monkeypatch, wanted="-", machine=True)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> t.Callable[[int, int], None]:
    """A machine without a cluster, of so many processors and bytes of memory."""

    def refuse(_options: Json) -> t.NoReturn:
        raise ApiError(0, "", "There is no cluster.")

    def make(processors: int, memory: int) -> None:
        monkeypatch.setattr(attendees_info, "connect", refuse)
        monkeypatch.setattr(attendees_info.os, "cpu_count", lambda: processors)
        monkeypatch.setattr(
            attendees_info.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": memory}[name]
        )

    return make


MIB = 1024**2
# etcd, CoreDNS, istiod, the gateway and Prometheus, beside what is kept for the node; an attendee has six containers of
# 32 MiB with proxies of 64 MiB.
BESIDE, EACH = (100 + 100 + 32 + 128 + 64 + 160) * MIB, 6 * (32 + 64) * MIB


@pytest.mark.parametrize(("memory", "fits"), [(BESIDE + 3 * EACH, 3), (BESIDE + 3 * EACH - 1, 2)])
def test_a_machine_without_a_cluster_is_judged_by_what_setup_will_put_there_too(
    monkeypatch: pytest.MonkeyPatch, machine: t.Callable[[int, int], None], memory: int, fits: int
) -> None:
    machine(4, memory)
    assert run(monkeypatch, wanted=fits, machine=True)["expected"].endswith(f"there is room for {fits}.")
    said = refusal(monkeypatch, wanted=fits + 1, machine=True)
    assert f"{fits + 1} more attendees do not fit into this cluster, {fits} do" in said


def test_its_processors_are_shared_with_the_control_plane_and_istio(
    monkeypatch: pytest.MonkeyPatch, machine: t.Callable[[int, int], None]
) -> None:
    # 225m of the static pods, 25m of CoreDNS, 20m each of istiod and the gateway, 25m of Prometheus; 24m an attendee.
    machine(1, 1024 * 1024 * MIB)
    assert run(monkeypatch, wanted=1, machine=True)["expected"].endswith(f"there is room for {(1000 - 315) // 24}.")


def test_what_prometheus_requests_is_what_the_role_says() -> None:
    text = (ROOT / "roles" / "metrics" / "templates" / "metrics.yml.j2").read_text()
    said = re.findall(r"^ +requests: (\{.*\})$", text, re.M)
    assert [yaml.safe_load(one) for one in said] == list(attendees_info.PROMETHEUS)


def test_what_a_container_requests_is_what_the_role_says() -> None:
    defaults = yaml.safe_load((ROOT / "roles" / "bookinfo" / "defaults" / "main.yml").read_text())
    assert attendees_info.OPTIONS["resources"]["default"] == defaults["bookinfo_resources"]
