# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return what would change without changing anything.
  diff_mode:
    description: Returns what has changed, or would change in C(check_mode), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside of C(check_mode) with the same arguments, the second run reports no change.
      - This assumes that nothing else changes the system in between.
"""

    # Modules that change the cluster by server-side apply.
    APPLIES = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - The API server runs a dry run with all its validation and admission.
        Nothing in the cluster changes. O(verify) is skipped and reported as skipped.
      - What would go into a namespace, or is of a kind, that only this run would create
        cannot be validated beforehand and is reported as created.
  diff_mode:
    support: full
    details:
      - One entry per document, without status and managed fields. The values of Secrets are hidden.
  idempotent:
    support: full
"""

    # Modules that only read.
    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module does not change anything.
  diff_mode:
    support: N/A
    details:
      - This module does not change anything.
  idempotent:
    support: full
    details:
      - This module does not change anything.
"""
