# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import importlib
import io
import json
import typing as t

import pytest
from ansible.module_utils import basic
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ApiError
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

Json = dict[str, t.Any]


@pytest.fixture
def api() -> t.Iterator[FakeApi]:
    server = FakeApi()
    server.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bookinfo"}})
    yield server
    server.stop()


@contextlib.contextmanager
def arguments(params: Json) -> t.Iterator[None]:
    """Hand a module its arguments, in the way of each ansible-core that is supported."""
    try:
        from ansible.module_utils.testing import patch_module_args
    except ImportError:
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": params}).encode()
        yield
        return
    with patch_module_args(params):
        yield


def call(module_name: str, api: FakeApi, *, check: bool = False, diff: bool = False, **params: t.Any) -> Json:
    """Run a module's main() and return what it prints."""
    module = importlib.import_module(f"ansible_collections.mesh.workshop.plugins.modules.{module_name}")
    params = {"host": api.url, "api_key": "the-token", "wait": False, **params}
    if module_name == "mesh_info":
        del params["wait"]
    printed = io.StringIO()
    internal = {"_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_remote_tmp": "/tmp"}
    with arguments({**params, **internal}), contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        module.main()
    return json.loads(printed.getvalue())


ROUTE = {"hosts": ["reviews"], "http": [{"route": [{"destination": {"host": "reviews"}}]}]}


def test_a_resource_from_creation_to_removal(api: FakeApi) -> None:
    params: Json = {"name": "reviews", "namespace": "bookinfo", "spec": ROUTE, "labels": {"a": "b"}}
    would = call("virtual_service", api, check=True, diff=True, **params)
    assert would["changed"]
    assert api.find("VirtualService", "reviews", "bookinfo") is None
    made = call("virtual_service", api, diff=True, **params)
    assert (made["changed"], made["message"], made["diff"]) == (True, "1 created.", would["diff"])
    assert not call("virtual_service", api, **params)["changed"]
    found = api.find("VirtualService", "reviews", "bookinfo")
    assert found is not None
    assert (found["spec"], found["metadata"]["labels"]) == (ROUTE, {"a": "b"})
    gone = {"name": "reviews", "namespace": "bookinfo", "state": "absent"}
    assert call("virtual_service", api, **gone)["changed"]
    assert not call("virtual_service", api, **gone)["changed"]


def test_present_needs_a_spec(api: FakeApi) -> None:
    assert call("gateway", api, name="g")["msg"] == "state is present but all of the following are missing: spec"


def test_an_empty_spec_is_a_spec(api: FakeApi) -> None:
    assert call("authorization_policy", api, name="deny", namespace="bookinfo", spec={})["changed"]


def test_an_error_is_one_sentence(api: FakeApi) -> None:
    failed = call("virtual_service", api, name="r", namespace="bookinfo", spec={"htttp": []})
    assert failed["failed"]
    assert failed["msg"].startswith("VirtualService bookinfo/r: the API has no field spec.htttp;")
    assert failed["results"][0]["action"] == "failed"


def test_a_cluster_that_is_not_there(api: FakeApi) -> None:
    failed = call("gateway", api, name="g", spec={}, host=None, kubeconfig="/nowhere/config")
    assert (
        failed["msg"] == "the kubeconfig /nowhere/config does not exist; correct the path or create the cluster first."
    )


TEXT = """
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data: {x: "1"}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {password: hunter2}
"""


def test_apply_takes_text_and_labels_it(api: FakeApi) -> None:
    params: Json = {"definitions": TEXT, "namespace": "bookinfo", "lab": "l", "stage": "s", "attendee": "me"}
    done = call("apply", api, **params)
    assert [result["action"] for result in done["results"]] == ["created", "created"]
    found = api.find("ConfigMap", "a", "bookinfo")
    assert found is not None
    assert found["metadata"]["labels"] == {
        "mesh.workshop/lab": "l",
        "mesh.workshop/stage": "s",
        "mesh.workshop/attendee": "me",
    }
    assert not call("apply", api, **params)["changed"]


