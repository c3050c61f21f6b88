# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No input ends in a traceback: every option of the modules that apply takes anything, and answers in a sentence."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import pathlib
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._verify import traffic
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.conftest import (
    BASELINE,
    CHECK,
    REVIEWS,
    ROUTING,
    WAY_IN,
)
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.test_modules import arguments, call
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

Json = dict[str, t.Any]

# Ansible itself refuses options with half a surrogate pair.
TEXTS = st.one_of(st.sampled_from(["a", "bookinfo", "größe", "a/b", "x\r\ny", ""]), st.text(max_size=6))
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
META = st.fixed_dictionaries({"name": TEXTS | JUNK}, optional={"namespace": JUNK, "labels": JUNK, "annotations": JUNK})
DOCUMENTS = st.fixed_dictionaries(
    {
        "apiVersion": st.sampled_from(["v1", "apps/v1", "networking.istio.io/v1", "nope.example/v1"]) | JUNK,
        "kind": st.sampled_from(["ConfigMap", "Secret", "Deployment", "VirtualService", "List", "PodList"]) | JUNK,
    },
    optional={"metadata": META | JUNK, "spec": JUNK, "data": JUNK, "stringData": JUNK, "items": JUNK},
)
YAML = st.text(st.sampled_from("&*a-:?[]{}!<,|>'\"#% \n\t01.~é"), max_size=40)
DEFINITIONS = st.one_of(DOCUMENTS, st.lists(DOCUMENTS | YAML, max_size=3), JUNK, YAML)
OPTIONS: dict[str, st.SearchStrategy[t.Any]] = {
    "namespace": TEXTS,
    "state": st.sampled_from(["present", "absent"]),
    "labels": JUNK,
    "annotations": JUNK,
    "force": st.booleans(),
    "wait_timeout": st.sampled_from([1, 5, 60, 86400, -1, 10**400, "soon"]),
    "verify": st.lists(st.dictionaries(st.sampled_from(["name", "from", "request", "expect"]), JUNK, max_size=4))
    | JUNK,
    "gateway": TEXTS,
    "deadline": st.floats() | TEXTS,
}
APPLY_OPTIONS = {
    **OPTIONS,
    "lab": TEXTS,
    "stage": TEXTS,
    "attendee": TEXTS,
    "prune": st.booleans(),
    "prune_namespaces": st.lists(TEXTS, max_size=2) | JUNK,
    "atomic": st.booleans(),
}


