# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the tests, and what a failed one leaves to the next."""

from __future__ import annotations

import pytest

FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items):
    """The tests that compare with baseline come first: what other tests leave would pass for it."""
    items.sort(key=lambda item: item.path.name != "test_pairs.py")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Remember a failure until the next test begins."""
    report = yield
    if report.failed:
        item.session.stash[FAILED] = True
    return report


@pytest.fixture(autouse=True)
def _nothing_of_a_failed_test(request, ansible):
    """After a failure the next test begins at baseline, so that one failure is one and not ten."""
    if request.session.stash.get(FAILED, False):
        request.session.stash[FAILED] = False
        ansible.play("reset", reset_confirm="yes")
