# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.build import failures


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("write /x: no space left on device", "the disk is full"),
        ("verifying m@v1: checksum mismatch\nSECURITY ERROR", "not the one that was pinned"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "not the one that was pinned"),
        ("npm error code EINTEGRITY", "not the one that was pinned"),
        ("npm error code ENOTFOUND", "registry could not be reached"),
        ("k8s.io/x: /link: signal: killed", "ran out of memory"),
        ("dial tcp: lookup proxy: no such host", "registry could not be reached"),
        ("W: Failed to fetch http://x  Could not connect to x", "registry could not be reached"),
        ("mount: /x: operation not permitted", "a right is missing"),
        ("missing go.sum entry for module", "do not belong together"),
        ("GPG error: NO_PUBKEY 0E98404D386FA1D9", "could not be verified"),
        ("E: Unable to locate package s6", "does not exist in the registry"),
    ],
)
def test_explain(output, cause):
    found, remedy = failures.explain(output, "/c")
    assert cause in found
    assert remedy
    assert "{" not in remedy


def test_explain_falls_back_to_the_last_line():
    assert failures.explain("one\nmain.go:3: undefined: x\n\n", "/c")[0] == 'it ended with "main.go:3: undefined: x"'
    assert "printed nothing" in failures.explain("\n", "/c")[0]


def test_tools_are_counted_up_in_words():
    assert failures.lacking_tools("It", ["a", "b", "c"]).startswith(
        "It cannot be built: a, b and c not found; install them"
    )