@pytest.fixture(scope="module", autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[None]:
    """Files whose names are junk lie beside no source."""
    with contextlib.chdir(tmp_path_factory.mktemp("elsewhere")):
        yield


@pytest.fixture(name="catalogue")
def catalogue_fixture(tmp_path: pathlib.Path) -> str:
    """A catalogue with one lab."""
    for name in ("baseline", "routing"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lab.yml").write_text("")
    return str(tmp_path)


def answer(module: str, api: FakeApi, *, check: bool = False, **options: t.Any) -> Json:
    """Run a module's main() and return what it prints, a warning aside."""
    main = importlib.import_module(f"ansible_collections.mesh.workshop.plugins.modules.{module}").main
    on_host = module.startswith("embedded") or module == "preflight_info"
    on_host = on_host or module == "migrate" and not options.get("ask_cluster")
    access = {} if on_host else {"host": api.url, "api_key": "the-token"}
    internal = {"_ansible_check_mode": check, "_ansible_remote_tmp": "/tmp"}
    printed = io.StringIO()
    with arguments({**access, **options, **internal}), contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        main()
    return dict(json.loads(printed.getvalue()))


def tells(result: Json) -> bool:
    """Whether a failure is told in a sentence for people."""
    return not result.get("failed") or ("exception" not in result and "Traceback" not in result["msg"])


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(definitions=DEFINITIONS, options=st.fixed_dictionaries({}, optional=APPLY_OPTIONS), check=st.booleans())
@example(definitions="a: &a [*a]", options={}, check=False)
@example(
    definitions="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: !!binary aGk=", options={}, check=False
)
@example(definitions={"apiVersion": "v1", "kind": "ConfigMap", "metadata": ["a"]}, options={}, check=False)
@example(definitions=[{"kind": "List"}], options={"state": "absent"}, check=True)
def test_any_documents_and_options_of_apply(api: FakeApi, definitions: t.Any, options: Json, check: bool) -> None:
    result = call("apply", api, check=check, diff=True, definitions=definitions, **options)
    assert tells(result), result


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    name=TEXTS | JUNK,
    spec=JUNK,
    options=st.fixed_dictionaries({}, optional=OPTIONS),
    module=st.sampled_from(["virtual_service", "gateway", "authorization_policy", "telemetry"]),
    check=st.booleans(),
)
def test_any_options_of_a_resource_module(
    api: FakeApi, name: t.Any, spec: t.Any, options: Json, module: str, check: bool
) -> None:
    result = call(module, api, check=check, diff=True, name=name, spec=spec, **options)
    assert tells(result), result


CHECKS = [
    {**CHECK, "from": "host", "deadline": 1, "expect": {"status": 500, "body": {"contains": "x"}}},
    {
        "name": "v1",
        "from": "productpage",
        "request": {"url": "http://reviews:9080/"},
        "expect": {"served_by": {"v1": 90}},
    },
]
DETAILS = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "details-v1",
        "namespace": "bookinfo",
        "labels": {"app": "details"},
        "annotations": {"a": "b"},
    },
    "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "details"}}},
}
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "s", "namespace": "bookinfo"},
    "stringData": {"a": "b"},
}
OWN = [DETAILS, SECRET]
LAB: Json = {
    **ROUTING,
    "minutes": 1,
    "needs": ["tracing"],
    "stages": [
        {
            **ROUTING["stages"][0],
            "removes": [WAY_IN],
            "steps": [{"name": "a", "resources": [REVIEWS], "checks": CHECKS[:1]}],
        }
    ],
}
STAGE = {"lab": "routing", "stage": "all_v1", "definition": LAB, "baseline": BASELINE, "gateway": "127.0.0.1:1"}
SERVICE = {"role": "tracing", "namespace": "istio-system", "objects": ["Deployment/zipkin"]}
VALID: dict[str, Json] = {
    "lab_stage": {**STAGE, "namespace": "bookinfo", "gateway_namespace": "istio-system", "wait_timeout": 0},
    "reset": {"baseline": BASELINE, "bookinfo": OWN, "services": [SERVICE], "namespace": "bookinfo", "wait_timeout": 0},
    "verify": {
        "checks": CHECKS[:1],
        "desired": [*OWN, WAY_IN],
        "namespace": "bookinfo",
        "probe_image": "a",
        "once": True,
    },
    "workshop_info": {"namespace": "bookinfo", "definition": LAB, "baseline": BASELINE, "bookinfo": OWN},
    "explain": {
        "url": "http://reviews:9080/a?b=c",
        "source": "host",
        "method": "GET",
        "headers": {"end-user": "jason"},
    },
    "traffic": {"url": "http://mybookstore.com/a?b=c", "rate": 1, "seconds": 1, "gateway": "127.0.0.1:1"},
    "istio_control_plane": {
        **dict.fromkeys(("profile", "hub", "tag"), "a"),
        "istioctl": "/bin/true",
        "values": {"global": {"proxy": {}}},
        "mesh_config": {"defaultConfig": {}},
        "platform": "openshift",
        "gateway_address": "192.0.2.1",
        "wait_timeout": 0,
    },
    "cluster_info": {
        "rights": ["create namespaces"],
        "openshift_rights": [],
        "minimum_version": "1.29",
        "namespace": "a",
    },
    "mesh_info": {"attendee": "a", "lab": "b", "stage": "c"},
    "migrate": {
        "src": "/nowhere/src",
        "dest": "/nowhere/dest",
        "facts": {"services": [{"name": "a", "namespace": "b", "selector": {"a": "b"}}]},
        "ratelimit_port": 1,
    },
    "support_bundle": {"dest": "/nowhere/a.tgz", "versions": {"a": "b"}, "namespaces": ["bookinfo"], "reason": "a"},
    "preflight_info": {
        **dict.fromkeys(("src", "bookinfo", "data", "cache"), "/nowhere"),
        "cluster_name": "a",
        "subnet": "172.30.0.0/24",
        "listen": "127.0.0.1",
        "ports": [1, 2],
    },
    "embedded_artifacts": {
        "cache": "/nowhere",
        "src": "/nowhere",
        "bookinfo": "/nowhere",
        "only": ["a"],
        "build": False,
    },
    "embedded_images": {"name": "a", "artifacts": {"images": {"pilot": {"archive": "/nowhere"}}}, "data": "/nowhere"},
    "embedded_node": {
        "name": "a",
        "state": "absent",
        **dict.fromkeys(("data", "cache"), "/nowhere"),
    },
}
VALUES = st.one_of(
    st.sampled_from(
        [None, True, -1, 10**30, float("nan"), float("inf"), "", "größe", "a/b", "x\r\ny", "a\0b", "x" * 300]
        + [[], ["q"], [None], [[]], [{}], {}, {"q": 1}, {"a": None}, {"metadata": ["a"]}, "http://[", "http://x:99999/"]
    ),
    JUNK,
)
Path = tuple[t.Any, ...]


