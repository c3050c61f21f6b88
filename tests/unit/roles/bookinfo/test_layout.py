# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What labs change is on the first screen, as a real browser lays the page out."""

from __future__ import annotations

import typing as t

import pytest
from oracle.browser import Page, browser

LAPTOP, PHONE = (1280, 800), (390, 844)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Page]:
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def show(page: Page, start_bookinfo: t.Any) -> t.Callable[..., Page]:
    """The bare address in the browser, with reviews v2, whose stars take most room."""

    def show(screen: tuple[int, int]) -> Page:
        page.show(f"http://127.0.0.1:{start_bookinfo('v2').port}/", *screen, mobile=screen == PHONE)
        assert page.evaluate("location.pathname") == "/productpage"
        return page

    return show


def lowest(page: Page, selector: str) -> float:
    """Where the last of these elements ends."""
    return max(bottom for _top, bottom in page.places(selector))


def test_on_a_laptop_all_reviews_are_above_the_fold(show: t.Callable[..., Page]) -> None:
    shown = show(LAPTOP)
    assert len(shown.places(".review")) == 2
    assert 0 < lowest(shown, ".review") <= LAPTOP[1]
    assert lowest(shown, "#reviews-podname") <= LAPTOP[1]


def test_on_a_phone_the_first_review_is_on_the_first_screen(show: t.Callable[..., Page]) -> None:
    shown = show(PHONE)
    (_top, first), *_others = shown.places(".review")
    assert 0 < first <= PHONE[1]
    assert lowest(shown, "#reviews-podname") <= PHONE[1] / 2
    assert shown.evaluate("document.documentElement.scrollWidth") <= PHONE[0], "nothing is beside the screen"


def test_a_cover_that_fills_the_screen_is_noticed(show: t.Callable[..., Page]) -> None:
    shown = show(LAPTOP)
    shown.evaluate("document.querySelector('.cover').style.height = '900px'")
    assert lowest(shown, ".review") > LAPTOP[1]
