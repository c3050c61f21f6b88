# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time per workshop namespace: a Lease, as Kubernetes' own components elect their leaders with.

Whoever holds it writes the time every few seconds. Where that time is too long ago, the holder is gone (killed, or its
machine is off) and the next one takes over. Clocks of those who share a namespace have to agree within a few seconds.

A Lease that keeps notes on what the last run has come to stays when it is let go, without a holder.
"""

from __future__ import annotations

import contextlib
import datetime
import getpass
import os
import re
import socket
import threading
import time
import typing as t

from .._kube import ApiError, Client
from .errors import LabError
from .verdict import Notes, has_notes, moment_of, noted, now, printable

Json = dict[str, t.Any]

API_VERSION, KIND, NAME = "coordination.k8s.io/v1", "Lease", "mesh-workshop"
# As long as a holder may be silent. It writes three times as often.
DURATION = 15
PAUSE = 0.5
_IDENTITY = re.compile(r"(.*) \(process \d+, (.*)\)")


def identity(purpose: str) -> str:
    """Who holds a lease, and for what."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for its user
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()} (process {os.getpid()}, {purpose})"


def is_held(lease: Json | None, moment: datetime.datetime) -> bool:
    """Whether a lease has a holder that has written not too long ago."""
    spec = (lease or {}).get("spec") or {}
    if not spec.get("holderIdentity"):
        return False
    renewed = moment_of(spec.get("renewTime") or spec.get("acquireTime"))
    duration = datetime.timedelta(seconds=int(spec.get("leaseDurationSeconds") or DURATION))
    return renewed is not None and moment - renewed < duration


def held_by(lease: Json, namespace: str) -> str:
    """Who holds it and since when."""
    spec = lease["spec"]
    since = moment_of(spec.get("acquireTime"))
    when = f" since {since:%H:%M:%S} UTC" if since else ""
    return f"namespace {namespace} is held by {spec['holderIdentity']}{when}"


def at_work(lease: Json | None, moment: datetime.datetime) -> str:
    """What a run is doing in a namespace, since when and for whom; empty where nobody holds the lease."""
    if lease is None or not is_held(lease, moment):
        return ""
    holder = printable(lease["spec"]["holderIdentity"])
    since = moment_of(lease["spec"].get("acquireTime"))
    when = f" since {since:%H:%M:%S} UTC" if since else ""
    known = _IDENTITY.fullmatch(holder)
    return f"{known[2]}{when}, by {known[1]}" if known else f"a run{when}, by {holder}"


def turns(lease: Json | None) -> int:
    """How often runs have taken a lease."""
    return int(((lease or {}).get("spec") or {}).get("leaseTransitions") or 0)


def note(client: Client, namespace: str, notes: Notes) -> None:
    """Write notes to a namespace's lease where nobody holds it; not for a user who may not, which is no failure."""
    with contextlib.suppress(ApiError):
        found = client.get(API_VERSION, KIND, NAME, namespace)
        if found is None:
            client.create(noted(_new(namespace), notes))
        elif not is_held(found, now()):
            client.replace(noted(found, notes))


def _new(namespace: str) -> Json:
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": NAME, "namespace": namespace}, "spec": {}}


