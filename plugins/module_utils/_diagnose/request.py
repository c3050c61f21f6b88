# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a request that nobody has sent yet."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .._explain.collect import Configs
from .._explain.request import request_of
from .causes import Case, case_of, concerned
from .findings import Findings, gather

if t.TYPE_CHECKING:
    from .._kube import Client


def explain_request(
    client: Client, source: str, namespace: str, url: str, method: str, headers: t.Sequence[tuple[str, str]]
) -> tuple[Case, list[str]]:
    """The case of a request that nobody has sent yet, and what could not be read, as sentences. Raises ApiError."""
    objects, partial = gather(client, namespace)
    request = request_of(url, method, headers)
    findings = Findings(url=url, source=source, namespace=namespace, objects=objects, partial=partial, request=request)
    configs = Configs(client)
    found = replace(findings, configs=configs.of(concerned(findings)))
    return case_of(found), configs.refused()
