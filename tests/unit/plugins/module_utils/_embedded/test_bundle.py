# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import stat
import tarfile

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.bundle import (
    event_line,
    log_files,
    pod_line,
    redact,
    tail_of,
    write,
)

KEY = b"-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (b"key " + KEY + b" end", b"MIIabc"),
        (b"got eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWIifQ.c2lnbmF0dXJl here", b"eyJpc3MiOiJrdWIifQ"),
        (b"--token abcdef.0123456789abcdef", b"0123456789abcdef"),
        (b"Authorization: Bearer s3cr3t", b"s3cr3t"),
        (b'"password": "hunter2"', b"hunter2"),
        (b"proxyconnect to http://ada:hunter2@proxy.example:3128 failed", b"hunter2"),
        (b"GOPROXY=https://s3cr3t@registry.example/go,direct", b"s3cr3t"),
    ],
)
def test_secrets_are_replaced(text: bytes, secret: bytes) -> None:
    assert secret in text
    assert secret not in redact(text)


def test_ordinary_lines_stay() -> None:
    for line in (
        b"Failed to pull image mesh/pilot:1.31 for istio-system/istiod-abc",
        b"GET https://proxy.golang.org/istio.io/istio/@v/list: 503, outbound|80||a@b",
    ):
        assert redact(line) == line


def test_a_pod_that_cannot_start_says_why() -> None:
    pod = {
        "metadata": {"name": "p", "namespace": "n"},
        "status": {
            "phase": "Pending",
            "containerStatuses": [
                {
                    "name": "c",
                    "ready": False,
                    "restartCount": 3,
                    "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
                }
            ],
            "conditions": [{"type": "PodScheduled", "status": "False", "message": "no node"}],
        },
    }
    text = pod_line(pod)
    assert "n/p Pending" in text
    assert "ImagePullBackOff no such image" in text
    assert "PodScheduled: no node" in text


def test_an_event_is_one_line() -> None:
    event = {
        "metadata": {},
        "type": "Warning",
        "reason": "FailedCreate",
        "involvedObject": {"kind": "ReplicaSet", "namespace": "n", "name": "r"},
        "message": "quota",
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }
    assert event_line(event) == "2026-01-01T00:00:00Z Warning FailedCreate ReplicaSet/n/r: quota"


def test_the_archive_is_private_whole_and_redacted(tmp_path: pathlib.Path) -> None:
    dest = tmp_path / "report.tar.gz"
    write(str(dest), {"a/b.log": KEY, "c.txt": b"plain"})
    assert stat.S_IMODE(dest.stat().st_mode) == 0o600
    with tarfile.open(dest) as archive:
        contents = {entry.name: archive.extractfile(entry).read() for entry in archive}
    assert contents == {"a/b.log": b"<private key>", "c.txt": b"plain"}
    assert [item.name for item in tmp_path.iterdir()] == ["report.tar.gz"]


def test_log_files_and_their_ends(tmp_path: pathlib.Path) -> None:
    (tmp_path / "kubelet").mkdir()
    (tmp_path / "kubelet" / "current").write_bytes(b"0123456789")
    (tmp_path / "etcd").mkdir()
    (tmp_path / "etcd" / "db").write_bytes(b"data")
    found = list(log_files(str(tmp_path)))
    assert [pathlib.Path(item).name for item in found] == ["current"]
    assert tail_of(found[0], 4) == b"6789"
