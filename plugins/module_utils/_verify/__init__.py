# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks by traffic: grammar -> plan -> probe -> oracle."""

from __future__ import annotations

import typing as t

from .._kube.late import late_attributes
from .._observe.errors import CheckError

if t.TYPE_CHECKING:
    from .._observe.gateway import GatewayError, gateway_address
    from .checks import Outcome, run_checks
    from .report import junit_of
    from .spec import Check, parse_checks, secrets_of
    from .streams import Streams, start_streams

__all__ = [
    "Check",
    "CheckError",
    "GatewayError",
    "Outcome",
    "Streams",
    "gateway_address",
    "junit_of",
    "parse_checks",
    "run_checks",
    "secrets_of",
    "start_streams",
]

# Imported when they are asked for: whoever only shows the results of checks has no use for what asks them.
__getattr__ = late_attributes(
    __name__,
    {
        "Check": ".spec",
        "GatewayError": ".._observe.gateway",
        "Outcome": ".checks",
        "Streams": ".streams",
        "gateway_address": ".._observe.gateway",
        "junit_of": ".report",
        "parse_checks": ".spec",
        "run_checks": ".checks",
        "secrets_of": ".spec",
        "start_streams": ".streams",
    },
)
