# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands and links of the pages lead somewhere: playbooks take the options shown, make has the targets."""

from __future__ import annotations

import json
import re
import shlex
import typing as t
from pathlib import Path

import ansible_collections.mesh.workshop as collection
import pytest
from ansible_collections.mesh.workshop.plugins.plugin_utils._options import option_faults

ROOT = Path(next(iter(collection.__path__)))
PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("README.md", "docs/*.md", "roles/*/README.md", "roles/lab/catalogue/*/guide.md")
    for path in ROOT.glob(pattern)
)
PLAYBOOK = re.compile(r"(?:^|[ `])mesh\.workshop\.(\w+)((?: [^\n`#|]*)?)", re.M)
MAKE = re.compile(r"(?:^\$ |`)make ([a-z]+)", re.M)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def joined(page: str) -> str:
    """A page's text with continued lines as one."""
    return re.sub(r" \\\n\s*>?\s*", " ", (ROOT / page).read_text())


def playbooks() -> set[str]:
    return {path.stem for path in (ROOT / "playbooks").glob("*.yml")}


def commands(text: str) -> t.Iterator[tuple[str, dict[str, str]]]:
    """Playbook and variables of each command."""
    for found in PLAYBOOK.finditer(text):
        words = shlex.split(re.sub(r"\[(-e [^\]]*)\]", r"\1", found[2].split(";")[0].split(" (")[0]).strip(" .,:)"))
        given: dict[str, str] = {}
        for option, value in zip(words, words[1:], strict=False):
            if option == "-e" and value.startswith("{"):
                given.update(json.loads(value.replace("…", '"a": "b"')))
            elif option == "-e" and not value.startswith("@"):
                key, _equals, content = value.partition("=")
                given[key] = content
        if found[1] in playbooks():
            yield found[1], given


def faults(text: str) -> list[str]:
    return [fault for playbook, given in commands(text) for fault in option_faults(playbook, given)]


def test_commands_are_found_and_their_faults() -> None:
    text = "$ ansible-playbook mesh.workshop.status -e lab=tls\n`mesh.workshop.explain -e url=URL [-e from=X]`\n"
    assert list(commands(text)) == [("status", {"lab": "tls"}), ("explain", {"url": "URL", "from": "X"})]
    assert faults(text) == [
        "lab has no effect in mesh.workshop.status, which takes -e attendee, -e board: leave it out."
    ]


@pytest.mark.parametrize("page", PAGES)
def test_playbooks_take_the_options_that_pages_show(page: str) -> None:
    assert faults(joined(page)) == []


@pytest.mark.parametrize("page", PAGES)
def test_make_has_the_targets_that_pages_show(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+(?: [a-z]+)*):", (ROOT / "Makefile").read_text(), re.M))
    known = {name for line in targets for name in line.split()}
    assert set(MAKE.findall(joined(page))) <= known


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    text = re.sub(r"^```.*?^```$", "", joined(page), flags=re.M | re.S)
    home = (ROOT / page).parent
    assert [link for link in LINK.findall(text) if not (home / link).exists()] == []
