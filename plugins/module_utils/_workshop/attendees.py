# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who the attendees are: what people give becomes names, and the labels of namespaces say who is there. Pure.

An attendee is the owner of one namespace, whose name is theirs. Nothing but the namespaces' labels says who belongs to
the workshop, so there is no list that could be lost.
"""

from __future__ import annotations

import csv
import dataclasses
import difflib
import re
import typing as t
import unicodedata

from .._kube.labels import MANAGED
from .errors import LabError
from .reset_plan import ANNOTATION_HOST
from .tenancy import is_reserved

Json = dict[str, t.Any]

SELECTOR = f"{MANAGED}=true,app.kubernetes.io/part-of=bookinfo"
"""The labels that the role bookinfo gives a namespace; those of the labs' services lack the second one."""
EVERYBODY = "all"
COLUMN = "name"
PLACEHOLDER = "{name}"
# RFC 1123, as Kubernetes asks it of a namespace's name; a part of a host name follows the same rule.
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_HOST_LENGTH = 253
_SHOWN = 12
# No cluster of ours comes near it; it keeps a slip of the keyboard from becoming a long list.
_MOST = 9999


@dataclasses.dataclass(frozen=True)
class Attendee:
    """The owner of a namespace of the same name; ``host`` leads to their page through the gateway."""

    name: str
    host: str


def attendees_of(namespaces: t.Sequence[Json]) -> list[Attendee]:
    """Who is there, by the namespaces that carry the labels of ``SELECTOR``; one that is being removed is gone."""
    found = [one["metadata"] for one in namespaces if not one["metadata"].get("deletionTimestamp")]
    there = [Attendee(meta["name"], (meta.get("annotations") or {}).get(ANNOTATION_HOST, "")) for meta in found]
    return sorted(there, key=lambda one: one.name)


# -- who is wanted -----------------------------------------------------------


def given_names(given: t.Any) -> list[str]:
    """The names that an option gives as they stand there: a number makes attendee-01 and so on, a text is a list.

    Raises LabError where it gives none.
    """
    if isinstance(given, bool) or not isinstance(given, (int, str, list)):
        raise LabError(f"attendees is {given!r}: give a number, names with commas between them, or a CSV file.")
    if isinstance(given, list):
        names = [str(one) for one in given]
    elif re.fullmatch(r"\s*[+-]?[0-9]+\s*", str(given)):
        if int(given) > _MOST:
            raise LabError(f"attendees is {str(given).strip()}: a workshop has {_MOST} at most; give a smaller number.")
        names = [f"attendee-{number:02d}" for number in range(1, int(given) + 1)]
    else:
        names = str(given).split(",")
    names = [name.strip() for name in names if name.strip()]
    if not names:
        raise LabError(f"attendees is {given!r}, which names nobody: give a number from 1, names, or a CSV file.")
    return names


def names_in_csv(text: str, path: str) -> list[str]:
    """The column ``name`` of a CSV file whose first line names the columns; commas or semicolons separate them.

    No other column is read. Raises LabError where there is no such column or nobody in it.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    head = lines[0] if lines else ""
    rows = csv.DictReader(lines, delimiter=";" if head.count(";") > head.count(",") else ",")
    try:
        columns = {str(column).strip().lower(): column for column in rows.fieldnames or ()}
        if COLUMN not in columns:
            raise LabError(f"{path} has no column {COLUMN} in its first line: give the attendees' column this name.")
        names = [str(row[columns[COLUMN]] or "").strip() for row in rows]
    except csv.Error as error:
        raise LabError(f"{path} is not a CSV file ({error}): export it again.") from None
    names = [name for name in names if name]
    if not names:
        raise LabError(f"The column {COLUMN} of {path} is empty: add the attendees' names.")
    return names


def as_label(name: str) -> str:
    """A name in small letters without accents, and with hyphens for what separates its parts."""
    plain = unicodedata.normalize("NFKD", name.strip()).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[\s_.]+", "-", plain)


def checked_names(given: t.Sequence[str]) -> list[str]:
    """The namespaces' names of these people. Raises LabError for the first who cannot have one of their own."""
    seen: dict[str, str] = {}
    for one in given:
        name = as_label(one)
        if not _LABEL.fullmatch(name):
            raise LabError(
                f"Attendee {one!r} cannot be the name of a namespace: give one of letters, digits and hyphens, "
                "63 at most, that begins and ends with a letter or a digit."
            )
        if is_reserved(name) or name == EVERYBODY or name.startswith("mesh-workshop"):
            raise LabError(
                f"Attendee {one!r} cannot have this name: namespace {name} is the cluster's or Istio's own, or a word "
                "of the workshop; give another name."
            )
        if name in seen:
            same = "is there twice" if seen[name] == one else f"and attendee {seen[name]!r} would both be {name}"
            raise LabError(f"Attendee {one!r} {same}: change one of the names.")
        seen[name] = one
    return list(seen)


def with_hosts(names: t.Sequence[str], pattern: str, there: t.Sequence[Attendee]) -> list[Attendee]:
    """The attendees of these names; who is there keeps the host that they have.

    Raises LabError where the pattern makes no host of its own for each.
    """
    if PLACEHOLDER not in pattern:
        raise LabError(f"attendees_host is {pattern!r}, the same for all: put {PLACEHOLDER} where the name belongs.")
    hosts = {one.name: one.host for one in there if one.host}
    owners = {host: name for name, host in hosts.items()}
    found = []
    for name in names:
        host = hosts.get(name) or pattern.replace(PLACEHOLDER, name).lower()
        if len(host) > _HOST_LENGTH or not all(_LABEL.fullmatch(part) for part in host.split(".")):
            raise LabError(f"attendees_host makes {host!r} for attendee {name}, which is no host name: correct it.")
        if owners.setdefault(host, name) != name:
            raise LabError(f"Host {host} of attendee {name} is that of {owners[host]}: change attendees_host.")
        found.append(Attendee(name, host))
    return found


# -- who is meant ------------------------------------------------------------


def chosen_names(given: t.Any) -> list[str]:
    """The names in the option attendee; empty where it is not given or means everybody."""
    texts = given if isinstance(given, list) else str(given or "").split(",")
    names = [as_label(str(one)) for one in texts if str(one).strip()]
    return [] if names == [EVERYBODY] else list(dict.fromkeys(names))


def choose(given: t.Any, there: t.Sequence[Attendee], *, otherwise_all: bool = False) -> list[Attendee]:
    """Who of those that are there is meant by the option attendee: names, ``all``, or the only one.

    Raises LabError for a name that is nobody's, and where nobody is named and there are several, unless that means all.
    """
    names = chosen_names(given)
    if not names:
        asked = bool(given) or otherwise_all
        if asked or len(there) <= 1:
            return list(there)
        raise LabError(
            f"There are {len(there)} attendees: {_listed([one.name for one in there])}. "
            "Say who is meant: -e attendee=NAME, -e attendee=NAME,NAME or -e attendee=all."
        )
    known = {one.name: one for one in there}
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, list(known), n=1)
            meant = f" (did you mean {close[0]}?)" if close else ""
            who = f"The attendees are: {_listed(list(known))}." if known else "There is none yet."
            raise LabError(f"There is no attendee {name}{meant}. {who} mesh.workshop.attendees adds one.")
    return [known[name] for name in names]


def _listed(names: t.Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
