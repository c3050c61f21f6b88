# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The context for connections; test_transport shows that it is used."""

from __future__ import annotations

import os
import ssl
import stat
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._kube import ConfigError
from ansible_collections.mesh.workshop.plugins.module_utils._kube.credentials import ClientPair, Credentials
from ansible_collections.mesh.workshop.plugins.module_utils._kube.settings import Settings
from ansible_collections.mesh.workshop.plugins.module_utils._kube.tls import tls_context
from ansible_collections.mesh.workshop.tests.unit.certificates import Authority

SERVER = "https://192.0.2.1:6443"


def test_certificates_are_verified_unless_it_is_asked_not_to() -> None:
    asked = tls_context(Settings(server=SERVER))
    assert (asked.verify_mode, asked.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert asked.minimum_version == ssl.TLSVersion.TLSv1_2
    unasked = tls_context(Settings(server=SERVER, verify=False))
    assert (unasked.verify_mode, unasked.check_hostname) == (ssl.CERT_NONE, False)


def test_authorities_without_extensions_are_good_enough() -> None:
    assert not tls_context(Settings(server=SERVER)).verify_flags & ssl.VERIFY_X509_STRICT


def test_what_is_not_a_certificate_is_named() -> None:
    with pytest.raises(ConfigError, match="the option ca_cert holds no valid CA certificate"):
        tls_context(Settings(server=SERVER, ca=b"x", ca_source="the option ca_cert"))


def test_without_memory_files_the_key_is_in_a_file_that_only_we_can_read_and_then_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    modes: list[int] = []
    load = ssl.SSLContext.load_cert_chain

    def look(context: ssl.SSLContext, path: str, **options: t.Any) -> None:
        modes.append(stat.S_IMODE(os.stat(path).st_mode))
        load(context, path, **options)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", look)
    cert, key = Authority().issue("somebody")
    tls_context(Settings(server=SERVER, credentials=Credentials(pair=ClientPair(cert, key))))
    assert modes == [0o600]
    assert list(tmp_path.iterdir()) == []