def places(value: t.Any, path: Path = ()) -> list[Path]:
    """Where something may be put in place of what is there. The API server validates what a spec holds."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    return (
        found if path and path[-1] == "spec" else found + [at for key, one in inner for at in places(one, (*path, key))]
    )


def changed(value: t.Any, path: Path, new: t.Any) -> t.Any:
    """A copy of the value that has something else in one place."""
    if not path:
        return new
    inner = dict(value) if isinstance(value, dict) else list(value)
    inner[path[0]] = changed(inner[path[0]], path[1:], new)
    return inner


@pytest.mark.parametrize("module", VALID)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_any_value_anywhere_in_the_options_of_a_module(
    api: FakeApi,
    asked: list[str],
    catalogue: str,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    data: st.DataObject,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)  # no cluster of this machine is touched
    monkeypatch.setattr(traffic, "TURN", 0.001)  # a second of load without waiting
    given_options = {**VALID[module], **({"catalogue": catalogue} if module in ("lab_stage", "reset") else {})}
    path = data.draw(st.sampled_from(places(given_options)), label="place")
    options = changed(given_options, path, data.draw(VALUES, label="value"))
    result = answer(module, api, check=data.draw(st.booleans(), label="check"), **options)
    assert tells(result), result


# A question, although it is posted.
RIGHTS = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


@pytest.mark.parametrize(
    ("module", "path", "value", "message"),
    [
        ("reset", ("bookinfo",), [{"a": 1}], "bookinfo: document 1 (no kind without name) has no apiVersion and kind;"),
        ("reset", ("bookinfo", 0, "metadata"), ["a"], "bookinfo: document 1 (Deployment): metadata is a list; it must"),
        (
            "reset",
            ("bookinfo", 0, "apiVersion"),
            5,
            "bookinfo: document 1 (Deployment): apiVersion is a number; it must",
        ),
        (
            "reset",
            ("bookinfo", 0, "spec"),
            ["a"],
            "bookinfo: document 1 (Deployment): spec is a list; it must be an obj",
        ),
        ("workshop_info", ("bookinfo", 1, "kind"), ["a"], "bookinfo: document 2: kind is a list; it must be a string."),
        (
            "verify",
            ("desired", 0, "metadata", "labels"),
            ["a"],
            "desired: document 1 (Deployment): metadata.labels is a",
        ),
        (
            "lab_stage",
            ("definition", "stages", 0, "resources", 0, "metadata"),
            {"name": "a", "labels": ["q"]},
            "Lab routing: stage all_v1, resource VirtualService a, metadata: labels must be a mapping.",
        ),
        (
            "lab_stage",
            ("definition", "stages", 0, "steps", 0, "resources", 0, "metadata"),
            {"name": "a", "namespace": ["q"]},
            "Lab routing: stage all_v1, step a, resource VirtualService a, metadata: namespace must be a string.",
        ),
        (
            "lab_stage",
            ("definition", "stages", 0, "resources", 0, "spec"),
            ["q"],
            "Lab routing, stage all_v1: document 2 (VirtualService): spec is a list; it must be an object.",
        ),
        (
            "reset",
            ("baseline", "stages", 0, "resources", 0, "metadata"),
            {"name": "a", "labels": {"a": 1}},
            "Lab baseline: stage baseline, resource VirtualService a, metadata, labels: a must be a string.",
        ),
        ("explain", ("url",), "http://[", "url: 'http://[' is not an HTTP URL: write it like"),
        ("explain", ("url",), "http://x:99999/", "url: 'http://x:99999/' is not an HTTP URL: write it like"),
        ("explain", ("method",), "GE T", "method: 'GE T' is not an HTTP method: write it like GET."),
        ("explain", ("headers",), {"a b": "c"}, "headers: 'a b' is not a header name"),
        ("explain", ("headers",), {"a": "b\r\nc: d"}, "headers: a must be one line of text"),
        ("explain", ("headers",), {"a": ["b"]}, "headers: a must be one line of text"),
        ("istio_control_plane", ("istioctl",), "/bin/true", "/bin/true does not report a version"),
        ("istio_control_plane", ("istioctl",), "/nowhere", "istioctl at /nowhere cannot be run (No such file or"),
        ("istio_control_plane", ("values",), {"a": float("nan")}, "values: a is not a finite number"),
        ("istio_control_plane", ("values",), {"global": ["a"]}, "values: global is a list; it must be an object."),
        (
            "istio_control_plane",
            ("gateway_address",),
            "größe",
            "gateway_address: 'größe' is not an IP address; use one such as",
        ),
        ("preflight_info", ("ports",), [float("inf")], "ports holds inf; give it a finite number."),
        ("preflight_info", ("ports",), [99999], "ports holds 99999; give it ports from 1 to 65535."),
        ("embedded_images", ("data",), "a\0b", "data is 'a\\x00b', which has a character that no path can have;"),
    ],
)
def test_what_cannot_be_meant_is_named(
    api: FakeApi, asked: list[str], catalogue: str, module: str, path: Path, value: t.Any, message: str
) -> None:
    given_options = {**VALID[module], **({"catalogue": catalogue} if module in ("lab_stage", "reset") else {})}
    result = answer(module, api, **changed(given_options, path, value))
    assert result["failed"]
    assert result["msg"].startswith(message)
    changed_paths = [path for method, path, _headers in api.requests if method != "GET" and path != RIGHTS]
    assert not changed_paths, "nothing is changed before"


CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
VERIFIED = {**STAGE, "namespace": "bookinfo", "state": "verified"}
NODE: Json = {"artifacts": {"images": {}}}


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        (
            "apply",
            {"definitions": CONFIG_MAP, "prune_namespaces": ["a"]},
            "prune_namespaces has no effect unless",
        ),
        ("apply", {"definitions": CONFIG_MAP, "deadline": 5}, "missing parameter(s) required by 'deadline': verify"),
        ("apply", {"definitions": CONFIG_MAP, "gateway": "a:1"}, "missing parameter(s) required by 'gateway': verify"),
        (
            "apply",
            {"definitions": CONFIG_MAP, "state": "absent", "labels": {"a": "b"}},
            "labels has no effect",
        ),
        (
            "apply",
            {"definitions": CONFIG_MAP, "state": "absent", "lab": "a"},
            "lab has no effect unless prune is",
        ),
        (
            "virtual_service",
            {"name": "a", "spec": {}, "gateway_tls": "a:1"},
            "missing parameter(s) required by",
        ),
        (
            "virtual_service",
            {"name": "a", "state": "absent", "spec": {"hosts": ["a"]}},
            "spec has no effect unless state is present; leave it out, or give state that value.",
        ),
        (
            "gateway",
            {"name": "a", "state": "absent", "annotations": {"a": "b"}},
            "annotations has no effect",
        ),
        ("verify", {**VALID["verify"], "deadline": 5}, "deadline has no effect unless once is false;"),
        ("reset", {**VALID["reset"], "lab": "routing"}, "bookinfo has no effect unless lab is empty;"),
        ("lab_stage", {**VALID["lab_stage"], "lab": "baseline"}, "stage has no effect with lab baseline"),
        ("lab_stage", {**VERIFIED, "wait_timeout": 5}, "wait_timeout has no effect unless state is applied;"),
        ("lab_stage", {**VERIFIED, "gateway_namespace": "a"}, "gateway_namespace has no effect unless state is"),
        ("istio_control_plane", {"state": "stock", "hub": "a"}, "hub has no effect unless state is present;"),
        ("istio_control_plane", {"state": "existing", "values": {"a": 1}}, "values has no effect unless state is"),
        ("istio_control_plane", {"state": "existing", "wait_timeout": 1}, "wait_timeout has no effect unless"),
        ("workshop_info", {"definition": LAB}, "definition has no effect without baseline; leave it out, or"),
        ("embedded_node", {**NODE, "purge_cache": True}, "purge_cache has no effect unless state is absent;"),
        ("embedded_node", {"state": "absent", "timeout": 1}, "timeout has no effect unless state is present;"),
        ("embedded_node", {"state": "absent", "listen": "0.0.0.0"}, "listen has no effect unless state is present;"),
        ("embedded_node", {**NODE, "listen_http_port": 8080}, "listen_http_port has no effect without listen;"),
        ("embedded_node", {**NODE, "listen_api": True}, "listen_api has no effect without listen;"),
        (
            "embedded_node",
            {**NODE, "listen": "0.0.0.0", "listen_api_port": 1},
            "listen_api_port has no effect unless listen_api is true;",
        ),
        ("embedded_node", {**NODE, "kubeconfig_owner": 1}, "kubeconfig_owner has no effect without kubeconfig;"),
        ("migrate", {**VALID["migrate"], "quota": "local"}, "ratelimit_port has no effect unless quota is global;"),
        ("migrate", {**VALID["migrate"], "context": "a"}, "context has no effect unless ask_cluster is true;"),
        ("preflight_info", {**VALID["preflight_info"], "listen": ""}, "ports has no effect without listen;"),
        ("support_bundle", {**VALID["support_bundle"], "data": "/a"}, "data has no effect without cluster_name;"),
    ],
)
def test_an_option_without_effect_is_refused(
    api: FakeApi, catalogue: str, module: str, options: Json, message: str
) -> None:
    folder = {"catalogue": catalogue} if module in ("lab_stage", "reset") else {}
    failed = answer(module, api, **options, **folder)
    assert failed["failed"]
    assert failed["msg"].startswith(message)
    assert not any(method != "GET" for method, _path, _headers in api.requests)


def test_a_misspelt_option_shows_no_secret_of_a_check(api: FakeApi) -> None:
    check = {**CHECK, "request": {"url": "http://a/", "headers": {"authorization": "hunter2"}}, "no_log": True}
    for options in ({"wait_tmeout": 5}, {"wait_timeout": -1}):
        failed = answer("apply", api, definitions=CONFIG_MAP, verify=[check], **options)
        assert failed["failed"]
        assert "hunter2" not in json.dumps(failed)


@pytest.mark.parametrize("seconds", [-1, 86401])
@pytest.mark.parametrize("module", ["apply", "virtual_service", "lab_stage", "reset", "istio_control_plane"])
def test_a_wait_that_cannot_be_is_refused_before_anything_is_asked(api: FakeApi, module: str, seconds: int) -> None:
    given: Json = {
        "apply": {"definitions": CONFIG_MAP},
        "virtual_service": {"name": "a", "spec": {}},
        "lab_stage": {"catalogue": "/nowhere"},
    }.get(module, {})
    failed = answer(module, api, **{**VALID.get(module, {}), **given, "wait_timeout": seconds})
    assert failed["msg"] == f"wait_timeout is {seconds}; give it whole seconds from 0 to 86400."
    assert not api.requests


@pytest.mark.parametrize("module", ["apply", "virtual_service"])
def test_no_checks_at_all_prove_nothing(api: FakeApi, module: str) -> None:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    given: Json = {"definitions": document} if module == "apply" else {"name": "a", "spec": {}}
    failed = call(module, api, namespace="bookinfo", verify=[], **given)
    assert failed["msg"].startswith("verify is empty, so nothing would be verified")
    assert not api.requests
