# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import types
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError
from ansible_collections.mesh.workshop.plugins.modules import embedded_images

HEAD = "REF TYPE DIGEST SIZE\n"


class Containers:
    """A cluster whose containerd holds some images and takes what an archive has."""

    def __init__(self, there: dict[str, str], status: str = "running", holds: dict[str, str] | None = None) -> None:
        self.there = there
        self.status = status
        self.holds = holds or {}
        self.imports: list[bytes] = []

    def state(self, _container: str) -> dict[str, str]:
        return {"status": self.status}

    def execute(self, *argv: str, stdin: t.Any = None, timeout: float = 60.0) -> t.Any:
        del timeout
        if stdin is not None:
            self.imports.append(stdin.read())
            self.there.update(self.holds)
        assert argv[0] == "ctr"
        rows = [
            f"{name} application/vnd.oci.image.manifest.v1+json {digest} 1 MiB" for name, digest in self.there.items()
        ]
        return types.SimpleNamespace(stdout=HEAD + "\n".join(rows))


@pytest.fixture
def artifacts(tmp_path: Path) -> dict[str, t.Any]:
    archive = tmp_path / "both.tar"
    archive.write_bytes(b"images")
    images = {
        name: {"ref": f"mesh-workshop.local/{name}:1", "archive": str(archive), "digest": f"sha256:{name}"}
        for name in ("redis", "ratelimit")
    }
    return {"images": {"registry": "mesh-workshop.local", **images}}


BOTH = {"mesh-workshop.local/redis:1": "sha256:redis", "mesh-workshop.local/ratelimit:1": "sha256:ratelimit"}


def test_what_is_missing_is_imported_and_named(artifacts: dict[str, t.Any]) -> None:
    containers = Containers({}, holds=BOTH)
    assert embedded_images.bring("units", containers, artifacts, False) == list(BOTH)
    assert containers.imports == [b"images"]
    assert embedded_images.bring("units", containers, artifacts, False) == []


def test_check_mode_imports_nothing(artifacts: dict[str, t.Any]) -> None:
    containers = Containers({})
    assert embedded_images.bring("units", containers, artifacts, True) == list(BOTH)
    assert containers.imports == []


def test_a_node_that_does_not_run_is_a_sentence(artifacts: dict[str, t.Any]) -> None:
    with pytest.raises(EmbeddedError, match="units does not run on this machine: run mesh.workshop.setup"):
        embedded_images.bring("units", Containers({}, status="stopped"), artifacts, False)
