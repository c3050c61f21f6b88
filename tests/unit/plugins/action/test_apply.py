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
import pytest
import yaml
from ansible_collections.mesh.workshop.tests.unit.fake_api import FakeApi

Json = dict[str, t.Any]
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: bookinfo}\ndata: {x: %s}\n"


@pytest.fixture
def api() -> t.Iterator[FakeApi]:
    server = FakeApi()
    server.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bookinfo"}})
    yield server
    server.stop()


def play(api: FakeApi, directory: Path, tasks: list[Json], *arguments: str) -> list[Json]:
    """Run the tasks by ansible-playbook and return each task's result."""
    return play_and_look(api, directory, tasks, *arguments)[0]


def play_and_look(
    api: FakeApi, directory: Path, tasks: list[Json], *arguments: str, **environment: str
) -> tuple[list[Json], str]:
    """The same, with what was printed."""
    results = f"{{{{ [{', '.join(f'r{number}' for number in range(len(tasks)))}] | to_json }}}}"
    plays = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"colour": "blue"},
            "module_defaults": {"group/mesh.workshop.mesh": {"host": api.url, "api_key": "the-token", "wait": False}},
            "tasks": [
                *({**task, "ignore_errors": True, "register": f"r{n}"} for n, task in enumerate(tasks)),
                {
                    "ansible.builtin.copy": {"dest": str(directory / "results.json"), "content": results},
                    "check_mode": False,
                    "diff": False,
                },
            ],
        }
    ]
    (directory / "play.yml").write_text(yaml.safe_dump(plays))
    root = Path(next(iter(collection.__path__))).parents[2]
    environ = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(root),
        "ANSIBLE_LOCAL_TEMP": str(directory / "local"),
        "ANSIBLE_REMOTE_TEMP": str(directory / "remote"),
        **environment,
    }
    environ.pop("ANSIBLE_CONFIG", None)
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "play.yml", *arguments],
        cwd=directory,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    written = directory / "results.json"
    if not written.exists():
        pytest.fail(f"{done.stdout}\n{done.stderr}")
    return json.loads(written.read_text()), done.stdout


def data_of(api: FakeApi, name: str) -> t.Any:
    found = api.find("ConfigMap", name, "bookinfo")
    return found and found["data"]


def test_files_and_templates_are_found_as_other_actions_find_theirs(api: FakeApi, tmp_path: Path) -> None:
    for folder in ("files/many", "templates", "beside"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "files" / "one.yaml").write_text(CONFIG_MAP % ("one", "'1'"))
    (tmp_path / "files" / "many" / "a.yaml").write_text(CONFIG_MAP % ("a", "'1'"))
    (tmp_path / "files" / "many" / "b.yml").write_text(CONFIG_MAP % ("b", "'1'"))
    (tmp_path / "beside" / "c.yaml").write_text(CONFIG_MAP % ("c", "'{{ not rendered }}'"))
    (tmp_path / "templates" / "t.yml.j2").write_text(CONFIG_MAP % ("t", "'{{ colour }}'"))
    (tmp_path / "bad.yaml").write_text("a: [\n")
    results = play(
        api,
        tmp_path,
        [
            {"mesh.workshop.apply": {"src": "one.yaml"}},
            {"mesh.workshop.apply": {"src": "many"}},
            {"mesh.workshop.apply": {"src": "beside/*.yaml"}},
            {"mesh.workshop.apply": {"template": "t.yml.j2"}},
            {"mesh.workshop.apply": {"src": "nowhere.yaml"}},
            {"mesh.workshop.apply": {"src": "bad.yaml"}},
            {"mesh.workshop.apply": {"src": "one.yaml", "template": "t.yml.j2"}},
            {"mesh.workshop.apply": {}},
            {"mesh.workshop.gateway": {"name": "g", "namespace": "bookinfo", "spec": {"selector": {}}}},
        ],
    )
    messages = [result.get("message") for result in results]
    assert messages[:4] == ["1 created.", "2 created.", "1 created.", "1 created."]
    assert messages[8] == "1 created."
    assert [data_of(api, name) for name in ("one", "a", "b")] == [{"x": "1"}] * 3
    assert data_of(api, "c") == {"x": "{{ not rendered }}"}
    assert data_of(api, "t") == {"x": "blue"}
    places = f"{tmp_path}/files/nowhere.yaml, {tmp_path}/nowhere.yaml"
    assert results[4]["msg"] == f"src nowhere.yaml is not found; looked for {places}: correct the path."
    assert "bad.yaml is not valid YAML at line 2, column 1" in results[5]["msg"]
    assert "mutually exclusive" in results[6]["msg"]
    assert "one of the following is required: definitions, src, template" in results[7]["msg"]


def test_a_module_that_ansible_packs_returns_the_same(api: FakeApi, tmp_path: Path) -> None:
    """Delegated tasks are packed, those on this machine are not."""
    tasks: list[Json] = [
        {"mesh.workshop.apply": {"definitions": CONFIG_MAP % ("one", "'1'")}},
        {"mesh.workshop.apply": {"definitions": CONFIG_MAP % ("one", "'1'"), "surplus": 1}},
        {"mesh.workshop.apply": {"definitions": "a: ["}},
        {
            "mesh.workshop.gateway": {
                "name": "g",
                "namespace": "bookinfo",
                "spec": {"selector": {"a": "{{ colour }}"}},
            },
            "check_mode": True,
            "diff": True,
        },
    ]
    delegated = [{**task, "delegate_to": "localhost"} for task in tasks]
    _created, *results = play(api, tmp_path, [tasks[0], *tasks, *delegated])
    assert results[: len(tasks)] == results[len(tasks) :]
    assert [result["failed"] for result in results[: len(tasks)]] == [False, True, True, False]


@pytest.mark.parametrize(("more", "packed"), [({}, False), ({"delegate_to": "localhost"}, True)])
def test_a_module_on_this_machine_is_not_packed(
    api: FakeApi, tmp_path: Path, more: dict[str, str], packed: bool
) -> None:
    task: Json = {"mesh.workshop.apply": {"definitions": CONFIG_MAP % ("one", "'1'")}, **more}
    (result,), output = play_and_look(api, tmp_path, [task], ANSIBLE_DEBUG="1")
    assert result["changed"]
    assert ("apply-ZIP_DEFLATED" in output) == packed


def test_check_mode_and_diff_come_through(api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(CONFIG_MAP % ("one", "'1'"))
    before = api.versions()
    (result,) = play(api, tmp_path, [{"mesh.workshop.apply": {"src": "one.yaml"}}], "--check", "--diff")
    assert result["changed"]
    assert result["diff"][0]["before"] == ""
    assert "name: one" in result["diff"][0]["after"]
    assert api.versions() == before
