# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of the screen that people read."""

from __future__ import annotations

import shutil

from ansible.utils.display import Display

NARROWEST = 40


def columns() -> int:
    """The width of the screen in characters: that of COLUMNS, else the terminal's, else 79.

    Ansible's workers have no terminal. They inherit the width that Ansible saw when it started.
    """
    return max(NARROWEST, shutil.get_terminal_size((Display().columns, 24)).columns)
