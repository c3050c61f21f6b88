# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is remembered of a cluster: its subnet, and the kubeconfig that was written."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ..host import files, interfaces
from ..layout import Layout
from . import network


class Settings:
    """The file cluster.json of one cluster."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def load(self, path: Path | None = None) -> dict[str, t.Any]:
        """The settings of a cluster, this one by default; empty where there are none or they are broken."""
        text = files.read(path or self._layout.settings)
        if text is None:
            return {}
        try:
            settings = json.loads(text)
        except ValueError:
            return {}
        return settings if isinstance(settings, dict) else {}

    def save(self, **changes: str) -> None:
        """Change some settings; makes the cluster's folders."""
        layout = self._layout
        # The user's shell looks here for kubectl, so a strict umask must not close it. Keys and data lie deeper.
        if not layout.data_root.exists():
            layout.data_root.mkdir(parents=True)
            layout.data_root.chmod(0o755)
        for directory, mode in ((layout.data, 0o755), (layout.volumes, 0o700), (layout.upper, 0o700)):
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(mode)
        files.write(layout.settings, json.dumps({**self.load(), **changes}, indent=1, sort_keys=True) + "\n")

    @property
    def subnet(self) -> str:
        """The cluster's subnet; empty until it is chosen."""
        return str(self.load().get("subnet", ""))

    @property
    def veth(self) -> network.VethPair:
        """The link between host and node. Needs the subnet."""
        return network.VethPair(self._layout.link, network.parse_subnet(self.subnet))

    def choose_subnet(self, wanted: str) -> None:
        """Choose and remember the subnet, one cluster at a time. Raises EmbeddedError where it is taken."""
        with files.lock(self._layout.subnets_lock):
            in_use = network.networks_in_use(interfaces.addresses(), interfaces.routes(), self._layout.link)
            others: dict[str, network.Network] = {}
            for path in sorted(self._layout.data_root.glob("*/cluster.json")):
                other = self.load(path).get("subnet") if path != self._layout.settings else None
                if other:
                    others[path.parent.name] = network.parse_subnet(other)
            self.save(subnet=str(network.choose_subnet(wanted, self.subnet, in_use, others)))
