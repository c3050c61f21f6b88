# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.host import commands
from ansible_collections.mesh.workshop.plugins.module_utils._embedded.layout import EmbeddedError


def test_a_command_that_fails_says_its_last_word() -> None:
    with pytest.raises(commands.CommandError) as error:
        commands.run(["sh", "-c", "echo one; echo two >&2; exit 3"])
    assert (error.value.code, error.value.said) == (3, "two")
    assert commands.run(["sh", "-c", "exit 3"], check=False).returncode == 3


def test_a_missing_program_is_named() -> None:
    with pytest.raises(EmbeddedError, match="no-such-program is missing"):
        commands.run(["no-such-program"])


def test_a_command_without_end_is_ended() -> None:
    with pytest.raises(commands.CommandError, match="it did not end within"):
        commands.run(["sleep", "30"], timeout=0.1)
