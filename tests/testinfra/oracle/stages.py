# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the catalogue's labs hold, and in which order tests that need their stages come.

A ``lab.yml`` is a template, rendered here with values that no test depends on and read as YAML.
"""

from __future__ import annotations

from pathlib import Path

import jinja2
import yaml

Visit = tuple[str, str]
"""A lab and one of its stages."""

CATALOGUE = Path(__file__).resolve().parents[3] / "roles" / "lab" / "catalogue"
FACTS = {
    "namespace": "bookinfo",
    "host": "mybookstore.com",
    "gateway_namespace": "istio-system",
    "shared": False,
    "vanilla_envoy": True,
}
# Where the tests only read a lab, any name of an image does; what they apply themselves needs the real ones.
IMAGES = {"python": "python", "grpc_health": "grpc-health"}


class Unknown(dict):
    """What only a test that applies or verifies has to know."""

    def __missing__(self, key):
        return f"<{key}>"


UNKNOWN = Unknown(secret=Unknown())


def read(name, images=None, credentials=UNKNOWN, catalogue=CATALOGUE, **facts):
    """The content of a lab's file; ``facts`` say whose Bookinfo it is where that is not the usual one's."""
    loader = jinja2.FileSystemLoader(catalogue / name)
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True)
    workshop = {**FACTS, **facts, "images": images or IMAGES, "credentials": credentials}
    return yaml.safe_load(environment.get_template("lab.yml").render(workshop=workshop))


def identity(document):
    """Namespace, kind and name of a document; without a namespace it is in the one that the lab is applied to."""
    meta = document["metadata"]
    return meta.get("namespace", ""), document["kind"], meta["name"]


def states(stage, baseline):
    """What is there at each step of a stage and at its end, by identity: baseline, less what goes, plus what comes."""
    home = {identity(one): one for one in baseline["stages"][0]["resources"]}
    for gone in stage.get("removes", ()):
        del home[identity(gone)]
    whole = {**home, **{identity(one): one for one in stage.get("resources", ())}}
    return [
        *({**whole, **{identity(one): one for one in step["resources"]}} for step in stage.get("steps", ())),
        whole,
    ]


def needs_of(labs):
    """The roles that labs name under ``needs``, each once, in the order in which a lab installs them."""
    return list(dict.fromkeys(need for content in labs.values() for need in content.get("needs", ())))


def stages_of(labs):
    """The stages of each lab but baseline, by name."""
    return {lab: [stage["name"] for stage in content["stages"]] for lab, content in labs.items() if lab != BASELINE[0]}


BASELINE: Visit = ("baseline", "baseline")
LABS = {path.parent.name: read(path.parent.name) for path in sorted(CATALOGUE.glob("*/lab.yml"))}
STAGES = stages_of(LABS)
NEEDS = needs_of(LABS)
WALK = [BASELINE, *((lab, stage) for lab, stages in STAGES.items() for stage in stages)]


def place(needs: Visit | None = None, leads_to: Visit | None = None) -> tuple[int, bool]:
    """What to sort a test by: stage by stage, and in each first what leads to it; last of all what needs none."""
    visit = leads_to or needs
    return (WALK.index(visit) if visit else len(WALK)), not leads_to