def test_apply_does_not_show_what_it_was_given(api: FakeApi) -> None:
    done = call("apply", api, diff=True, definitions=TEXT, namespace="bookinfo")
    assert "hunter2" not in json.dumps(done)
    assert "aHVudGVyMg" not in json.dumps(done)


def test_apply_reads_a_file(api: FakeApi, tmp_path: t.Any) -> None:
    (tmp_path / "x.yaml").write_text(TEXT)
    assert call("apply", api, src=str(tmp_path), namespace="bookinfo")["changed"]


def test_apply_prunes_by_owner(api: FakeApi) -> None:
    call("apply", api, definitions=TEXT, namespace="bookinfo", lab="l", attendee="me")
    params: Json = {"namespace": "bookinfo", "lab": "l", "attendee": "me", "prune": True}
    done = call("apply", api, definitions=[], state="absent", **params)
    assert sorted(result["name"] for result in done["results"]) == ["a", "s"]


@pytest.mark.parametrize("definitions", [[], [[]], [{"apiVersion": "v1", "kind": "List", "items": []}]])
def test_apply_prunes_nothing_where_no_documents_are_left(api: FakeApi, definitions: t.Any) -> None:
    call("apply", api, definitions=TEXT, namespace="bookinfo", lab="l", attendee="me")
    before = api.versions()
    failed = call("apply", api, definitions=definitions, namespace="bookinfo", lab="l", attendee="me", prune=True)
    assert failed["msg"] == (
        "prune with no documents would remove everything that carries the labels; "
        "set state to absent if that is meant, else see why the documents are empty."
    )
    assert api.versions() == before


def config_map(name: str, namespace: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ({}, {"old-of-a"}),
        ({"namespace": "b"}, {"old-of-a", "old-of-b"}),
        ({"prune_namespaces": ["b", "c"]}, {"old-of-b", "old-of-c"}),
        ({"attendee": "me"}, {"old-of-a", "old-of-b", "old-of-c"}),
    ],
)
def test_apply_prunes_a_lab_only_where_the_documents_are(api: FakeApi, options: Json, gone: set[str]) -> None:
    for name in "abc":
        api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        call("apply", api, definitions=[config_map(f"old-of-{name}", name)], lab="l", attendee="me")
    done = call("apply", api, definitions=[config_map("new", "a")], lab="l", prune=True, **options)
    assert {one["name"] for one in done["results"] if one["action"] == "deleted"} == gone


def test_apply_removes_a_lab_without_documents_only_at_home(api: FakeApi) -> None:
    api.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
    for name in ("bookinfo", "default"):
        call("apply", api, definitions=[config_map(f"of-{name}", name)], lab="l")
    done = call("apply", api, definitions=[], state="absent", lab="l", prune=True)
    assert [one["name"] for one in done["results"]] == ["of-default"]


def test_apply_prunes_nothing_without_an_owner(api: FakeApi) -> None:
    failed = call("apply", api, definitions=[], prune=True)
    assert failed["msg"] == "prune needs lab or attendee: only what carries their labels is removed; set one."


def test_apply_refuses_what_istio_has_removed(api: FakeApi) -> None:
    doc = {"apiVersion": "config.istio.io/v1alpha2", "kind": "rule", "metadata": {"name": "r"}}
    assert call("apply", api, definitions=[doc])["msg"] == (
        "rule r: Istio has removed the API config.istio.io; mesh.workshop.migrate converts it to "
        "EnvoyFilter (quotas) or Telemetry."
    )


def test_apply_converts_fields_that_have_gone_and_says_so(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda _self, text: warnings.append(text))
    doc = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "v", "namespace": "bookinfo"},
        "spec": {"hosts": ["a"], "http": [{"fault": {"abort": {"percent": 5, "httpStatus": 500}}}]},
    }
    call("apply", api, definitions=[doc])
    assert "spec.http[0].fault.abort.percent: percent is percentage today." in str(warnings)
    sent = api.find("VirtualService", "v", "bookinfo")
    assert sent is not None
    assert sent["spec"]["http"][0]["fault"]["abort"] == {"percentage": {"value": 5}, "httpStatus": 500}


