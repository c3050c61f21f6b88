# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The board as a page: what it says of each attendee, and that everybody can use it."""

from __future__ import annotations

import datetime
from pathlib import Path

import jinja2
import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._workshop.verdict import ago
from oracle.browser import NPM, browser, packages

TEMPLATES = Path(__file__).resolve().parents[3] / "playbooks" / "templates"
NOW = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)

ADA = {
    "namespace": "ada",
    "lab": "tls",
    "stage": "strict",
    "host": "ada.example",
    "running": "",
    "verified": f"{NOW - datetime.timedelta(minutes=3):%Y-%m-%dT%H:%M:%SZ}",
    "failed": "",
    "failure": "",
    "healthy": True,
    "troubles": [],
}
BOB = {
    **ADA,
    "namespace": "bob",
    "verified": "",
    "failed": f"{NOW - datetime.timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}",
    "failure": "A <b>bold</b> claim.",
    "healthy": False,
    "troubles": ["It is <gone>: mend it.", "So is this."],
}
EVE = {**ADA, "namespace": "eve", "verified": "", "running": "lab tls, stage strict since 12:00:00 UTC, by <eve>@desk"}


@pytest.fixture(scope="module", name="page")
def page_fixture() -> str:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True, autoescape=False)
    environment.filters["mesh.workshop.ago"] = lambda moment: ago(moment, NOW)
    template = environment.get_template("board.html.j2")
    return template.render(status_all=[ADA, BOB, EVE], now=lambda utc: NOW)


def test_it_says_when_a_stage_was_verified_and_how_a_run_has_failed(page: str) -> None:
    assert page.startswith("<!DOCTYPE html>")
    moment = f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    assert f'As of <time datetime="{moment}">{moment}</time>.' in page
    assert f'<td><time datetime="{ADA["verified"]}" title="{ADA["verified"]}">3 min ago</time></td>' in page
    assert f'title="{BOB["failed"]}">2 h ago</time>: A &lt;b&gt;bold&lt;/b&gt; claim.</td>' in page
    assert "It is &lt;gone&gt;: mend it.<br>So is this." in page
    assert "<td>in progress: lab tls, stage strict since 12:00:00 UTC, by &lt;eve&gt;@desk</td>" in page


def test_everybody_can_use_it(page: str, tmp_path: Path) -> None:
    (tmp_path / "board.html").write_text(page)
    for name in ("npm", "chromium"):
        (tmp_path / name).mkdir()
    axe = packages(NPM, tmp_path / "npm")
    with browser(tmp_path / "chromium") as tab:
        tab.show((tmp_path / "board.html").as_uri(), 1280, 800)
        assert tab.evaluate("document.querySelectorAll('tbody tr').length") == 3
        assert tab.accuse(axe) == []
        tab.evaluate("document.documentElement.removeAttribute('lang')")
        assert tab.accuse(axe) != [], "a fault would be noticed"
