# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies beside manifests and is none: templates, JSON with comments, lists of values."""

from __future__ import annotations

import re
import typing as t

_OPENS = re.compile(r"\{\{-?\s*(?:if|range|with|define|block)\b|\{%-?\s*(?:if|for|macro|block)\b")
_CLOSES = re.compile(r"\{\{-?\s*end\b|\{%-?\s*end\w+")
_COMMENTED = re.compile(r"^\s*(?://|/\*)", re.MULTILINE)


def is_template(text: str) -> bool:
    """Whether a text has actions of a template."""
    for begin, end in (("{{", "}}"), ("{%", "%}")):
        first = text.find(begin)
        if first >= 0 and text.rfind(end) >= first + 2:
            return True
    return False


def is_open_template(text: str) -> bool:
    """Whether a template's block begins in a text and ends elsewhere, or the other way round."""
    if "{{" not in text and "{%" not in text:
        return False
    return len(_OPENS.findall(text)) != len(_CLOSES.findall(text))


def foreign_to_kubernetes(text: str, name: str, template: bool, value: t.Any) -> str:
    """Why a text that is not a document, and has nothing of Istio's in it, is left alone."""
    if template:
        return "A template without anything of Istio's; passed through as it is."
    if name.endswith(".json") and _COMMENTED.search(text):
        return "JSON with comments and without anything of Istio's; passed through as it is."
    if isinstance(value, list):
        return "A list without anything of Istio's; passed through as it is."
    return ""
