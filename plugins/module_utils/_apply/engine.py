# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .._kube import ApiError, Client, Json, Ref, namespace_fault, ref_of
from .._kube.objects import key_of
from .claim import claim_namespace
from .diff import document_diff, same
from .documents import check_document, clean, find_duplicate, flatten, modernised, with_metadata
from .places import CRD, Places
from .prune import Selector, find_prunable
from .ready import GATES, WORKLOADS
from .removal import delete_entry
from .report import ABSENT, CHANGED, CHANGES, CREATED, DELETED, FAILED, UNCHANGED, Entry, Report, summary
from .settling import settle
from .sources import DocumentError
from .stamps import stamp_of
from .undo import undo_into
from .values import plain
from .waiting import Pending, pending_of, wait_gone, wait_ready
from .waves import wave_of

_NAMESPACE = ("", "Namespace")
# How long a CRD takes until its kind can be used, and an object until it is gone
# that is in the way of one of the same name.
_GATE_SECONDS = 60.0


@dataclass
class ApplyOptions:
    state: str = "present"
    check: bool = False
    diff: bool = False
    atomic: bool = False
    force: bool = False
    wait: bool = True
    wait_timeout: float = 120.0
    concurrency: int = 8
    namespace: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    # Label to value; None as a value asks only that the label is there.
    prune_selector: Selector | None = None
    prune_namespaces: list[str] = field(default_factory=list)
    # Without prune_namespaces: only where the documents are, instead of everywhere.
    prune_beside: bool = False
    # Why a workload that is not ready in time is not, as far as somebody knows who sees more than its pods.
    explain: t.Callable[[Client, Json], str] | None = None
    # Hears of each object as soon as it is created, changed or deleted, from several threads.
    on_change: t.Callable[[Json], None] | None = None


def apply_set(client: Client, desired: t.Sequence[Json], options: ApplyOptions) -> Report:
    """Bring the cluster to the desired set (or remove it), in waves, and report on each document.

    Raises DocumentError, before anything is sent, if a document cannot be meant; and ApiError, before anything is
    changed, if what is there cannot be read. What goes wrong later is in the report.
    """
    docs = list(flatten(plain(list(desired))))
    for position, doc in enumerate(docs, 1):
        check_document(doc, position)
    current = [modernised(doc) for doc in docs]
    docs = [doc for doc, _said in current]
    for namespace in filter(None, (options.namespace, *options.prune_namespaces)):
        fault = namespace_fault(namespace)
        if fault:
            raise DocumentError(fault)
    run = _Run(client, docs, options)
    if options.state == "present":
        run.report.warnings += [text for _doc, said in current for text in said]
    try:
        return run.absent() if options.state == "absent" else run.present()
    finally:
        run.pool.shutdown(wait=True, cancel_futures=True)


