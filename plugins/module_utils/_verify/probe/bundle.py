# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe as one script, which needs nothing but a Python: for pods, whose images hold nothing of ours."""

from __future__ import annotations

import pkgutil
from functools import lru_cache

PARTS = ("wire", "tls", "http1", "hpack", "http2", "jobs")
"""The modules that are sent, each after those that it imports."""

LOADER = """
import sys, types
probe = sys.modules["probe"] = types.ModuleType("probe")
probe.__path__ = []
for name, source in PARTS:
    full = "probe." + name
    part = sys.modules[full] = types.ModuleType(full)
    part.__package__ = "probe"
    exec(compile(source, name + ".py", "exec"), part.__dict__)
sys.modules["probe.jobs"].main()
"""
"""Makes a package of the parts, so that what they import from each other is found."""


@lru_cache(maxsize=1)
def script() -> bytes:
    """The script: it reads a plan from standard input as one line, and writes the result as one line."""
    return f"PARTS = {[(name, _source(name)) for name in PARTS]!r}\n{LOADER}".encode()


def _source(name: str) -> str:
    """Source of one part; modules may run from a zip file, so it is asked of the package's loader."""
    source = pkgutil.get_data(__package__ or "", f"{name}.py")
    if source is None:
        raise AssertionError(f"{name} of the probe is not packed with the module")
    return source.decode()
