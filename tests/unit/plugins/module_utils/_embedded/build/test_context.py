# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import time

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build import (
    context,
    failures,
    parts,
    steps,
    toolchain,
)


@pytest.fixture
def here(tmp_path):
    found = context.Context(str(tmp_path / "cache"), str(tmp_path / "files"), str(tmp_path / "bookinfo"))
    found.log = str(tmp_path / "log")
    return found


def test_commands_get_the_proxies_and_registries_of_the_environment(here, monkeypatch):
    for name in ("https_proxy", "GOPROXY", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, f"https://mirror/{name}")
    said = here.run("Thing", ["env"], environment=toolchain.go_environment(here.cache, "/go"))
    assert {f"{name}=https://mirror/{name}" for name in ("https_proxy", "GOPROXY", "PIP_INDEX_URL")} <= set(
        said.split()
    )


def ended(pid):
    """Whether a process ends within two seconds."""
    command = pathlib.Path("/proc", pid, "stat")
    for _attempt in range(200):
        # Where nobody reaps orphans, a killed one stays as a zombie.
        try:
            if command.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


def test_commands_die_with_the_module(here, tmp_path):
    pid_file = tmp_path / "pid"
    child = os.fork()
    if child == 0:
        here.run("Thing", ["sh", "-c", f"echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 60"])
        os._exit(0)
    while not pid_file.exists():
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert ended(pid_file.read_text().strip())


def test_all_processes_of_a_command_end_when_a_signal_ends_the_module(here, tmp_path):
    pid_file = tmp_path / "pid"
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            here.run("Thing", ["sh", "-c", f"sleep 60 & echo $! > {pid_file}.new; mv {pid_file}.new {pid_file}; wait"])
        os._exit(0)
    while not pid_file.exists():
        time.sleep(0.01)
    os.kill(child, signal.SIGINT)
    os.waitpid(child, 0)
    assert ended(pid_file.read_text().strip())


def test_a_missing_program_is_a_sentence(here):
    with pytest.raises(failures.BuildError, match="Thing was not built: no-such-tool was not found; install it"):
        here.run("Thing", ["no-such-tool"])


def test_inputs_lie_in_the_role_and_results_in_the_cache(here, tmp_path):
    assert here.place("images/x") == str(tmp_path / "files" / "images" / "x")
    assert here.place(parts.BOOKINFO_APP) == str(tmp_path / "bookinfo")
    step = steps.Step(name="thing", title="Thing", kind="test", target="bin/thing-{key}", recipe={})
    here.planned = {"thing": steps.Planned(step, "0123")}
    assert here.result_of("thing") == str(tmp_path / "cache" / "bin" / "thing-0123")
    assert here.result_of("thing", "usr/bin/x") == str(tmp_path / "cache" / "bin" / "thing-0123" / "usr/bin/x")


def test_missing_tools_are_named_once():
    step = steps.Step(name="a", title="A", kind="test", target="a-{key}", recipe={}, tools=("no-such-tool", "sh"))
    assert context.missing_tools([step, step]) == ["no-such-tool"]
