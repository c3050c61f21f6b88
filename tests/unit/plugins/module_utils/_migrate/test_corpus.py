# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published manifests, where they lie beside the project: the counts in the docs, and a second run."""

from __future__ import annotations

import itertools
import typing as t
from pathlib import Path

import ansible_collections.mesh.workshop as collection
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import (
    Options,
    Result,
    family_table,
    migrate,
    read_sources,
)

from .conftest import shared

Json = dict[str, t.Any]

CORPUS = shared("legacy-corpus")
ROOT = Path(next(iter(collection.__path__)))


def known() -> Json:
    """The Services and workloads that the manifests speak of."""
    facts = yaml.safe_load((ROOT / "tests" / "testinfra" / "deck" / "facts.yml").read_text())
    ports = [{"port": port, "name": f"http-{port}", "target_port": port} for port in facts["ports"]]
    pairs = list(itertools.product(facts["names"], facts["namespaces"]))
    services = [{"name": n, "namespace": ns, "selector": {"app": n}, "ports": ports} for n, ns in pairs]
    workloads = [
        {"namespace": ns, "labels": {"app": n, "version": version}, "service_account": n}
        for n, ns in pairs
        for version in ("v1", "v2", "v3")
    ]
    return {"services": services, "workloads": workloads}


def converted(sources: list[tuple[str, bytes | str]]) -> Result:
    return migrate(sources, Options(), [known()])


if CORPUS:

    def test_the_docs_have_the_counts() -> None:
        docs = ROOT / "docs" / "migration.md"
        summary = converted(read_sources(str(CORPUS))).summary()
        table = family_table(summary)
        assert f"{summary['files']} published manifests ({summary['documents']} documents)" in docs.read_text(), summary
        assert table in docs.read_text(), table

    def test_a_second_run_changes_nothing() -> None:
        first = converted(read_sources(str(CORPUS)))
        texts = {file.name: file.text() or "" for file in first.files}
        again = converted([(name, text.encode()) for name, text in texts.items()])
        assert {file.name: file.text() for file in again.files} == texts
        assert again.refusals() == []
