# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages in a real browser: what they show, that they follow the traffic, and that everybody can use them."""

from __future__ import annotations

import shutil
import typing as t
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build.parts import STEPS
from ansible_collections.mesh.workshop.tests.unit.roles.dashboard.conftest import FAULT, FILES, call
from ansible_collections.mesh.workshop.tests.unit.servers import Answer
from oracle.browser import NPM, Page, browser, packages

LAPTOP, PHONE = (1280, 800), (390, 844)
ROWS = "[...document.querySelectorAll('tbody tr')].map(row => [...row.children].map(one => one.textContent))"
EDGES = "[...document.querySelectorAll('#graph .edge')].map(one => one.getAttribute('class') + ' ' + one.textContent)"
NODES = "[...document.querySelectorAll('#graph .node')].map(one => one.textContent)"
HEADLINE = "document.getElementById('headline').textContent"
MESSAGE = "document.getElementById('message').textContent"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages with their libraries beside them, as in the pod."""
    home = tmp_path_factory.mktemp("pages")
    (pages,) = (step for step in STEPS if step.name == "pages")
    fetched = packages(
        FILES.parents[1] / "cluster" / "files" / pages.recipe["directory"], tmp_path_factory.mktemp("npm")
    )
    for name, path in pages.recipe["files"].items():
        shutil.copyfile(fetched / path, home / name)
    for path in (FILES / "page").iterdir():
        shutil.copyfile(path, home / path.name)
    return home


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packages(NPM, tmp_path_factory.mktemp("axe"))


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Page]:
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def show(tab: Page, serve: t.Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[t.Callable[..., Page]]:
    """A page of a server of its own, which keeps no answer; it must not complain."""
    monkeypatch.setattr("server.FRESH", 0.0)
    tab.complaints.clear()
    address = serve(folder)

    def show(path: str, screen: tuple[int, int] = LAPTOP) -> Page:
        tab.prefer("light")
        tab.show(address + path, *screen, mobile=screen == PHONE)
        tab.eventually("!document.getElementById('shown').hidden || !document.getElementById('message').hidden")
        return tab

    yield show
    tab.show("about:blank", *LAPTOP)  # so that it asks no server that has ended
    assert tab.complaints == []


def refresh(page: Page) -> None:
    """Ask again at once, as a click on Pause and another do."""
    for _click in range(2):
        page.evaluate("document.getElementById('pause').click()")


def test_the_graph_has_a_box_per_workload_and_a_line_per_call(show: t.Any) -> None:
    page = show("/?namespace=bookinfo")
    assert sorted(page.evaluate(NODES)) == [
        *("detailsv1", "istio-ingressgateway", "productpagev1", "ratingsv1", "reviewsv1", "reviewsv2", "reviewsv3"),
    ]
    edges = page.evaluate(EDGES)
    assert len(edges) == 7
    assert "edge fine 1.00/s38 ms / 49 ms" in edges
    assert page.evaluate("document.querySelectorAll('#graph .lock:not(.open)').length") == 7
    assert page.evaluate(HEADLINE) == "No call fails."
    assert page.evaluate("document.getElementById('age').textContent") == "The newest reading is 3 s old."


def test_the_table_says_the_same(show: t.Any) -> None:
    rows = show("/?namespace=bookinfo").evaluate(ROWS)
    assert len(rows) == 7
    assert ["productpage v1", "details v1", "60", "1.00", "38 ms", "49 ms", "0 %", "200: 60", "yes"] in rows


def test_a_fault_is_seen_at_a_glance_as_soon_as_there_is_one(show: t.Any, prometheus: t.Any) -> None:
    page = show("/?namespace=bookinfo")
    assert page.evaluate(HEADLINE) == "No call fails."
    prometheus.calls = [*prometheus.calls, FAULT]
    # By itself: nobody asks again.
    page.eventually(f"{HEADLINE} === 'Calls fail: productpage v1 to details v1.'")
    (failing,) = [one for one in page.evaluate(EDGES) if "failed" in one]
    assert failing.startswith("edge failed 2.00/s")
    assert failing.endswith("50 % fail")
    assert page.evaluate("document.querySelector('#graph .node.failed').textContent") == "detailsv1"
    assert page.evaluate("document.getElementById('problems').textContent") == (
        "50 % of the calls from productpage v1 to details v1 fail: 500, a fault was injected (FI)."
    )
    prometheus.calls = prometheus.calls[:-1]
    page.eventually(f"{HEADLINE} === 'No call fails.'")


def test_refused_and_delayed_calls_are_amber(show: t.Any, prometheus: t.Any) -> None:
    prometheus.calls = [
        call("productpage-v1", "details-v1", 4, response_code="403"),
        call("reviews-v2", "ratings-v1", 4, response_flags="DI", destination_principal="unknown"),
    ]
    page = show("/?namespace=bookinfo")
    edges = page.evaluate(EDGES)
    assert [one.split("/s")[0] for one in edges] == ["edge warned 0.07", "edge warned 0.07"]
    assert [one.rpartition("ms")[2] for one in edges] == ["100 % refused", "100 % delayed"]
    assert page.evaluate("document.querySelectorAll('#graph .lock.open').length") == 1
    assert page.evaluate(HEADLINE) == "No call fails."


def test_the_choices_are_in_the_address(show: t.Any) -> None:
    page = show("/?namespace=bookinfo&minutes=5")
    assert page.evaluate("document.querySelector('[name=minutes]').value") == "5"
    assert page.evaluate(ROWS)[0][3] == "0.20"
    page.evaluate(
        "(s => { s.value = '15'; s.dispatchEvent(new Event('change', {bubbles: true})); })"
        "(document.querySelector('[name=minutes]'))"
    )
    page.eventually(f"{ROWS}[0][3] === '0.07'")
    assert page.evaluate("location.search") == "?namespace=bookinfo&minutes=15"
    assert page.evaluate("document.querySelector('nav a:last-child').search") == "?namespace=bookinfo"


def test_without_a_choice_it_is_the_first_namespace(show: t.Any) -> None:
    assert show("/").evaluate("document.querySelector('[name=namespace]').value") == "bookinfo"


def test_what_cannot_be_shown_is_said_and_shown_once_it_can(show: t.Any, prometheus: t.Any, tab: Page) -> None:
    prometheus.broken = Answer(status=500)
    page = show("/?namespace=bookinfo")
    assert page.evaluate(MESSAGE).startswith("Prometheus at ")
    assert page.evaluate("document.getElementById('shown').hidden")
    prometheus.broken = None
    refresh(page)
    page.eventually(f"!{MESSAGE} && {HEADLINE} === 'No call fails.'")
    # The browser itself complains of each answer with such a status.
    tab.complaints[:] = [one for one in tab.complaints if "503" not in one]


def test_a_namespace_without_traffic_is_said(show: t.Any, prometheus: t.Any) -> None:
    prometheus.calls = []
    page = show("/?namespace=quiet")
    assert page.evaluate(HEADLINE) == (
        "Nobody called anybody in namespace quiet in the last minute: open its page, or choose another namespace or "
        "period."
    )
    assert page.evaluate("document.querySelector('#graph').hasAttribute('hidden')")


def test_it_can_be_paused_by_keyboard(show: t.Any) -> None:
    page = show("/?namespace=bookinfo")
    reached = []
    for _stop in range(6):
        page.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.name || ''"))
        if reached[-1] == "pause":
            break
    assert reached[-3:] == ["namespace", "minutes", "pause"]
    page.evaluate("later = []; ended = []; setTimeout = one => later.push(one); clearTimeout = id => ended.push(id); 0")
    page.press("Enter")
    page.eventually("document.getElementById('pause').ariaPressed === 'true'")
    assert page.evaluate("[later.length, ended.length]") == [0, 1], "it has given up to ask again"
    page.press("Enter")
    page.eventually("document.getElementById('pause').ariaPressed === 'false' && later.length === 1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [LAPTOP, PHONE])
@pytest.mark.parametrize("path", ["/?namespace=bookinfo", "/signals?namespace=bookinfo"])
def test_everybody_can_use_it(
    show: t.Any, prometheus: t.Any, axe: Path, path: str, screen: tuple[int, int], scheme: str
) -> None:
    prometheus.calls = [*prometheus.calls, FAULT, call("reviews-v2", "ratings-v1", 4, response_code="403")]
    page = show(path, screen)
    page.prefer(scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= screen[0], "nothing is beside the screen"
    assert page.accuse(axe) == []


def test_axe_notices_a_fault_of_a_page(show: t.Any, axe: Path) -> None:
    page = show("/?namespace=bookinfo")
    page.evaluate("document.getElementById('graph').removeAttribute('aria-label')")
    assert [one.split(":")[0] for one in page.accuse(axe)] == ["svg-img-alt"]


@pytest.mark.parametrize("path", ["/", "/signals"])
def test_where_no_workload_was_called_there_is_nothing_to_choose(show: t.Any, prometheus: t.Any, path: str) -> None:
    prometheus.calls = []
    assert show(path).evaluate(MESSAGE).startswith("No workload of the mesh has been called yet: open the page of")


def test_an_address_may_have_parameters_that_are_no_choices(show: t.Any) -> None:
    page = show("/?namespace=bookinfo&minutes=5&pause=1&length=2&shown=x")
    assert page.evaluate("document.querySelector('select[name=minutes]').value") == "5"
    assert len(page.evaluate(NODES)) == 7


def test_on_a_phone_the_graph_goes_down_and_can_be_read(show: t.Any) -> None:
    page = show("/?namespace=bookinfo", PHONE)
    boxes = "[...document.querySelectorAll('#graph .node')].map(one => [one.textContent, one.getBoundingClientRect()])"
    tops = dict(page.evaluate(f"{boxes}.map(([name, box]) => [name, box.top])"))
    assert tops["istio-ingressgateway"] < tops["productpagev1"] < tops["reviewsv1"] < tops["ratingsv1"]
    size = page.evaluate("document.querySelector('#graph .label').getBoundingClientRect().height")
    assert size >= 8, "pixels of a line of text"


def test_signals_have_three_charts_each_and_the_numbers_beside_them(show: t.Any) -> None:
    page = show("/signals?namespace=bookinfo")
    assert page.evaluate(ROWS) == [[name, "2.00", "5 %", "30 ms", "30 ms"] for name in ("details", "reviews")]
    page.eventually("document.querySelectorAll('#charts canvas').length === 6")
    labels = page.evaluate("[...document.querySelectorAll('#charts [role=img]')].map(one => one.ariaLabel)")
    assert labels[0] == "Calls per second of details: rate 2.00 now, at most 2.00"
    assert (
        labels[2]
        == "Duration: p50, and p95 dashed of details: p50 30 ms now, at most 30 ms; p95 30 ms now, at most 30 ms"
    )
