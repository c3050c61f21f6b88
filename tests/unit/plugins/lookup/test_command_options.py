# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shlex
import typing as t

import pytest
from ansible import constants, context
from ansible_collections.mesh.workshop.plugins.lookup.command_options import LookupModule


def looked_up(monkeypatch: pytest.MonkeyPatch, *playbook: str, **given: t.Any) -> list[str]:
    monkeypatch.setattr(context, "CLIARGS", given)
    found: list[str] = LookupModule().run(list(playbook))
    return found


def test_options_come_back_as_they_were_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ("cluster_name=blue", '{"cluster_kubeconfig": "/srv/a file"}', "@rooms/it's.yml", "bookinfo_image=a:1 b=c")
    options = looked_up(monkeypatch, inventory=("/room/hosts.yml",), extra_vars=typed)
    assert options[:2] == ["-i /room/hosts.yml", "-e cluster_name=blue"]
    words = shlex.split(" ".join(options))
    assert words == ["-i", "/room/hosts.yml", *(word for one in typed for word in ("-e", one))]


@pytest.mark.parametrize("text", ["bookinfo_session_secret=a", '{"api_key": "a"}', "token=a", "db_PASSWORD=a"])
def test_what_looks_like_a_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert looked_up(monkeypatch, extra_vars=("a=b", text)) == ["-e a=b", "-e '<hidden>'"]


@pytest.mark.parametrize("given", [{}, {"inventory": constants.DEFAULT_HOST_LIST, "extra_vars": ()}])
def test_without_options_there_are_none(monkeypatch: pytest.MonkeyPatch, given: dict[str, t.Any]) -> None:
    assert looked_up(monkeypatch, **given) == []


@pytest.mark.parametrize(
    ("playbook", "options"),
    [
        ("mesh.workshop.setup", ["-e 'cluster_name=blue cluster_listen=0.0.0.0'", "-e @room.yml", "-e colour=red"]),
        ("mesh.workshop.lab", ["-e cluster_name=blue", "-e @room.yml", "-e colour=red"]),
        ("site.yml", ["-e 'cluster_name=blue cluster_listen=0.0.0.0'", "-e @room.yml", "-e colour=red"]),
    ],
)
def test_a_playbook_is_given_what_it_takes(monkeypatch: pytest.MonkeyPatch, playbook: str, options: list[str]) -> None:
    typed = ("cluster_name=blue cluster_listen=0.0.0.0", "@room.yml", "colour=red")
    assert looked_up(monkeypatch, playbook, extra_vars=typed) == options
