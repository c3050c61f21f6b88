# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tells Prometheus the pods to read."""

from __future__ import annotations

import http.client
import importlib.util
import io
import json
import typing as t
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[4] / "roles" / "metrics" / "files" / "targets.py"
Json = dict[str, t.Any]


@pytest.fixture(scope="module")
def program() -> t.Any:
    spec = importlib.util.spec_from_file_location("targets", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pod(name: str, ip: str = "10.0.0.1", **annotations: str) -> Json:
    return {
        "metadata": {
            "name": name,
            "namespace": "bookinfo",
            "labels": {"app": "reviews", "service.istio.io/canonical-name": "reviews"},
            "annotations": {"prometheus.io/scrape": "true", "other.io/secret": "x", **annotations},
            "ownerReferences": [
                {"kind": "Node", "name": "n"},
                {"kind": "ReplicaSet", "name": "r-1", "controller": True},
            ],
        },
        "status": {"podIP": ip, "phase": "Running"},
    }


def test_a_pod_has_the_labels_of_prometheus_own_discovery(program: t.Any) -> None:
    entry = program.target_of(pod("reviews-1", **{"prometheus.io/port": "15020"}))
    assert entry == {
        "targets": ["10.0.0.1"],
        "labels": {
            "__meta_kubernetes_namespace": "bookinfo",
            "__meta_kubernetes_pod_name": "reviews-1",
            "__meta_kubernetes_pod_ip": "10.0.0.1",
            "__meta_kubernetes_pod_phase": "Running",
            "__meta_kubernetes_pod_controller_kind": "ReplicaSet",
            "__meta_kubernetes_pod_controller_name": "r-1",
            "__meta_kubernetes_pod_label_app": "reviews",
            "__meta_kubernetes_pod_label_service_istio_io_canonical_name": "reviews",
            "__meta_kubernetes_pod_annotation_prometheus_io_scrape": "true",
            "__meta_kubernetes_pod_annotation_prometheus_io_port": "15020",
        },
    }


def test_pods_without_an_address_or_the_annotation_are_left_out(program: t.Any) -> None:
    assert program.target_of(pod("a", ip="")) is None
    assert program.target_of(pod("a", **{"prometheus.io/scrape": "false"})) is None
    assert program.target_of({"metadata": {"name": "a", "namespace": "b"}}) is None


class Api:
    """Lists and watches as the API server answers them."""

    def __init__(self, listed: list[Json], events: list[Json]) -> None:
        self.queries: list[str] = []
        self.listed = {"items": listed, "metadata": {"resourceVersion": "7"}}
        self.events = events

    def ask(self, query: str) -> t.Any:
        self.queries.append(query)
        lines = self.events if query.startswith("watch=1") else [self.listed]
        return io.BytesIO(b"\n".join(json.dumps(one).encode() for one in lines))


def test_changes_are_followed(program: t.Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, late = ({"type": "DELETED", "object": pod(name)} for name in "ab")
    api = Api(
        [pod("a"), pod("b")], [gone, {"type": "ADDED", "object": pod("c")}, {"type": "ERROR", "object": {}}, late]
    )
    monkeypatch.setattr(program, "ask", api.ask)
    targets = program.Targets(str(tmp_path / "pods.json"), 2)
    program.follow(targets)
    assert api.queries == ["resourceVersion=0", "watch=1&resourceVersion=7&timeoutSeconds=300"]
    names = [one["labels"]["__meta_kubernetes_pod_name"] for one in json.loads((tmp_path / "pods.json").read_text())]
    assert names == ["b", "c"]
    assert [path.name for path in tmp_path.iterdir()] == ["pods.json"]


def test_a_new_list_takes_the_place_of_the_old(program: t.Any, tmp_path: Path) -> None:
    targets = program.Targets(str(tmp_path / "pods.json"), 2)
    targets.replace([pod("a")])
    targets.replace([pod("b")])
    assert list(targets.pods) == ["bookinfo/b"]


@pytest.mark.parametrize(("pods", "least", "seconds"), [(7, 2, 2), (40, 2, 2), (41, 2, 3), (187, 2, 10), (187, 15, 15)])
def test_a_room_of_attendees_is_read_less_often(
    program: t.Any, tmp_path: Path, pods: int, least: int, seconds: int
) -> None:
    path = tmp_path / "pods.json"
    targets = program.Targets(str(path), least)
    targets.replace([pod(f"p{number}") for number in range(pods)])
    targets.write()
    written = json.loads(path.read_text())
    assert len(written) == pods
    assert {one["labels"]["__scrape_interval__"] for one in written} == {f"{seconds}s"}


def test_the_file_is_written_only_when_it_changes(program: t.Any, tmp_path: Path) -> None:
    path = tmp_path / "pods.json"
    targets = program.Targets(str(path), 2)
    targets.put(pod("a"))
    targets.write()
    path.unlink()
    targets.put(pod("a"))
    targets.write()
    assert not path.exists()


def test_an_api_server_that_ends_in_an_answer_is_asked_again(
    program: t.Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = iter((http.client.IncompleteRead(b""), ConnectionRefusedError("no"), KeyboardInterrupt()))

    def follow(_targets: t.Any) -> None:
        raise next(ends, KeyboardInterrupt())

    monkeypatch.setattr(program, "follow", follow)
    monkeypatch.setattr(program, "PAUSE", 0)
    monkeypatch.setattr(program.sys, "argv", ["targets.py", str(tmp_path / "pods.json"), "2"])
    with pytest.raises(KeyboardInterrupt):
        program.main()
    assert capsys.readouterr().err.count("The API server does not tell of the pods:") == 2
