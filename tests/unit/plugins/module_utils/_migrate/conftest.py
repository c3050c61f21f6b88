# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from pathlib import Path

import ansible_collections.mesh.workshop as collection
import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import Options, Result, migrate

Json = dict[str, t.Any]

NAMES = ("productpage", "details", "reviews", "ratings", "analyzer", "guestbook")


def facts() -> Json:
    """Bookinfo's Services and accounts, with a target port that is not the Service's."""
    services = [
        {
            "name": name,
            "namespace": "default",
            "selector": {"app": name},
            "ports": [{"port": 80, "name": "http", "target_port": 9080}],
        }
        for name in NAMES
    ]
    workloads = [
        {"namespace": "default", "labels": {"app": name, "version": version}, "service_account": f"bookinfo-{name}"}
        for name in NAMES
        for version in (("v1", "v2", "v3") if name == "reviews" else ("v1",))
    ]
    return {"services": services, "workloads": workloads}


class Converter:
    """Converts texts, and shows what came out."""

    def result(self, *texts: str, known: bool = True, **options: str) -> Result:
        sources = [(f"file{number}.yaml", text.encode()) for number, text in enumerate(texts)]
        return migrate(sources, Options(**options), [facts()] if known else [])  # type: ignore[arg-type]  # all are text

    def outputs(self, *texts: str, **options: str) -> list[Json]:
        """All documents that are written; none may be refused."""
        result = self.result(*texts, **options)
        assert result.refusals() == []
        return [doc for file in result.files for doc in yaml.safe_load_all(file.text() or "") if doc is not None]

    def refusal(self, *texts: str, known: bool = True, **options: str) -> str:
        """The first refusal as the user sees it."""
        refusals = self.result(*texts, known=known, **options).refusals()
        assert refusals
        return refusals[0]


@pytest.fixture
def converter() -> Converter:
    return Converter()


def shared(name: str) -> Path | None:
    """A folder of data beside the project; None where the project stands alone."""
    root = Path(next(iter(collection.__path__))).resolve()
    return next((place for up in root.parents if (place := up / "shared" / name).is_dir()), None)
