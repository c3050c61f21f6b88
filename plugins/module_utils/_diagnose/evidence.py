# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that is looked at in a cluster to explain failing checks, once for all that fail in the same state of it."""

from __future__ import annotations

import threading
import typing as t

from .._explain.collect import Configs
from .._kube.errors import ApiError
from .causes import concerned
from .findings import Findings, Look
from .istioctl import Analysis
from .proxies import Proxies

if t.TYPE_CHECKING:
    from .._kube import Client


class Evidence:
    """What istioctl and istiod say, the live objects, and the proxies' configurations."""

    def __init__(self, client: Client) -> None:
        self.analysis = Analysis(client)
        self.look = Look(client)
        self.proxies = Proxies(client)
        self.configs = Configs(client)

    def begin(self) -> None:
        """Ask what answers in its own time."""
        self.analysis.begin()
        self.proxies.begin()

    def ahead(self, asked: Findings) -> None:
        """Gather all of it for a check that keeps failing, while it is still asked."""
        self.begin()
        threading.Thread(target=self._gather, args=(asked,), daemon=True).start()

    def _gather(self, asked: Findings) -> None:
        try:
            self.configs.of(concerned(self.look.into(asked)))
        except ApiError:
            return  # who needs it asks again, and is told
