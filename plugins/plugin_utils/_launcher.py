# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module of this collection from where the collection is installed, in a Python process of its own.

The text of this file is sent to that process, followed by the call; see `_modules`.
"""


def launch(collection: str, module: str, arguments: bytes, paths: list[str]) -> None:
    """Run a module as Ansible's wrapper would, but from its file, so that Python's compiled files serve it.

    `collection` is the collection's directory and `module` the short name; `arguments` is what the module reads from
    its standard input where nobody has packed it, a JSON object with ANSIBLE_MODULE_ARGS; `paths` are more entries for
    sys.path.
    The module prints its result and ends the process. An exception that it has not caught becomes its result.
    """
    import os
    import sys

    # First of all, because a program read from standard input imports from its working directory.
    sys.path[:] = [path for path in sys.path if os.path.isabs(path)]
    sys.path += [path for path in paths if path not in sys.path]

    import io
    import json
    import runpy
    import traceback
    import types

    # Ansible's own loader of collections would compile every file anew, and one collection does not need it.
    package = ""
    for name in ("ansible_collections", "mesh", "workshop"):
        package = f"{package}.{name}" if package else name
        sys.modules[package] = types.ModuleType(package)
        sys.modules[package].__path__ = []
    sys.modules[package].__path__ = [collection]

    fqn = f"{package}.plugins.modules.{module}"
    sys.argv[:] = [fqn]
    sys.stdin = io.TextIOWrapper(io.BytesIO(arguments))
    try:
        runpy.run_module(fqn, run_name="__main__", alter_sys=True)
        raise RuntimeError("it ended without a result")
    except Exception as error:
        said = f"mesh.workshop.{module} has a defect: {type(error).__name__}: {error}. Please report it."
        print(json.dumps({"failed": True, "msg": said, "exception": traceback.format_exc()}))
        sys.exit(1)
