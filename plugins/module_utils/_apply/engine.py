# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from .._kube import ApiError, Client, Json, Ref, Resource, namespace_fault, ref_of
from .._kube.objects import key_of
from .diff import document_diff, same
from .documents import check_document, clean, find_duplicate, flatten, modernised, with_metadata, with_namespace
from .groups import has_group
from .prune import Selector, carries, find_prunable
from .ready import GATES, WORKLOADS
from .sources import DocumentError
from .stamps import stamp_of
from .undo import Undo, put_back
from .values import plain
from .waiting import Pending, pending_of, wait_gone, wait_ready
from .waves import wave_of

CREATED, CHANGED, UNCHANGED = "created", "changed", "unchanged"
DELETED, ABSENT = "deleted", "absent"
FAILED, NOT_APPLIED = "failed", "not_applied"

_CHANGES = frozenset((CREATED, CHANGED, DELETED))
_NAMESPACE = ("", "Namespace")
_CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")
# How long a CRD takes until its kind can be used, and an object until it is gone
# that is in the way of one of the same name.
_GATE_SECONDS = 60.0
# How often what is pruned is looked at again because somebody has written to it.
_DELETE_ATTEMPTS = 20


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


@dataclass
class Entry:
    """One document on its way through."""

    ref: Ref
    doc: Json
    action: str = NOT_APPLIED
    error: str = ""
    before: Json | None = None
    after: Json | None = None
    pruned: bool = False
    put_back: str = ""

    def result(self) -> Json:
        found: Json = {
            "api_version": self.ref.api_version,
            "kind": self.ref.kind,
            "namespace": self.ref.namespace,
            "name": self.ref.name,
            "action": self.action,
        }
        if self.error:
            found["error"] = self.error
        if self.put_back:
            found["put_back"] = self.put_back
        return found


@dataclass
class Report:
    changed: bool = False
    failed: bool = False
    message: str = ""
    diff: list[dict[str, str]] = field(default_factory=list)
    results: list[Json] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unproven: str = ""
    """Why it is unknown whether the proxies have what was applied; traffic can prove it."""
    undo: Undo = field(default_factory=Undo)
    objects: list[Json] = field(default_factory=list)


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


def _kinds_of(docs: t.Iterable[Json]) -> dict[tuple[str, str], bool]:
    """The kinds that CustomResourceDefinitions among the documents define: whether each has namespaces."""
    found: dict[tuple[str, str], bool] = {}
    for doc in docs:
        if (ref_of(doc).group, doc["kind"]) == _CRD:
            spec: Json = doc.get("spec") or {}
            kind = (spec.get("names") or {}).get("kind")
            found[(str(spec.get("group")), str(kind))] = spec.get("scope") == "Namespaced"
    return found


def put_back_all(client: Client, report: Report, *, timeout: float = 60.0) -> Report:
    """Undo what an earlier apply_set() did, after something that came later (a verification) has failed."""
    _undo_into(client, report, timeout)
    return report


