# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that people reported, rebuilt on Bookinfo: what is in a folder of ../shared/reports."""

from __future__ import annotations

import csv
import functools
import re
import typing as t
from pathlib import Path

import yaml

FOLDER = Path(__file__).resolve().parents[3].parent / "shared" / "reports"
KINDS = (
    "Gateway|VirtualService|DestinationRule|AuthorizationPolicy|PeerAuthentication|RequestAuthentication|Telemetry|"
    "EnvoyFilter|Sidecar|ServiceEntry|Service|Deployment"
)
NAMED = re.compile(rf"\b({KINDS}) ([a-z0-9-]+/[a-z0-9-]+)")

Json = dict[str, t.Any]


def accused(text: str) -> set[tuple[str, str]]:
    """The resources that a text names, by kind and name."""
    return set(NAMED.findall(text))


def telling(text: str) -> set[str]:
    """The fields, values, paths and hosts that a text names: words that are not plain ones."""
    words = {word.strip("'\"().,;:") for word in NAMED.sub("", text).split()}
    return {word for word in words if re.search(r"[0-9*/=]|[a-z][A-Z]|\w\.\w", word)}


def documents(path: Path) -> list[Json]:
    """The documents of a file, whose templates are texts of their own."""
    return [one for one in yaml.safe_load_all(path.read_text()) if one]


class Report:
    """One reported fault."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = FOLDER / name
        (play,) = yaml.safe_load((self.folder / "play.yml").read_text())
        self.tasks: list[Json] = play["tasks"]
        self.variables: Json = {key: value for key, value in play["vars"].items() if key != "with"}

    @property
    def text(self) -> str:
        return (self.folder / "report.md").read_text()

    @functools.cached_property
    def sentence(self) -> str:
        """What a good tool says."""
        with (FOLDER / "INDEX.tsv").open() as file:
            rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            return next(row["sentence"] for row in rows if row["slug"] == self.name)

    @property
    def remedy(self) -> str:
        (found,) = re.findall(r"^\*\*Remedy\.\*\* (.*)$", self.text, re.MULTILINE)
        return str(found)

    @property
    def needs_tracing(self) -> bool:
        return "| needs | tracing" in self.text

    def apply(self, part: str, **more: t.Any) -> Json:
        """The task that applies the fault, or what mends it, and verifies."""
        arguments = dict(self.tasks[0]["mesh.workshop.apply"])
        (key,) = {"src", "template"} & set(arguments)
        return {"mesh.workshop.apply": {**arguments, key: str(self.folder / part), **more}}

    def remove(self) -> Json:
        """The task that takes all of it away but what is Bookinfo's own, which only a reset brings back."""
        found = {
            (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]): one
            for part in ("input.yaml", "fixed.yaml")
            for one in documents(self.folder / part)
            if (one["kind"], one["metadata"]["name"]) != ("Service", "reviews")
        }
        return {
            "mesh.workshop.apply": {"namespace": "bookinfo", "definitions": list(found.values()), "state": "absent"}
        }


def reports() -> dict[str, Report]:
    """Faults by the name of their folder."""
    return {path.parent.name: Report(path.parent.name) for path in sorted(FOLDER.glob("[0-9]*/play.yml"))}


def plays() -> list[Path]:
    """Plays in which nothing is wrong and the modules have to behave."""
    return sorted(FOLDER.glob("k*/play.yml"))
