# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No input ends in a traceback: every option of the modules that apply takes anything, and answers in a sentence."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.test_modules import call
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


def tells(result: Json) -> bool:
    """Whether a failure is told in a sentence for people."""
    return not result.get("failed") or ("exception" not in result and "Traceback" not in result["msg"])


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
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


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
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


@pytest.mark.parametrize("seconds", [-1, 86401])
@pytest.mark.parametrize("module", ["apply", "virtual_service"])
def test_a_wait_that_cannot_be_is_refused_before_anything_is_asked(api: FakeApi, module: str, seconds: int) -> None:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    given: Json = {"definitions": document} if module == "apply" else {"name": "a", "spec": {}}
    failed = call(module, api, namespace="bookinfo", wait_timeout=seconds, **given)
    assert failed["msg"] == f"wait_timeout is {seconds}; give it whole seconds from 0 to 86400."
    assert not api.requests


@pytest.mark.parametrize("module", ["apply", "virtual_service"])
def test_no_checks_at_all_prove_nothing(api: FakeApi, module: str) -> None:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    given: Json = {"definitions": document} if module == "apply" else {"name": "a", "spec": {}}
    failed = call(module, api, namespace="bookinfo", verify=[], **given)
    assert failed["msg"].startswith("verify is empty, so nothing would be verified")
    assert not api.requests
