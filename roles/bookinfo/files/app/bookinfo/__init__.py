# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bookinfo: the four services of Istio's sample application, written anew for the workshop.

The paths, the JSON, the timeouts, the messages and the environment variables are those of the upstream sample
(istio/istio, samples/bookinfo), so that either can stand in for the other. Nothing here knows of a mesh.
"""

from __future__ import annotations
