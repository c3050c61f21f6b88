# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import stat
import tarfile

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded import bundle
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.bundle import (
    from_machine,
    log_files,
    logs_below,
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


@pytest.fixture(autouse=True)
def compilers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "compilers", lambda _cache: [("/usr/lib/go/bin/go", (1, 26))])


def test_the_ends_of_logs_go_into_a_folder_of_their_name(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "istio.log").write_text("x" * 300_000 + "signal: killed")
    files = logs_below(str(tmp_path), "build")
    assert list(files) == ["build/a/istio.log"]
    assert files["build/a/istio.log"].endswith(b"signal: killed")
    assert len(files["build/a/istio.log"]) == 200_000


def test_a_log_that_cannot_be_read_says_why(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: str) -> bytes:
        raise PermissionError(13, "Permission denied", path)

    (tmp_path / "node.log").touch()
    monkeypatch.setattr(bundle, "tail_of", refused)
    assert b"Permission denied" in logs_below(str(tmp_path), "node")["node/node.log"]


def test_logs_are_there_only_where_their_folder_is_named(tmp_path: pathlib.Path) -> None:
    for folder in ("cache/log", "data"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "one.log").write_text("text")
    assert sorted(from_machine({}, None, None)) == ["machine.txt", "versions.txt"]
    files = from_machine({}, str(tmp_path / "cache"), str(tmp_path / "data"))
    assert sorted(files) == ["build/one.log", "machine.txt", "node/one.log", "versions.txt"]


def test_versions_are_those_of_what_runs_and_of_what_is_built() -> None:
    lines = from_machine({"ansible-core": "2.19"}, "/c", None)["versions.txt"].decode().splitlines()
    assert {"ansible-core 2.19", "Go at /usr/lib/go/bin/go 1.26", "built: envoy 1.40.0"} <= set(lines)
