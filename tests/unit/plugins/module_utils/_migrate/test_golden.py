# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each kind of conversion a legacy text, what is written for it, and what the report says.

Each file in `golden` is one of them, and was compared with the semantics that Istio 0.7 and 1.4 document. Those that
begin with `deck_` have their legacy text in the deck's slide of that name. A line `# quota: local` in a file's head is
an option.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import markdown, report_json

from .conftest import Converter

GOLDEN = Path(__file__).with_name("golden")
SLIDES = Path(__file__).parents[5] / "tests" / "testinfra" / "deck" / "slides"
FILES = sorted(path.stem for path in GOLDEN.glob("*.txt"))


def parts(name: str) -> tuple[dict[str, str], dict[str, str]]:
    """The options and the parts of a file."""
    head, *rest = re.split(r"^=== (\w+)\n", (GOLDEN / f"{name}.txt").read_text(), flags=re.MULTILINE)
    found = dict(zip(rest[::2], rest[1::2], strict=True))
    if name.startswith("deck_"):
        found["legacy"] = (SLIDES / f"{name.removeprefix('deck_')}.txt").read_text()
    return dict(re.findall(r"^# (quota): (\w+)$", head, flags=re.MULTILINE)), found


def said(page: str) -> str:
    """The report's findings without its tables."""
    lines = page.replace("\\", "").splitlines()
    return "".join(f"{line}\n" for line in lines if line.startswith(("### ", "Converted", "Refused", "Unch", "- ")))


@pytest.mark.parametrize("name", FILES)
def test_what_is_written_and_said(converter: Converter, name: str) -> None:
    options, wanted = parts(name)
    result = converter.result(wanted["legacy"], **options)
    (file,) = result.files
    assert file.text() == wanted["current"]
    assert said(markdown(report_json(result))) == wanted["report"]


def test_every_slide_of_the_deck_has_its_file() -> None:
    slides = sorted(f"deck_{path.stem}" for path in SLIDES.glob("*.txt"))
    assert slides == [name for name in FILES if name.startswith("deck_")]
