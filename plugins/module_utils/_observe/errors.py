# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class CheckError(ValueError):
    """What a user wrote is not a check; the text is one sentence for that user."""


class NotYet(CheckError):
    """What a check needs is on its way, as a pod that is being replaced: it is asked again until the deadline."""
