# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import ansible_collections.mesh.workshop as collection
import yaml

BASELINE = "title: Baseline\nstages:\n  - {name: baseline, title: Baseline}\n"
LAB = """---
title: Demo
needs:
  - tracing
stages:
  - name: one
    title: One
    resources:
{% for name in workshop.names %}
      - {apiVersion: v1, kind: ConfigMap, metadata: {name: "{{ name }}"}, data: {text: "{{ '{{' }} secret-key }}"}}
{% endfor %}
  - name: two
    title: Two
    gateway_api:
      resources: []
  - name: three
    title: Three
    gateway_api:
      channel: experimental
"""


def play(folder: Path, tasks: list[dict[str, t.Any]]) -> tuple[list[dict[str, t.Any]], str]:
    """Each task's result, and what was printed with -vvv."""
    results = f"{{{{ [{', '.join(f'r{number}' for number in range(len(tasks)))}] | to_json }}}}"
    last = {"ansible.builtin.copy": {"dest": str(folder / "results.json"), "content": results}, "no_log": True}
    named = [{**task, "ignore_errors": True, "register": f"r{number}"} for number, task in enumerate(tasks)]
    workshop = {"workshop": {"names": ["a", "b"]}}
    plays = [{"hosts": "localhost", "gather_facts": False, "vars": workshop, "tasks": [*named, last]}]
    (folder / "play.yml").write_text(yaml.safe_dump(plays))
    root = Path(next(iter(collection.__path__))).parents[2]
    run = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-vvv", "play.yml"],
        cwd=folder,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(root), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (folder / "results.json").exists(), run.stdout + run.stderr
    return json.loads((folder / "results.json").read_text()), run.stdout + run.stderr


def test_a_lab_is_rendered_validated_and_never_shown(tmp_path: Path) -> None:
    for name, text in (
        ("baseline", BASELINE),
        ("demo", LAB),
        ("bare", LAB.partition("    gateway_api")[0]),
        ("broken", LAB.replace("title: Two", "titel: Two")),
        ("undefined", "title: '{{ workshop.nothing }}'\n"),
    ):
        (tmp_path / "catalogue" / name).mkdir(parents=True)
        (tmp_path / "catalogue" / name / "lab.yml").write_text(text)
    (tmp_path / "catalogue" / "latin").mkdir()
    (tmp_path / "catalogue" / "latin" / "lab.yml").write_bytes("title: ä".encode("latin-1"))
    catalogue = {"catalogue": str(tmp_path / "catalogue")}
    asked: list[dict[str, t.Any]] = [
        {"lab": "demo"},
        {"lab": "demo", "stage": "one"},
        {},
        {"lab": "demo", "stage": "four"},
        {"lab": "dmeo"},
        {"lab": ""},
        {"lab": "broken"},
        {"lab": "undefined"},
        {"lab": "latin"},
        {"stage": "baseline"},
        {"lab": "demo", "stage": "one", "api": "gateway"},
        {"lab": "demo", "stage": "two", "api": "gateway"},
        {"lab": "bare", "api": "gateway"},
    ]
    results, output = play(tmp_path, [{"mesh.workshop.lab_info": {**catalogue, **one}} for one in asked])
    demo, one, baseline, *faults, gateway, bare = results
    assert (gateway["needs"], gateway["stage"]) == (["gateway_api", "tracing"], "two")
    assert (gateway["stages"], gateway["experimental"], demo["experimental"]) == (["two", "three"], ["three"], [])
    assert (bare["stages"], bare["stage"]) == ([], "")
    assert (demo["needs"], demo["stages"]) == (["tracing"], ["one", "two", "three"])
    assert (demo["stage"], one["stage"]) == ("three", "one")
    resources = demo["definition"]["stages"][0]["resources"]
    assert [item["metadata"]["name"] for item in resources] == ["a", "b"]
    assert resources[0]["data"]["text"] == "{{ secret-key }}", "what was rendered is not a template any more"
    assert demo["baseline"] == baseline["definition"] == yaml.safe_load(BASELINE)
    assert "secret-key" not in output
    for fault, said in zip(
        faults,
        (
            "Lab demo has no stage 'four'. It has: one, two, three.",
            "There is no lab 'dmeo' (did you mean demo?). The labs are: bare, broken, demo, latin, undefined.",
            "No lab is named. The labs are: bare, broken, demo, latin, undefined.",
            "broken/lab.yml, line 12: stage two: title is missing.",
            "undefined/lab.yml cannot be rendered:",
            "latin/lab.yml cannot be read (it is not UTF-8 text): correct the file or its rights.",
            "stage has no effect with lab baseline, which has no stages: leave out one of the two.",
            "Stage one of lab demo has no form of the Gateway API: leave out lab_api, or take stage two, three.",
        ),
        strict=True,
    ):
        assert fault["failed"]
        assert said in fault["msg"]
