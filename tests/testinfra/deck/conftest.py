# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deck's listings, and published manifests where they lie beside the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

CORPUS = Path(__file__).resolve().parents[3].parent / "shared" / "legacy-corpus"

collect_ignore = [] if CORPUS.is_dir() else ["test_corpus.py"]


@pytest.fixture(scope="module")
def corpus():
    return CORPUS