class _Run:
    def __init__(self, client: Client, docs: list[Json], options: ApplyOptions) -> None:
        self.client = client
        self.options = options
        self.pool = ThreadPoolExecutor(max(1, options.concurrency))
        self.report = Report()
        self.started = datetime.now(UTC)
        self.new_kinds = _kinds_of(docs)
        self.new_namespaces = {ref_of(doc).name for doc in docs if ref_of(doc).kind == "Namespace"}
        self.groups: dict[str, bool] = {}
        self.entries: list[Entry] = []
        self.pruned: list[Entry] = []
        self.trouble = ""  # what went wrong, but with no document
        for doc in docs:
            placed = self._place(doc)
            sent = clean(placed if placed is not None else doc)
            if options.state != "absent":
                sent = with_metadata(sent, options.labels, options.annotations)
            entry = Entry(ref_of(sent), sent)
            if placed is None:
                entry.action = ABSENT  # its kind is not there, so neither is it
                self._warn_of(entry.ref)
            self.entries.append(entry)
        twice = find_duplicate(entry.doc for entry in self.entries)
        if twice is not None:
            raise DocumentError(f"{twice} appears twice in one set of documents; keep one of the two.")

    # -- preparation -----------------------------------------------------

    def _place(self, doc: Json) -> Json | None:
        """The document with the namespace that it belongs to; None if its kind cannot be there (removal only).

        That is so where its CRD is among the documents, or where the cluster has nothing of its API group. Any other
        unknown kind is an error, on removal as well: most likely it is misspelt, and what was meant would stay.
        """
        ref = ref_of(doc)
        try:
            namespaced = self.client.resource(ref.api_version, ref.kind).namespaced
        except ApiError as exc:
            if exc.reason != "UnknownKind":
                raise
            known = self.new_kinds.get((ref.group, ref.kind))
            if self.options.state == "absent" and (known is not None or not self._has_group(ref.group)):
                return None
            if known is None:
                raise exc.about(str(ref)) from None
            namespaced = known
        if not namespaced:
            return with_namespace(doc, None)
        if ref.namespace:
            return doc
        return with_namespace(doc, self._home())

    def _has_group(self, group: str) -> bool:
        """Whether the cluster serves anything of an API group, in whatever version."""
        if group not in self.groups:
            self.groups[group] = has_group(self.client, group)
        return self.groups[group]

    def _warn_of(self, ref: Ref) -> None:
        """Say which API group is missing, once for each: it may be misspelt."""
        if (ref.group, ref.kind) in self.new_kinds:
            return
        said = f"The cluster has no API group {ref.group}, so its objects, such as {ref}, count as absent."
        if not any(f"API group {ref.group}," in one for one in self.report.warnings):
            self.report.warnings.append(said)

    def _known(self, ref: Ref) -> Resource | None:
        try:
            return self.client.resource(ref.api_version, ref.kind)
        except ApiError as exc:
            if exc.reason == "UnknownKind":
                return None
            raise

    def _fetch(self, entries: t.Sequence[Entry]) -> None:
        """What is there now: one LIST per kind and namespace where several are asked for, else one GET."""
        groups: dict[tuple[str, str, str], list[Entry]] = {}
        for entry in entries:
            if self._known(entry.ref) is not None:
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
        early = [entry for entry in self.entries if self._known(entry.ref) is not None]
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
            if self.options.on_change is not None and entry.action in _CHANGES and not self.options.check:
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
                self._claim_namespace(entry, exc)
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

    def _claim_namespace(self, entry: Entry, refusal: ApiError) -> None:
        """A namespace that this user may not write: it is as it should be, or OpenShift makes it on request."""
        from .._openshift.projects import may_request, request_project, unmet  # few users come here

        live = entry.before
        requested = live is None and may_request(self.client)
        if requested and self.options.check:
            entry.after, entry.action = entry.doc, CREATED
            return
        if requested:
            request_project(self.client, entry.ref.name, _GATE_SECONDS)
            try:
                live = self.client.apply(entry.doc, force=self.options.force)
            except ApiError as exc:
                if exc.status != 403:
                    raise
                live = self.client.get("v1", "Namespace", entry.ref.name)
        if live is None:
            raise refusal
        missing = unmet(live, entry.doc)
        if missing:
            made = "is made as a Project, and " if requested else ""
            raise ApiError(
                0,
                "Forbidden",
                f"it {made}lacks {', '.join(missing)}, and this user may not set it; have an administrator set this "
                "(kubectl label or annotate), then run this again",
                subject=str(entry.ref),
            )
        entry.after, entry.action = live, CREATED if requested else UNCHANGED

    def _is_yet_to_come(self, entry: Entry) -> bool:
        """In a dry run: whether the kind or the namespace would only be made by this very set."""
        if entry.before is not None:
            return False
        if self._known(entry.ref) is None:
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
        if any((entry.ref.group, entry.ref.kind) == _CRD and entry.action != UNCHANGED for entry in gates):
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
        """Istio's kinds: until the proxies have what has changed."""
        changed = [entry for entry in entries if entry.ref.group.endswith(".istio.io") and _may_unsettle(entry)]
        if not changed or self._known(changed[0].ref) is None:
            return
        from .._istio.settled import changed_at, wait_settled  # nothing to load where nothing has changed

        present = {entry.ref: entry.after for entry in changed if entry.after is not None}
        absent = [entry.ref for entry in changed if entry.action == DELETED]
        # The cluster's clock where it has told us its time; two seconds of grace, since nodes may differ a little.
        times = [written for written in map(changed_at, present.values()) if written is not None]
        since = min(times, default=self.started) - timedelta(seconds=2)
        outcome = wait_settled(self.client, present, absent, since, deadline)
        if outcome.warning:
            self.report.warnings.append(outcome.warning)
        self.report.unproven = outcome.unknown
        if not outcome.ok:
            culprit = changed[0]
            for entry in changed:  # what nobody but Envoy checks is the most likely cause
                if entry.ref.kind == "EnvoyFilter":
                    culprit = entry
            self._blame({culprit.ref: f"{culprit.ref} is applied, but {outcome.error}"})

    def _blame(self, trouble: dict[Ref, str]) -> None:
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
        """What is to go besides the documents; found first, since it may not be readable and then nothing is done."""
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
            places.add(self._home())
        return sorted(places)

    def _home(self) -> str:
        return self.options.namespace or self.client.settings.namespace or "default"

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
            self._delete(entry)
        except ApiError as exc:
            entry.action, entry.error = FAILED, exc.sentence()

    def _delete(self, entry: Entry) -> None:
        for attempt in range(1, _DELETE_ATTEMPTS + 1):
            before, ref = entry.before, entry.ref
            if before is None:
                entry.action = ABSENT
                return
            # What has changed hands since we looked is not what was meant.
            conditions: Json = {"uid": stamp_of(before, "uid")}
            if entry.pruned:
                conditions["resourceVersion"] = stamp_of(before, "resourceVersion")
            try:
                answer = self.client.delete(
                    ref.api_version,
                    ref.kind,
                    ref.name,
                    ref.namespace or None,
                    dry_run=self.options.check,
                    preconditions=conditions,
                )
            except ApiError as exc:
                if exc.status == 409 and entry.pruned and attempt < _DELETE_ATTEMPTS:
                    # Mostly a controller has written the status of what is still to go.
                    entry.before = self._still_prunable(ref)
                    continue
                if exc.status == 409 and entry.pruned:
                    exc.message = f"it was changed by another while this ran ({exc.message}); run this again"
                raise
            entry.action = ABSENT if answer is None else DELETED
            return

    def _still_prunable(self, ref: Ref) -> Json | None:
        """The object as it is now, if its labels still say that it is to go."""
        obj = self.client.get(ref.api_version, ref.kind, ref.name, ref.namespace or None)
        return obj if obj is not None and carries(obj, self.options.prune_selector or {}) else None

    # -- report ----------------------------------------------------------

    def _finish(self) -> Report:
        report, options = self.report, self.options
        done = [*self.entries, *self.pruned]
        errors = [self.trouble] if self.trouble else []
        errors += [entry.error for entry in done if entry.error]
        report.failed = bool(errors)
        report.changed = any(entry.action in _CHANGES for entry in done)
        report.objects = [entry.after for entry in self.entries if entry.after is not None]
        for entry in done:
            if entry.action in _CHANGES and not options.check:
                report.undo.remember(entry.ref, entry.before, entry.after)
            if options.diff and entry.action in _CHANGES:
                report.diff.append(document_diff(str(entry.ref), entry.before, entry.after))
        report.results = [entry.result() for entry in done]
        report.message = _summary(done, errors)
        if report.failed and options.atomic and not options.check:
            _undo_into(self.client, report, max(_GATE_SECONDS, options.wait_timeout))
        return report


