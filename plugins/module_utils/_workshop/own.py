# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's own catalogue and baseline, for whoever names no other."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

from .._kube.labels import BASELINE
from .errors import LabError
from .reset_plan import ANNOTATION_HOST

Json = dict[str, t.Any]


def own_catalogue() -> str:
    """The folder of the collection's catalogue. Raises LabError where the module runs without the collection."""
    folder = Path(__file__).resolve().parents[3] / "roles" / "lab" / "catalogue"
    if not folder.is_dir():
        raise LabError(
            "The collection's own catalogue is not where this module runs: give catalogue and baseline, "
            "or run the task on the machine that runs Ansible, with the Python that runs Ansible."
        )
    return str(folder)


def own_baseline(namespace: Json) -> Json:
    """The content of the collection's own ``baseline/lab.yml`` for a workshop namespace.

    The gateway's host is what setup has noted on the namespace. Raises LabError where it has noted none.
    """
    import jinja2

    from .._apply import parse_yaml

    meta = namespace["metadata"]
    host = (meta.get("annotations") or {}).get(ANNOTATION_HOST)
    if not host:
        raise LabError(
            f"Namespace {meta['name']} has no annotation {ANNOTATION_HOST}, which names its gateway host: "
            "run mesh.workshop.setup, or give baseline."
        )
    path = os.path.join(own_catalogue(), BASELINE, "lab.yml")
    text = Path(path).read_text(encoding="utf-8")
    # The file is ours, and YAML is made of it: nothing in it is to be escaped for HTML.
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    (content,) = parse_yaml(environment.from_string(text).render(workshop={"host": host}), path)
    return content
