# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands that are suggested to people: about the workshop that this run is about."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import sys
import typing as t

from ansible import constants, context
from ansible_collections.mesh.workshop.plugins.plugin_utils._options import PLAYBOOKS, not_taken

_SECRET = re.compile(r"secret|token|passw|api_key", re.IGNORECASE)
PROGRAM = "ansible-playbook"
OURS = "mesh.workshop."


def inventory_options() -> list[str]:
    """The options -i of this run, each quoted for a shell."""
    # Where no inventory is typed, the one of the configuration is there, and will be the next time.
    usual = constants.DEFAULT_HOST_LIST
    return [f"-i {shlex.quote(one)}" for one in context.CLIARGS.get("inventory") or () if one not in usual]


def variable_options(without: t.Collection[str] = ()) -> list[str]:
    """The options -e of this run, each quoted for a shell, less the variables ``without``."""
    given = (_less(one, without) for one in context.CLIARGS.get("extra_vars") or ())
    return [f"-e {shlex.quote('<hidden>' if _SECRET.search(one) else one)}" for one in given if one]


def _less(text: str, names: t.Collection[str]) -> str:
    """What an option -e gives, less some variables; a file stays as it is."""
    if not names or text.startswith("@"):
        return text
    with contextlib.suppress(ValueError):
        variables = json.loads(text)
        if isinstance(variables, dict):
            left = {name: value for name, value in variables.items() if name not in names}
            return text if left == variables else json.dumps(left) if left else ""
    try:
        words = shlex.split(text)
    except ValueError:
        return text
    kept = [word for word in words if word.partition("=")[0] not in names]
    return text if kept == words else shlex.join(kept)


def running_playbook() -> str:
    """The playbook that this process runs, as it was typed; empty where it runs several, or another program."""
    given = context.CLIARGS.get("args")
    if os.path.basename(sys.argv[0]) != PROGRAM or not isinstance(given, (list, tuple)) or len(given) != 1:
        return ""
    return str(given[0])


def untaken(playbook: str) -> frozenset[str]:
    """The names of ours that a playbook of ours does not take; nothing is known of other playbooks."""
    name = playbook.removeprefix(OURS)
    return not_taken(name) if name != playbook and name in PLAYBOOKS else frozenset()


def command(playbook: str, without: t.Collection[str] = ()) -> str:
    """The command that runs a playbook with the options of this run that it takes, less some variables."""
    program = os.path.relpath(sys.argv[0])
    if program.startswith(".."):
        program = PROGRAM  # it is installed
    options = variable_options({*without, *untaken(playbook)})
    return " ".join([program, shlex.quote(playbook), *options, *inventory_options()])
