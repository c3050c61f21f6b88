# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the tests."""

from __future__ import annotations


def pytest_collection_modifyitems(items):
    """The tests that compare with baseline come first: what other tests leave would pass for it."""
    items.sort(key=lambda item: item.path.name != "test_pairs.py")
