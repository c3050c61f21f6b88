# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._istio.pods import has_sidecar, is_ready, is_serving

READY = {"status": {"conditions": [{"type": "Initialized", "status": "False"}, {"type": "Ready", "status": "True"}]}}


@pytest.mark.parametrize(
    ("pod", "ready", "serving"),
    [
        ({"metadata": {}, **READY}, True, True),
        ({"metadata": {"deletionTimestamp": "2026-01-01T12:00:00Z"}, **READY}, True, False),
        ({"metadata": {}, "status": {"conditions": [{"type": "Ready", "status": "False"}]}}, False, False),
        ({"metadata": {}, "status": {"conditions": None}}, False, False),
        ({"metadata": {}}, False, False),
    ],
)
def test_a_pod_that_is_deleted_may_be_ready_but_serves_no_more(
    pod: dict[str, t.Any], ready: bool, serving: bool
) -> None:
    assert is_ready(pod) is ready
    assert is_serving(pod) is serving


@pytest.mark.parametrize(
    ("spec", "meshed"),
    [
        ({"containers": [{"name": "web"}, {"name": "istio-proxy"}]}, True),
        ({"containers": [{"name": "web"}], "initContainers": [{"name": "istio-proxy"}]}, True),
        ({"containers": [{"name": "web"}], "initContainers": [{"name": "istio-init"}]}, False),
        ({"containers": [{"name": "web"}], "initContainers": None}, False),
        (None, False),
    ],
)
def test_the_proxy_is_a_container_or_a_native_sidecar(spec: dict[str, t.Any] | None, meshed: bool) -> None:
    assert has_sidecar({"spec": spec}) is meshed
