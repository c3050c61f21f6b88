# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules return is documented alike, and the documentation shows real output."""

from __future__ import annotations

import importlib.util
import re
import types
import typing as t
from importlib.machinery import SourceFileLoader
from pathlib import Path

import ansible_collections.mesh.workshop as collection
import pytest
import yaml
from ansible_collections.mesh.workshop.plugins.module_utils._verify import parse_checks, run_checks
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi
from ansible_collections.mesh.workshop.tests.unit.plugins.module_utils._verify.cluster import Barred
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.conftest import CHECK, REVIEWS, ROUTING
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.test_modules import call
from ansible_collections.mesh.workshop.tests.unit.plugins.modules.test_verify import Handler

Json = dict[str, t.Any]
TOOL = Path(next(iter(collection.__path__))) / "tools" / "returns"


def load_tool() -> types.ModuleType:
    """tools/returns, which has no ending by which Python would know it."""
    loader = SourceFileLoader("returns", str(TOOL))
    spec = importlib.util.spec_from_loader("returns", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


returns = load_tool()
RESOURCES = returns.resources()


def documented(name: str) -> Json:
    """The RETURN block of a module."""
    match = returns.BLOCK.search((returns.MODULES / f"{name}.py").read_text())
    assert match is not None
    return dict(yaml.safe_load(match[1]))


@pytest.mark.parametrize("name", returns.names())
def test_the_block_is_what_the_tool_writes(name: str) -> None:
    assert returns.filled(name) == (returns.MODULES / f"{name}.py").read_text(), "run make returns"


def without_sample(entries: Json, above: str = "") -> list[str]:
    """The entries, at any depth, that show neither a sample nor entries of their own."""
    found = []
    for name, entry in entries.items():
        if "contains" in entry:
            found += without_sample(entry["contains"], f"{above}{name}.")
        elif "sample" not in entry:
            found.append(above + name)
    return found


@pytest.mark.parametrize("name", sorted(path.stem for path in returns.MODULES.glob("*.py")))
def test_each_returned_value_has_a_sample(name: str) -> None:
    if returns.BLOCK.search((returns.MODULES / f"{name}.py").read_text()):
        assert without_sample(documented(name)) == []


def test_there_are_ten_resource_modules() -> None:
    assert len(RESOURCES) == 10


@pytest.fixture(name="mesh")
def mesh_fixture(api: FakeApi) -> FakeApi:
    """An API server with all kinds of Istio."""
    known = {(row[0], row[2]) for row in api.kinds}
    api.kinds += [
        (api_version, f"{kind.lower()}s", kind, True)
        for api_version, kind in RESOURCES.values()
        if (api_version, kind) not in known
    ]
    return api


@pytest.mark.parametrize("name", RESOURCES)
def test_samples_of_resource_modules_are_what_their_example_returns(mesh: FakeApi, name: str) -> None:
    options = {key: value for key, value in returns.example(name).items() if key not in ("verify", "wait")}
    result = call(name, mesh, **options)
    samples = {key: entry["sample"] for key, entry in documented(name)["results"]["contains"].items() if key != "error"}
    assert result["results"] == [samples]
    assert result["message"] == documented(name)["message"]["sample"].removesuffix(" 1 check passed.")


def test_the_sample_of_an_error_is_what_a_misspelt_field_returns(mesh: FakeApi) -> None:
    result = call("virtual_service", mesh, name="reviews", namespace="bookinfo", spec={"htttp": []})
    assert result["results"][0]["error"] == documented("virtual_service")["results"]["contains"]["error"]["sample"]


@pytest.mark.parametrize("name", ["apply", "verify"])
def test_samples_of_checks_are_what_a_check_returns(name: str) -> None:
    import http.server
    import threading

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket.listen(128)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        outcome = run_checks(
            Barred(), parse_checks([{**CHECK, "fails_in": "baseline"}]), f"127.0.0.1:{server.server_address[1]}"
        )
    finally:
        server.shutdown()
        server.server_close()
    found = documented(name)
    samples = {key: entry["sample"] for key, entry in found["checks"]["contains"].items()}
    real = {key: outcome.results[0][key] for key in samples}
    # How long it took is not the same twice.
    if name == "verify":
        assert set(samples) == set(outcome.results[0])
        assert isinstance(real["seconds"], float)
        real["seconds"] = samples["seconds"]
    assert real == samples
    assert re.sub(r"[0-9.]+ s$", "0.1 s", outcome.table) == found["table"]["sample"]


@pytest.mark.parametrize("module", ["lab_stage", "reset"])
def test_all_that_a_run_returns_is_documented(run: t.Callable[..., Json], api: FakeApi, module: str) -> None:
    home = {"name": "reviews", "namespace": "bookinfo"}
    entry = {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:x": {}}}}
    api.put({**REVIEWS, "metadata": {**home, "managedFields": [entry]}})
    arguments = {"lab": "routing", "definition": ROUTING, "stage": "all_v1"} if module == "lab_stage" else {}
    result = run(module, **arguments)
    assert not result.get("failed"), result
    found = documented(module)
    internal = {"changed", "invocation", "diff", "warnings"}
    assert set(result) - internal == set(found)
    assert {key for one in result["results"] for key in one} <= set(found["results"]["contains"])
    assert module == "reset" or any(one.get("written_by") == ["kubectl-edit"] for one in result["results"])