def _text(moment: datetime.datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


class Lease:
    """The lease of one namespace, as one run holds it."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        purpose: str,
        notes: Notes | None = None,
        *,
        clock: t.Callable[[], float] = time.monotonic,
    ):
        self._client = client
        self._namespace = namespace
        self._holder = identity(purpose)
        self._notes: Notes = dict(notes or {})
        self._clock = clock
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._lease: Json | None = None
        self._lost = ""
        self._renewed = 0.0
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def acquire(self, timeout: float, tell: t.Callable[[str], None]) -> None:
        """Wait until nobody else holds it. Raises LabError with who does, once the time is over."""
        deadline = self._clock() + timeout
        told = ""
        while True:
            found = self._client.get(API_VERSION, KIND, NAME, self._namespace)
            if found is not None and is_held(found, now()):
                said = held_by(found, self._namespace)
                if said != told:
                    tell(f"waiting: {said}")
                    told = said
            elif self._take(found):
                break
            if self._clock() >= deadline:
                why = told or "others took the namespace each time it was free"
                raise LabError(
                    f"Nothing was changed: {why}, and this run did not get it within {timeout:g} s. "
                    "Run this again when the other run has ended."
                )
            self._over.wait(PAUSE)
        self._thread.start()

    def note(self, notes: Notes) -> None:
        """Write these notes when it is let go."""
        self._notes.update(notes)

    def release(self) -> None:
        """Let it go, where it is still ours, with what there is to note."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            lease, self._lease = self._lease, None
        if lease is not None:
            kept = {**noted(lease, self._notes), "spec": {"leaseTransitions": turns(lease)}}
            only = {name: kept["metadata"][name] for name in ("uid", "resourceVersion") if kept["metadata"].get(name)}
            # It ends by itself soon, so no turn is lost where it cannot be let go, or cannot be told from another.
            if only:
                with contextlib.suppress(ApiError):
                    if has_notes(kept):
                        self._client.replace(kept)
                    else:
                        self._client.delete(API_VERSION, KIND, NAME, self._namespace, preconditions=only)

    def ensure(self) -> None:
        """Raise LabError where somebody else has taken it meanwhile, as after this machine has slept."""
        lost = self._lost
        if not lost and self._clock() - self._renewed > DURATION:
            lost = f"its lease of namespace {self._namespace} could not be renewed for {DURATION} s"
        if lost:
            raise LabError(f"This run was stopped before it changed more: {lost}. Run it again.")

    def _take(self, found: Json | None) -> bool:
        moment = _text(now())
        spec: Json = {
            "holderIdentity": self._holder,
            "leaseDurationSeconds": DURATION,
            "acquireTime": moment,
            "renewTime": moment,
            "leaseTransitions": turns(found) + 1,
        }
        try:
            # With the version that was read: of two that take over, one is refused.
            wanted = {**noted(found or _new(self._namespace), self._notes), "spec": spec}
            taken = self._client.replace(wanted) if found else self._client.create(wanted)
        except ApiError as error:
            # Somebody was faster: it is there already, another version, or gone again.
            if error.status == 409 or (error.status == 404 and found is not None):
                return False
            raise
        with self._lock:
            self._lease = taken
        self._renewed = self._clock()
        return True

    def _keep(self) -> None:
        while not self._over.wait(DURATION / 3):
            with self._lock:
                lease = self._lease
            if lease is None:
                return
            renewed = {**lease, "spec": {**lease["spec"], "renewTime": _text(now())}}
            try:
                fresh = self._client.replace(renewed)
            except ApiError as error:
                if error.status in (404, 409) and not self._is_ours_still():
                    return
                continue  # tried again until it has run out, which others then see as well
            with self._lock:
                self._lease = fresh
            self._renewed = self._clock()

    def _is_ours_still(self) -> bool:
        """Whether somebody has only put a label on it, or such."""
        try:
            found = self._client.get(API_VERSION, KIND, NAME, self._namespace)
        except ApiError:
            return True  # the next attempt tells
        holder = ((found or {}).get("spec") or {}).get("holderIdentity")
        ours = found is not None and holder == self._holder
        with self._lock:
            self._lease = found if ours else None
        if not ours:
            self._lost = held_by(found, self._namespace) if found and holder else "somebody has removed its lease"
        return ours


@contextlib.contextmanager
def hold(
    client: Client,
    namespace: str,
    purpose: str,
    notes: Notes | None = None,
    *,
    timeout: float,
    tell: t.Callable[[str], None],
) -> t.Iterator[Lease]:
    """Hold a namespace's lease for the length of a block, however that ends. ``notes`` are written when it is taken.

    Raises LabError where somebody else still holds it after ``timeout`` seconds; ``tell`` hears who that is at once.
    """
    lease = Lease(client, namespace, purpose, notes)
    try:
        lease.acquire(timeout, tell)
        yield lease
    finally:
        lease.release()
