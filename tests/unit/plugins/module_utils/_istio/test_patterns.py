# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import os
import subprocess
import sys

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._istio import patterns
from ansible_collections.mesh.workshop.plugins.module_utils._istio.patterns import (
    PatternError,
    check_pattern,
    is_found,
)
from hypothesis import given
from hypothesis import strategies as st

BOUNDED = """
import importlib, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
patterns = importlib.import_module(sys.argv[1])
assert not patterns.is_found("^(a+)+$", "a" * 65_000 + "!")
assert not patterns.is_found("(x+x+)+y", "x" * 65_000)
"""


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("C.m", "The Comedy", True),
        ("^Comedy", "The Comedy", False),
        ("^4[0-9]{3}$", "4999", True),
        ("(?i)comedy", "The COMEDY", True),
        ("Sterne?$", "drei Sterne", True),
        ("ü", "für", True),
        ("a", "\ud800a", True),
    ],
)
def test_patterns_are_searched_for(pattern: str, text: str, found: bool) -> None:
    assert is_found(pattern, text) is found


def test_a_pattern_that_would_backtrack_without_end_takes_no_time() -> None:
    # A process of its own, which the kernel ends by its processor time: one that backtracks would never end by itself.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", BOUNDED, patterns.__name__], env=environment, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "missing )"),
        (r"(a)\1", "invalid escape sequence"),
        ("(?=a)", "invalid perl operator"),
        ("x{1000}{1000}", "bad repetition operator"),
        ("\ud800", "half of a surrogate pair"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, why: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PatternError) as caught:
        check_pattern(pattern)
    assert why in str(caught.value)
    assert capfd.readouterr().err == "", "RE2 logs nothing of its own"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)
    patterns._compiled.cache_clear()
    with pytest.raises(PatternError, match="the Python package google-re2 is missing"):
        check_pattern("a")
    patterns._compiled.cache_clear()


@given(st.text(), st.text())
def test_any_text_is_a_pattern_or_refused(pattern: str, text: str) -> None:
    with contextlib.suppress(PatternError):
        is_found(pattern, text)


def test_a_match_is_of_the_whole_text() -> None:
    assert patterns.is_match("v[12]", "v1")
    assert not patterns.is_match("v[12]", "v12")


@pytest.mark.parametrize(
    ("pattern", "rewrite", "text", "result"),
    [
        (r"^/([^/]+)/(.*)$", r"/\2/\1", "/x/old", "/old/x"),
        ("o+", r"[\0]", "/foo/o", "/f[oo]/[o]"),
        ("(o)(x)?", r"\1\2\\", "/o", "/o\\"),
        (".*", "/new", "/old/x", "/new"),
        # testdata of RE2 itself, re2/testing/re2_test.cc
        ("b*", "bb", "ababababab", "bbabbabbabbabbabb"),
        ("b*", "bb", "aaaaa", "bbabbabbabbabbabb"),
        ("", "-", "für", "-f-ü-r-"),
        ("a", "", "aba", "b"),
    ],
)
def test_a_substitution_is_as_re2_has_it(pattern: str, rewrite: str, text: str, result: str) -> None:
    assert patterns.replaced(pattern, rewrite, text) == result


@pytest.mark.parametrize(
    ("pattern", "rewrite", "why"),
    [
        ("(a)", r"\2", "has 1 groups, and the substitution asks for group 2"),
        ("a", r"\n", "a backslash before something other"),
        ("a", "\\", "a backslash before something other"),
        ("(", "", "missing"),
    ],
)
def test_a_substitution_that_re2_refuses_is_refused(pattern: str, rewrite: str, why: str) -> None:
    with pytest.raises(PatternError, match=why):
        patterns.replaced(pattern, rewrite, "aa")


@given(st.text(), st.text())
def test_a_literal_matches_its_text_alone(text: str, other: str) -> None:
    assert patterns.is_match(patterns.literal(text), text)
    assert patterns.is_match(patterns.literal(text), other) is (text == other)
