# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each file of module_utils that does anything has a test of its name, or says here whose test shows what it does."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ROOT / "plugins" / "module_utils"
TESTS = ROOT / "tests" / "unit" / "plugins"

CAUSES = "_diagnose/causes/test_causes.py"
EFFECTS = "_explain/test_effects.py"
CONVERTED = "_migrate/test_golden.py"
TOGETHER = {
    "_ansible/control_plane": "../modules/test_istio_control_plane.py",
    "_ansible/migrate": "../modules/test_migrate.py",
    "_diagnose/asked": "_diagnose/rules/test_rules.py",
    "_diagnose/causes/case": CAUSES,
    "_diagnose/causes/elsewhere": CAUSES,
    "_diagnose/evidence": "_diagnose/rules/test_rules.py",
    "_diagnose/paths": "_diagnose/rules/test_rules.py",
    "_diagnose/request": "_diagnose/rules/test_rules.py",
    "_diagnose/rules/entrance": "_diagnose/rules/test_rules.py",
    "_diagnose/rules/records": "_diagnose/rules/test_rules.py",
    "_explain/effects/finding": EFFECTS,
    "_explain/effects/hosts": EFFECTS,
    "_explain/effects/paths": EFFECTS,
    "_explain/effects/routes": EFFECTS,
    "_explain/effects/transport": EFFECTS,
    "_explain/guards": "_explain/test_walk.py",
    "_explain/journey": "_explain/test_walk.py",
    "_explain/steps": "_explain/test_text.py",
    "_migrate/authentication_tokens": "_migrate/test_authentication.py",
    "_migrate/envoy": CONVERTED,
    "_migrate/facts": CONVERTED,
    "_migrate/foreign": CONVERTED,
    "_migrate/lists": CONVERTED,
    "_migrate/model": CONVERTED,
    "_migrate/reader": CONVERTED,
    "_migrate/report": CONVERTED,
    "_migrate/slips": CONVERTED,
    "_migrate/writer": CONVERTED,
}
"""What is tested by the outcome of several files, and where. What can be shown of one file alone is not for here."""


def does_something(path: Path) -> bool:
    """Whether a file has functions; classes without any are records."""
    tree = ast.parse(path.read_text())
    return any(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) for node in ast.walk(tree))


def names() -> list[str]:
    """The files of module_utils with behaviour, such as `_apply/engine`."""
    files = (path for path in CODE.rglob("*.py") if path.stem != "__init__" and does_something(path))
    return sorted(path.relative_to(CODE).with_suffix("").as_posix() for path in files)


def mirror_of(name: str) -> Path:
    path = TESTS / "module_utils" / name
    return path.with_name(f"test_{path.name}.py")


@pytest.mark.parametrize("name", names())
def test_a_file_has_its_test(name: str) -> None:
    expected = TOGETHER.get(name)
    wanted = TESTS / "module_utils" / expected if expected else mirror_of(name)
    assert wanted.is_file(), f"plugins/module_utils/{name}.py needs {wanted.relative_to(ROOT)}"
    assert "def test_" in wanted.read_text()


def test_nothing_is_said_here_that_is_not_so() -> None:
    known = names()
    assert [name for name in TOGETHER if name not in known] == [], "there is no such file, or it does nothing"
    assert [name for name in TOGETHER if mirror_of(name).is_file()] == [], "it has a test of its own"
