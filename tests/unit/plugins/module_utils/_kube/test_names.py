# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import (
    Client,
    InvalidName,
    Resource,
    label_value_fault,
    name_fault,
    namespace_fault,
    service_proxy_path,
)
from ansible_collections.mesh.workshop.plugins.module_utils._kube.discovery import group_path
from ansible_collections.mesh.workshop.plugins.module_utils._kube.names import quoted
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from hypothesis import example, given
from hypothesis import strategies as st

VIRTUAL_SERVICE = Resource("networking.istio.io", "v1", "VirtualService", "virtualservices", namespaced=True)
ROLE = Resource("rbac.authorization.k8s.io", "v1", "Role", "roles", namespaced=True)
TEXTS = st.one_of(
    st.text(),
    st.builds("".join, st.lists(st.sampled_from(["reviews", "?", "/", "..", "%2F", "#", "dryRun=All", "&", " ", ":"]))),
)


@pytest.mark.parametrize("name", ["reviews", "a.b-c.d", "0", "a" * 253])
def test_names_that_objects_have(name: str) -> None:
    assert name_fault("networking.istio.io", "VirtualService", name) == ""


@pytest.mark.parametrize(
    "name", ["", "reviews?x=1", "a/b", "Not There", "..", "a..b", "-a", "a-", "Ä", "a\n", "a" * 254, "system:node"]
)
def test_names_that_no_object_has(name: str) -> None:
    assert name_fault("networking.istio.io", "VirtualService", name)


def test_a_role_has_a_freer_name() -> None:
    assert name_fault("rbac.authorization.k8s.io", "Role", "system:node Ä") == ""
    for name in ("a/b", "..", ".", "", "a%2Fb", "a\r\nb"):
        assert name_fault("rbac.authorization.k8s.io", "Role", name)


def test_an_address_is_the_name_of_an_ip_address() -> None:
    assert name_fault("networking.k8s.io", "IPAddress", "2001:db8::1") == ""


def test_the_name_of_a_namespace_has_no_dots() -> None:
    assert namespace_fault("a.b")
    assert name_fault("", "Namespace", "a.b")
    assert namespace_fault("a" * 64)
    assert namespace_fault("book-info1") == ""


def test_values_of_labels() -> None:
    assert label_value_fault("") == ""
    assert label_value_fault("Main_1.a") == ""
    for value in ("main,other", "a b", "-a", "a" * 64, "a!=b"):
        assert label_value_fault(value)


def test_a_fault_shows_a_part_of_a_long_name_only() -> None:
    assert len(name_fault("", "ConfigMap", "X" * 10_000)) < 300


@given(text=st.text(min_size=1))
@example(text="a?dryRun=All")
@example(text="\udc80")
def test_a_quoted_text_is_one_segment_and_the_same_text(text: str) -> None:
    parts = urlsplit(f"https://host/before/{quoted(text)}/after")
    assert parts.path.count("/") == 3
    assert parts.query == parts.fragment == ""
    assert unquote(parts.path.split("/")[2], errors="surrogatepass") == text


@given(name=TEXTS, namespace=TEXTS)
def test_a_path_is_of_the_object_that_is_named_or_of_none(name: str, namespace: str) -> None:
    for resource in (VIRTUAL_SERVICE, ROLE):
        try:
            path = resource.path(namespace or "x", name)
        except InvalidName:
            continue
        parts = urlsplit(f"https://host{path}")
        group, version = resource.group, resource.version
        assert [unquote(part) for part in parts.path.split("/")] == [
            *("", "apis", group, version, "namespaces", namespace or "x", resource.plural, name)
        ]


@pytest.mark.parametrize("text", ["../v1", "v1/../..", "a/b/c", "v1?x", "", "V1"])
def test_an_api_version_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        group_path(text)


def test_a_service_behind_the_api_server() -> None:
    assert service_proxy_path("tracing", "zipkin", 9411) == "/api/v1/namespaces/tracing/services/http:zipkin:9411/proxy"
    with pytest.raises(InvalidName):
        service_proxy_path("tracing", "zipkin:9411/proxy", 80)


@pytest.mark.parametrize("pod", ["../../secrets/x", "a?container=b", "a/exec"])
def test_pods_are_named_as_anything_else(client: Client, api: FakeApi, pod: str) -> None:
    for call in (
        lambda: client.logs("bookinfo", pod),
        lambda: client.exec("bookinfo", pod, None, ["true"]),
        lambda: client.forward("bookinfo", pod, 80),
    ):
        with pytest.raises(InvalidName, match="is not a valid name"):
            call()
    assert not api.requests
