# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._istio.proxies import (
    default_config,
    log_flush,
    proxy_config,
    span_flush,
)

TOLD = '{"drainDuration":"1s","fileFlushInterval":"0.200s"}'


def pod(value: str | None, kind: str = "initContainers", name: str = "istio-proxy") -> dict[str, t.Any]:
    env = [{"name": "POD_NAME"}, {"name": "PROXY_CONFIG", "value": value}]
    return {"spec": {"containers": [{"name": "app"}], kind: [{"name": name, "env": env}]}}


@pytest.mark.parametrize("kind", ["containers", "initContainers"])
def test_what_a_sidecar_is_told(kind: str) -> None:
    assert proxy_config(pod(TOLD, kind)) == {"drainDuration": "1s", "fileFlushInterval": "0.200s"}


@pytest.mark.parametrize("other", [pod(None), pod("{"), pod("[1]"), pod(TOLD, name="app"), {"spec": None}, {}])
def test_a_pod_that_does_not_say(other: dict[str, t.Any]) -> None:
    assert proxy_config(other) == {}


@pytest.mark.parametrize(
    ("config", "seconds"), [({"fileFlushInterval": "0.200s"}, 0.2), ({}, 1.0), ({"fileFlushInterval": "soon"}, 1.0)]
)
def test_when_a_log_is_written_out(config: dict[str, t.Any], seconds: float) -> None:
    assert log_flush(config) == seconds


@pytest.mark.parametrize(("value", "seconds"), [("1000", 1.0), (250, 0.25), ("", 5.0), ("soon", 5.0), ("²", 5.0)])
def test_when_spans_are_sent(value: t.Any, seconds: float) -> None:
    assert span_flush({"runtimeValues": {"tracing.zipkin.flush_interval_ms": value}}) == seconds


@pytest.mark.parametrize("config", [{}, {"runtimeValues": None}, {"runtimeValues": []}])
def test_spans_are_sent_when_envoy_does_so_by_itself(config: dict[str, t.Any]) -> None:
    assert span_flush(config) == 5.0


def test_what_the_mesh_tells_its_proxies() -> None:
    assert default_config({"mesh": "defaultConfig:\n  fileFlushInterval: 0.2s\n"}) == {"fileFlushInterval": "0.2s"}


@pytest.mark.parametrize("data", [None, {}, {"mesh": None}, {"mesh": "{"}, {"mesh": "a"}, {"mesh": "defaultConfig: 1"}])
def test_a_mesh_that_tells_nothing(data: t.Any) -> None:
    assert default_config(data) == {}