CHECKS = [{"name": "it is there", "from": "host", "request": {"url": "http://x/"}, "expect": {"status": 200}}]


def test_checks_are_skipped_in_check_mode(api: FakeApi) -> None:
    done = call("apply", api, check=True, definitions=TEXT, namespace="bookinfo", verify=CHECKS)
    assert [(check["name"], check["skipped"]) for check in done["checks"]] == [("it is there", True)]
    assert done["message"].endswith("1 check is skipped in check mode.")


def test_a_check_that_is_wrong_is_said_before_anything_is_applied(api: FakeApi) -> None:
    failed = call("apply", api, definitions=TEXT, namespace="bookinfo", verify=[{"name": "x"}])
    assert failed["failed"]
    assert api.requests == []


def test_a_failed_check_fails_the_module_and_atomic_puts_back(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.mesh.workshop.plugins.module_utils import _verify

    class Failed:
        passed = False
        results: t.ClassVar[list[Json]] = [{"name": "it is there", "passed": False}]
        table = "the table"
        message = "it is there: expected 200, observed 503."
        side_effects: t.ClassVar[list[str]] = []
        refused = False

    monkeypatch.setattr(_verify, "run_checks", lambda *args, **kwargs: Failed())
    params: Json = {"definitions": TEXT, "namespace": "bookinfo", "verify": CHECKS}
    failed = call("apply", api, **params)
    assert (failed["failed"], failed["msg"], failed["changed"]) == (True, Failed.message, True)
    assert api.find("ConfigMap", "a", "bookinfo") is not None
    api.remove("ConfigMap", "a", "bookinfo")
    atomic = call("apply", api, **params, atomic=True)
    assert atomic["msg"] == f"{Failed.message} What was there before is put back (1 change)."
    assert not atomic["changed"]
    assert api.find("ConfigMap", "a", "bookinfo") is None


@pytest.mark.parametrize(
    ("error", "said"), [(ApiError(0, "Unreachable", "the cluster is gone"), True), (KeyError("x"), False)]
)
def test_a_verification_that_breaks_off_leaves_nothing_of_an_atomic_set(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, error: Exception, said: bool
) -> None:
    from ansible_collections.mesh.workshop.plugins.module_utils import _verify

    def break_off(*args: t.Any, **kwargs: t.Any) -> t.Any:
        raise error

    monkeypatch.setattr(_verify, "run_checks", break_off)
    params: Json = {"definitions": TEXT, "namespace": "bookinfo", "verify": CHECKS}
    if said:
        failed = call("apply", api, **params)
        assert (failed["msg"], failed["changed"]) == ("the cluster is gone.", True)
        assert [result["action"] for result in failed["results"]] == ["created", "created"]
        for kind, name in (("ConfigMap", "a"), ("Secret", "s")):
            api.remove(kind, name, "bookinfo")
        atomic = call("apply", api, **params, atomic=True)
        assert atomic["msg"] == "the cluster is gone. What was there before is put back (2 changes)."
        assert [result["put_back"] for result in atomic["results"]] == ["removed again"] * 2
    else:
        with pytest.raises(KeyError):
            call("apply", api, **params, atomic=True)
    assert api.find("ConfigMap", "a", "bookinfo") is None


def test_mesh_info_of_a_cluster_without_a_mesh(api: FakeApi) -> None:
    call("apply", api, definitions=TEXT, namespace="bookinfo", lab="l", stage="s", attendee="me")
    before = api.versions()
    found = call("mesh_info", api)
    assert (found["changed"], found["istio"], found["proxies"]) == (False, [], [])
    assert found["kubernetes_version"] == "v1.36.0"
    owned = sorted((item["attendee"], item["lab"], item["stage"], item["name"]) for item in found["owned"])
    assert owned == [("me", "l", "s", "a"), ("me", "l", "s", "s")]
    assert [item["name"] for item in call("mesh_info", api, attendee="other")["owned"]] == []
    assert api.versions() == before


# Texts that mean something in a URL, beside any others.
NAMES = st.one_of(
    st.text(max_size=40),
    st.builds("".join, st.lists(st.sampled_from(["reviews", "?", "/", ".", "%", "#", "dryRun=All", "&"]), max_size=6)),
)


def versions_but(api: FakeApi, own: tuple[str, str, str, str]) -> dict[tuple[str, str, str, str], str]:
    """The versions of all objects but one."""
    return {key: obj["metadata"]["resourceVersion"] for key, obj in api.objects.items() if key != own}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES, namespace=NAMES, state=st.sampled_from(["present", "absent"]), check=st.booleans())
