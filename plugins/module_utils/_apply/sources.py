# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds and reads the files that hold documents. By itself, because the action plugin needs nothing else."""

from __future__ import annotations

import glob
import os

SOURCE = "# Source: "
_FILES = (".yaml", ".yml", ".json")


class DocumentError(Exception):
    """A document that cannot be sent; the message is one sentence for the user."""


def list_sources(src: str) -> list[str]:
    """The files that src means: itself, those of a directory, or what a pattern matches. Raises DocumentError."""
    if "\0" in src:
        raise DocumentError(f"{src!r} has a character that no path can have; correct src.")
    if os.path.isdir(src):
        try:
            names = os.listdir(src)
        except OSError as exc:
            raise DocumentError(f"{src} cannot be read ({exc.strerror}); correct its rights or src.") from exc
        paths = sorted(os.path.join(src, name) for name in names if name.endswith(_FILES))
        if not paths:
            raise DocumentError(f"the directory {src} holds no .yaml, .yml or .json file; correct src.")
        return paths
    if os.path.exists(src):
        return [src]
    paths = sorted(path for path in glob.glob(src, recursive=True) if os.path.isfile(path))
    if not paths:
        raise DocumentError(f"nothing is found at {src}; correct src.")
    return paths


def read_source(path: str, real_path: str | None = None) -> str:
    """The text of a file, which says first where it is from, so that an error in it can be found."""
    try:
        with open(real_path or path, encoding="utf-8") as handle:
            return f"{SOURCE}{path}\n{handle.read()}"
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise DocumentError(f"{path} cannot be read ({why}); correct the file or src.") from exc
