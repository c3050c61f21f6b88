# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each reported fault is caught and explained, nothing else is accused, and what mends it passes without a warning.

All of them are one play, in which the faults are applied, mended and removed one after another.
"""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest
import testinfra
from reports.reported import Report, accused, plays, reports, telling

REPORTS = reports()
SECONDS = 3
"""How long a check of a fault is given, which fails however long it asks."""
UNREADY = 8
"""How long a pod that never gets ready is waited for."""

Json = dict[str, t.Any]


class Played(t.NamedTuple):
    """What came of a report."""

    faulty: Json
    mended: Json
    removed: Json


@pytest.fixture(scope="session", name="environment")
def environment_fixture(kubeconfig: Path) -> dict[str, str]:
    return {**os.environ, "K8S_AUTH_KUBECONFIG": str(kubeconfig), "KUBECONFIG": str(kubeconfig)}


@pytest.fixture(scope="session", name="played")
def played_fixture(
    request: pytest.FixtureRequest, kube: t.Any, kubeconfig: Path, tmp_path_factory: t.Any
) -> t.Iterator[dict[str, Played]]:
    """All reports that this session has a test of."""
    wanted = [one.callspec.params["name"] for one in request.session.items if "played" in one.fixturenames]
    names = [name for node in kube.core.list_node().items for image in node.status.images for name in image.names]
    images = {
        variable: [name for name in names if f"/{repository}:" in name][0]
        for variable, repository in (("python_image", "probe"), ("grpc_health_image", "grpc-health"))
    }
    folder = tmp_path_factory.mktemp("reports")
    tasks: list[Json] = []
    if any(REPORTS[name].needs_tracing for name in wanted):
        tasks.append({"ansible.builtin.include_role": {"name": "mesh.workshop.tracing"}})
    for number, name in enumerate(wanted):
        report = REPORTS[name]
        steps = (
            report.apply("input.yaml", deadline=SECONDS, wait_timeout=UNREADY),
            report.apply("fixed.yaml", wait_timeout=60),
            report.remove(),
        )
        tasks += [
            {"name": name, **step, "register": f"step_{number}_{place}", "ignore_errors": True}
            for place, step in enumerate(steps)
        ]
    results = folder / "results.json"
    registered = ", ".join(f"[step_{number}_0, step_{number}_1, step_{number}_2]" for number in range(len(wanted)))
    tasks.append({"ansible.builtin.copy": {"dest": str(results), "content": f"{{{{ [{registered}] | to_json }}}}"}})
    tasks[-1]["ansible.builtin.copy"]["mode"] = "0600"
    play: Json = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {**images, "cluster_name": kubeconfig.name},
        "module_defaults": {"group/mesh.workshop.mesh": {"kubeconfig": str(kubeconfig)}},
        "tasks": tasks,
    }
    (folder / "play.yml").write_text(json.dumps([play]))
    run = testinfra.get_host("local://").run("ansible-playbook %s", str(folder / "play.yml"))
    output = run.stdout + run.stderr
    assert run.rc == 0, output
    assert "Traceback" not in output, output
    yield {name: Played(*one) for name, one in zip(wanted, json.loads(results.read_text()), strict=True)}
    reset = testinfra.get_host("local://").run(
        "ansible-playbook mesh.workshop.reset -e reset_confirm=yes -e cluster_name=%s", kubeconfig.name
    )
    assert reset.rc == 0, reset.stdout + reset.stderr


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_explained_and_what_mends_it_passes(played: dict[str, Played], name: str) -> None:
    report, (faulty, mended, removed) = REPORTS[name], played[name]
    assert faulty["failed"], "the fault is not caught"
    failed = [one for one in faulty["checks"] if not one["passed"]]
    assert not any(one.get("control") for one in failed)
    for one in failed:
        names_the_culprit(report, one["diagnosis"], one["remedy"])
    if not faulty["checks"]:  # not even applied, for a reason that comes before what has not become ready
        names_the_culprit(report, *faulty["msg"].partition(" Remove ")[:2])
    for warning in faulty.get("warnings", []):
        assert accused(warning) <= allowed(report), f"another resource is accused: {warning}"
    assert not mended["failed"], mended["msg"]
    assert not mended.get("warnings"), mended["warnings"]
    assert not removed["failed"], removed["msg"]


def names_the_culprit(report: Report, sentence: str, remedy: str) -> None:
    """A diagnosis has the resources, fields and values of what a good tool says, and accuses no other resource."""
    wanted = accused(report.sentence)
    assert accused(sentence) >= wanted, f"{sentence!r} does not name {wanted - accused(sentence)}"
    others = accused(f"{sentence} {remedy}") - allowed(report)
    assert not others, f"{sentence} {remedy} accuses {others}"
    lacking = telling(report.sentence) - telling(sentence)
    assert not lacking, f"{sentence!r} lacks {lacking} of {report.sentence!r}"
    assert remedy


def allowed(report: Report) -> set[tuple[str, str]]:
    return accused(f"{report.sentence} {report.remedy}")


@pytest.mark.parametrize("path", plays(), ids=lambda path: path.parent.name)
def test_what_is_no_fault_is_done_as_the_report_says(path: Path, environment: dict[str, str]) -> None:
    variables = " ".join(f"{key}={environment[key]}" for key in ("K8S_AUTH_KUBECONFIG", "KUBECONFIG"))
    run = testinfra.get_host("local://").run(f"cd %s && {variables} ansible-playbook play.yml", str(path.parent))
    assert run.rc == 0, run.stdout + run.stderr