@example(name="reviews?x=1", namespace="bookinfo", state="absent", check=False)
@example(name="reviews", namespace="bookinfo/virtualservices/reviews?", state="absent", check=False)
@example(name="reviews", namespace="../bookinfo", state="absent", check=False)
@example(name="a?dryRun=All", namespace="bookinfo", state="absent", check=True)
@example(name="reviews/status", namespace="bookinfo", state="present", check=False)
def test_no_name_touches_another_object(api: FakeApi, name: str, namespace: str, state: str, check: bool) -> None:
    others = [
        {"apiVersion": api_version, "kind": kind, "metadata": {"name": other, "namespace": "bookinfo"}, "spec": ROUTE}
        for api_version, kind in (("networking.istio.io/v1", "VirtualService"), ("networking.istio.io/v1", "Gateway"))
        for other in ("reviews", "a")
        if (other, "bookinfo") != (name, namespace or "bookinfo")
    ]
    for other in others:
        if api.find(other["kind"], other["metadata"]["name"], "bookinfo") is None:
            api.put(other)
    own = ("networking.istio.io/v1", "virtualservices", namespace or "default", name)
    before = versions_but(api, own)
    spec = {"spec": ROUTE} if state == "present" else {}
    result = call("virtual_service", api, check=check, name=name, namespace=namespace, state=state, **spec)
    assert versions_but(api, own) == before
    assert not result.get("failed") or "exception" not in result


def test_a_name_that_no_object_has_is_refused_before_anything_is_asked(api: FakeApi) -> None:
    result = call("virtual_service", api, name="reviews?x=1", namespace="bookinfo", state="absent")
    assert result["failed"]
    assert result["msg"].startswith("VirtualService: 'reviews?x=1' is not a valid name; use lower case letters")
    assert not api.requests


def test_an_attendee_that_selects_the_labels_of_others_is_refused(api: FakeApi) -> None:
    result = call("apply", api, definitions=[], state="absent", prune=True, attendee="a,mesh.workshop/lab!=b")
    assert result["failed"]
    assert "is not a valid label value" in result["msg"]
    assert not api.asked("DELETE")


@pytest.mark.parametrize(
    ("annotations", "found"),
    [
        (
            {
                "gateway.networking.k8s.io/bundle-version": "v1.6.0",
                "gateway.networking.k8s.io/channel": "experimental",
            },
            {"version": "v1.6.0", "channel": "experimental"},
        ),
        (None, {"version": "", "channel": ""}),
    ],
)
def test_the_version_of_the_gateway_api_is_told(api: FakeApi, annotations: Json | None, found: Json) -> None:
    if annotations:
        api.put(
            {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": "httproutes.gateway.networking.k8s.io", "annotations": annotations},
                "spec": {
                    "group": "gateway.networking.k8s.io",
                    "names": {"kind": "HTTPRoute", "plural": "httproutes"},
                    "scope": "Namespaced",
                    "versions": [{"name": "v1", "served": True}],
                },
            }
        )
    assert call("mesh_info", api)["gateway_api"] == found