def _may_unsettle(entry: Entry) -> bool:
    """What has changed; and EnvoyFilters always, since an earlier run may have ended with one that Envoy rejects."""
    return entry.action in _CHANGES or (entry.action == UNCHANGED and entry.ref.kind == "EnvoyFilter")


def _undo_into(client: Client, report: Report, timeout: float) -> None:
    outcome = put_back(client, report.undo, timeout)
    for result in report.results:
        key = (result["api_version"], result["kind"], result["namespace"], result["name"])
        if key in outcome:
            result["put_back"] = outcome[key]
    failed = [text for text in outcome.values() if text.startswith("not put back")]
    count = len(outcome) - len(failed)
    if failed:
        report.message += f" {count} of {len(outcome)} changes were put back; {failed[0]}"
    elif outcome:
        report.message += f" What was there before is put back ({count} change{'' if count == 1 else 's'})."
        report.changed = False
        report.diff = []
    else:
        report.message += " Nothing had been changed."


_ORDER = (CREATED, CHANGED, UNCHANGED, DELETED, ABSENT, FAILED, NOT_APPLIED)
_WORDS = {NOT_APPLIED: "not applied"}


def _summary(done: t.Sequence[Entry], errors: t.Sequence[str]) -> str:
    """First what went wrong, then what was done and what was not."""
    counts = {action: sum(1 for entry in done if entry.action == action) for action in _ORDER}
    tally = ", ".join(f"{count} {_WORDS.get(action, action)}" for action, count in counts.items() if count)
    if not errors:
        return f"{tally or 'nothing to do'}."
    more = f" ({len(errors) - 1} more failed: see results.)" if len(errors) > 1 else ""
    left = [str(entry.ref) for entry in done if entry.action == NOT_APPLIED]
    named = ""
    if left:
        shown = ", ".join(left[:5]) + (f" and {len(left) - 5} more" if len(left) > 5 else "")
        named = f" Not applied: {shown}."
    of = f" Of {len(done)} documents: {tally}." if len(done) > 1 else ""
    return f"{errors[0]}{more}{of}{named}"