class _Run:
    def __init__(self, client: Client, docs: list[Json], options: ApplyOptions) -> None:
        self.client = client
        self.options = options
        self.pool = ThreadPoolExecutor(max(1, options.concurrency))
        self.report = Report()
        self.places = Places(client, docs, namespace=options.namespace, absent=options.state == "absent")
        self.started = datetime.now(UTC)
        self.new_namespaces = {ref_of(doc).name for doc in docs if ref_of(doc).kind == "Namespace"}
        self.entries: list[Entry] = []
        self.pruned: list[Entry] = []
        self.trouble = ""  # what went wrong, but with no document
        for doc in docs:
            placed = self.places.place(doc)
            sent = clean(placed if placed is not None else doc)
            if options.state != "absent":
                sent = with_metadata(sent, options.labels, options.annotations)
            entry = Entry(ref_of(sent), sent)
            if placed is None:
                entry.action = ABSENT  # its kind is not there, so neither is it
                self.places.warn_of(entry.ref)
            self.entries.append(entry)
        self.report.warnings += self.places.warnings
        twice = find_duplicate(entry.doc for entry in self.entries)
        if twice is not None:
            raise DocumentError(f"{twice} appears twice in one set of documents; keep one of the two.")

    # -- preparation -----------------------------------------------------

    def _fetch(self, entries: t.Sequence[Entry]) -> None:
        """What is there now: one LIST per kind and namespace where several are asked for, else one GET."""
        groups: dict[tuple[str, str, str], list[Entry]] = {}
        for entry in entries:
            if self.places.known(entry.ref) is not None:
                groups.setdefault((entry.ref.api_version, entry.ref.kind, entry.ref.namespace), []).append(entry)
        list(self.pool.map(self._fetch_group, groups.values()))

    def _fetch_group(self, entries: list[Entry]) -> None:
        first = entries[0].ref
        if len(entries) > 1:
            try:
                listed = self.client.list(first.api_version, first.kind, first.namespace or None)
            except ApiError as exc:
                if exc.status != 403:
                    raise
            else:
                found = {key_of(obj)[1]: obj for obj in listed}
                for entry in entries:
                    entry.before = found.get(entry.ref.name)
                return
        for entry in entries:
            ref = entry.ref
            entry.before = self.client.get(ref.api_version, ref.kind, ref.name, ref.namespace or None)

    def _waves(self, entries: t.Sequence[Entry], *, backwards: bool = False) -> list[list[Entry]]:
        waves: dict[int, list[Entry]] = {}
        for entry in entries:
            waves.setdefault(wave_of(entry.ref.api_version, entry.ref.kind), []).append(entry)
        return [waves[number] for number in sorted(waves, reverse=backwards)]

    # -- present ---------------------------------------------------------

    def present(self) -> Report:
        early = [entry for entry in self.entries if self.places.known(entry.ref) is not None]
        self._fetch(early)
        prunable = self._prunable()
        try:
            self._apply({id(entry) for entry in early}, prunable)
        except ApiError as exc:
            self.trouble = exc.sentence()
        return self._finish()

    def _apply(self, fetched: t.Collection[int], prunable: list[Entry]) -> None:
        options = self.options
        deadline = time.monotonic() + options.wait_timeout
        for wave in self._waves(self.entries):
            if not options.check:
                self._fetch([entry for entry in wave if id(entry) not in fetched])
            list(self.pool.map(self._telling(self._apply_one), wave))
            if any(entry.action == FAILED for entry in wave):
                break
            if not options.check and not self._pass_gate(wave):
                break
        failed = any(entry.action == FAILED for entry in self.entries)
        if not failed:
            self._prune(prunable)
            failed = any(entry.action == FAILED for entry in self.pruned)
        if not failed and options.wait and not options.check:
            self._wait(deadline)

    def _telling(self, act: t.Callable[[Entry], None]) -> t.Callable[[Entry], None]:
        """The same, and reports each change to a listener."""

        def act_and_tell(entry: Entry) -> None:
            act(entry)
            if self.options.on_change is not None and entry.action in CHANGES and not self.options.check:
                self.options.on_change(entry.result())

        return act_and_tell

    def _apply_one(self, entry: Entry) -> None:
        options = self.options
        try:
            before = entry.before
            if before is not None and before["metadata"].get("deletionTimestamp") and not options.check:
                self._await_removal(entry, before)
                before = entry.before
            if options.check and self._is_yet_to_come(entry):
                entry.after, entry.action = entry.doc, CREATED
                return
            try:
                status, after = self.client.apply_with_status(entry.doc, dry_run=options.check, force=options.force)
            except ApiError as exc:
                if exc.status != 403 or (entry.ref.group, entry.ref.kind) != _NAMESPACE:
                    raise
                claim_namespace(self.client, entry, exc, check=options.check, force=options.force)
                return
        except ApiError as exc:
            entry.action, entry.error = FAILED, exc.sentence()
            return
        entry.after = after
        if before is None:
            entry.action = CREATED if status == 201 else CHANGED
        elif before["metadata"].get("resourceVersion") == after["metadata"].get("resourceVersion"):
            # A dry run keeps the version even of what it would change.
            entry.action = CHANGED if options.check and not same(before, after) else UNCHANGED
        else:
            entry.action = UNCHANGED if same(before, after) else CHANGED

    def _is_yet_to_come(self, entry: Entry) -> bool:
        """In a dry run: whether the kind or the namespace would only be made by this very set."""
        if entry.before is not None:
            return False
        if self.places.known(entry.ref) is None:
            return True
        if entry.ref.namespace not in self.new_namespaces:
            return False
        return any(
            other.action == CREATED
            for other in self.entries
            if other.ref.kind == "Namespace" and other.ref.name == entry.ref.namespace
        )

    def _await_removal(self, entry: Entry, before: Json) -> None:
        """What is being deleted cannot be applied to: wait until it is gone, then it is created anew."""
        deadline = time.monotonic() + max(_GATE_SECONDS, self.options.wait_timeout)
        left = wait_gone(self.client, [(entry.ref, stamp_of(before, "uid"))], deadline)
        for why in left.values():
            raise ApiError(0, "Timeout", why)
        entry.before = None

    def _pass_gate(self, wave: list[Entry]) -> bool:
        """After namespaces and CRDs: what comes next is put into them, so they must be ready now."""
        gates = [entry for entry in wave if (entry.ref.group, entry.ref.kind) in GATES]
        if not gates:
            return True
        waiting = [item for item in (pending_of(entry.ref, entry.after) for entry in gates) if item is not None]
        trouble = wait_ready(self.client, waiting, time.monotonic() + _GATE_SECONDS)
        if any((entry.ref.group, entry.ref.kind) == CRD and entry.action != UNCHANGED for entry in gates):
            self.client.forget_discovery()
        self._blame(trouble)
        return not trouble

    def _wait(self, deadline: float) -> None:
        waiting: list[Pending] = []
        for entry in self.entries:
            item = pending_of(entry.ref, entry.after)
            if item is not None:
                waiting.append(item)
        trouble = wait_ready(self.client, waiting, deadline)
        self._blame({ref: self._explained(ref, said) for ref, said in trouble.items()})
        if not trouble:
            self._settle([*self.entries, *self.pruned], deadline)

    def _explained(self, ref: Ref, said: str) -> str:
        """What is said of a workload that is not ready, behind what explains it."""
        after = next((entry.after for entry in self.entries if entry.ref == ref), None)
        explain = self.options.explain
        if explain is None or after is None or (ref.group, ref.kind) not in WORKLOADS:
            return said
        return f"{explain(self.client, after)} {said}".strip()

    def _settle(self, entries: t.Sequence[Entry], deadline: float) -> None:
        uptake = settle(self.client, self.places, entries, started=self.started, deadline=deadline)
        if uptake.warning:
            self.report.warnings.append(uptake.warning)
        self.report.unproven = uptake.unknown
        self._blame(uptake.trouble)

    def _blame(self, trouble: t.Mapping[Ref, str]) -> None:
        for entry in (*self.entries, *self.pruned):
            if entry.ref in trouble:
                entry.error = trouble[entry.ref]
                self.report.failed = True

    # -- absent and prune ------------------------------------------------

    def absent(self) -> Report:
        present = [entry for entry in self.entries if entry.action != ABSENT]
        self._fetch(present)
        prunable = self._prunable()
        try:
            self._remove(present)
            if not any(entry.action == FAILED for entry in self.entries):
                self._prune(prunable)
        except ApiError as exc:
            self.trouble = exc.sentence()
        return self._finish()

    def _prunable(self) -> list[Entry]:
        """What goes besides the documents; looked up first, so that nothing is done where it cannot be read."""
        options = self.options
        if not options.prune_selector:
            return []
        found = find_prunable(
            self.client,
            options.prune_selector,
            keep=[entry.ref for entry in self.entries],
            namespaces=options.prune_namespaces or (self._places() if options.prune_beside else []),
            run=self.pool.map,
        )
        return [Entry(ref_of(obj), obj, before=obj, pruned=True) for obj in found]

    def _places(self) -> list[str]:
        """The namespaces of the documents, and the one that those are in which name none."""
        places = {entry.ref.namespace for entry in self.entries if entry.ref.namespace}
        if self.options.namespace or not places:
            places.add(self.places.home)
        return sorted(places)

    def _prune(self, prunable: list[Entry]) -> None:
        self.pruned = prunable
        self._remove(prunable)

    def _remove(self, entries: list[Entry]) -> None:
        deadline = time.monotonic() + self.options.wait_timeout
        for wave in self._waves(entries, backwards=True):
            list(self.pool.map(self._telling(self._delete_one), wave))
            if any(entry.action == FAILED for entry in wave):
                break
        if self.options.wait and not self.options.check:
            gone = [
                (entry.ref, stamp_of(entry.before, "uid"))
                for entry in entries
                if entry.action == DELETED and entry.before is not None
            ]
            trouble = wait_gone(self.client, gone, deadline)
            self._blame(trouble)
            if not trouble and self.options.state == "absent":
                self._settle(entries, deadline)

    def _delete_one(self, entry: Entry) -> None:
        try:
            delete_entry(self.client, entry, selector=self.options.prune_selector, check=self.options.check)
        except ApiError as exc:
            entry.action, entry.error = FAILED, exc.sentence()

    # -- report ----------------------------------------------------------

    def _finish(self) -> Report:
        report, options = self.report, self.options
        done = [*self.entries, *self.pruned]
        errors = [self.trouble] if self.trouble else []
        errors += [entry.error for entry in done if entry.error]
        report.failed = bool(errors)
        report.changed = any(entry.action in CHANGES for entry in done)
        report.objects = [entry.after for entry in self.entries if entry.after is not None]
        for entry in done:
            if entry.action in CHANGES and not options.check:
                report.undo.remember(entry.ref, entry.before, entry.after)
            if options.diff and entry.action in CHANGES:
                report.diff.append(document_diff(str(entry.ref), entry.before, entry.after))
        report.results = [entry.result() for entry in done]
        report.message = summary(done, errors)
        if report.failed and options.atomic and not options.check:
            undo_into(self.client, report, max(_GATE_SECONDS, options.wait_timeout))
        return report
