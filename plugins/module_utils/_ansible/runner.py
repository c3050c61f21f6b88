# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way through a module that applies or verifies: from its options to its exit.

``run_module`` makes the module and ends it. What it does between is a function that gets a ``Runner``: checks are read
before anything is applied, streams begin before it, all other checks run after it, and whatever ends a run, the result
has the same shape and tells what was done until then.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import threading
import typing as t

from ansible.module_utils.common.parameters import remove_values

from .._apply import ApplyOptions, DocumentError, Report, apply_set, put_back_all
from .._kube import AUTH_ARG_SPEC, ApiError, Client, connect
from .._observe.errors import CheckError
from .lifetime import last_words
from .options import Idle, idle_fault
from .quiet import QuietModule

if t.TYPE_CHECKING:
    from .._verify import Outcome, Streams
    from .._workshop.lease import Lease
    from .._workshop.progress import Progress
    from .._workshop.verdict import Notes

Json = dict[str, t.Any]

EMPTY_RESULT: Json = {"changed": False, "results": [], "checks": [], "side_effects": [], "table": "", "message": ""}
"""What every module returns that applies and verifies; each may add to it."""


def run_module(
    spec: Json,
    body: t.Callable[[Runner], None],
    *,
    result: Json | None = None,
    errors: tuple[type[Exception], ...] = (),
    **constraints: t.Any,
) -> None:
    """Make the module, let ``body`` do its work, and exit with the runner's result.

    ``spec`` is the argument spec without the options of authentication. ``result`` is what the module returns besides
    ``EMPTY_RESULT``. ``errors`` are further exceptions whose text is a sentence for people; any other is a defect.
    """
    module = QuietModule(argument_spec={**spec, **AUTH_ARG_SPEC}, supports_check_mode=True, **constraints)
    runner = Runner(module, {**EMPTY_RESULT, **(result or {})})
    told: tuple[type[Exception], ...] = (ApiError, CheckError, DocumentError, *errors)
    try:
        for name in ("checks", "verify"):
            runner.hide_secrets(module.params.get(name))
        body(runner)
    except told as error:
        if runner.only_verifies:
            runner.noting = None  # nothing is shown of what could not be asked
        runner.fail(str(error), refused=runner.only_verifies and isinstance(error, ApiError) and error.status == 403)
    finally:
        runner.close()
    runner.warn_of_unproven()
    module.exit_json(**runner.result)


def _why_unready(client: Client, workload: Json) -> str:
    from .._explain.applied import why_unready  # only where something does not get ready

    return why_unready(client, workload)


def _is_of_mesh(document: t.Any) -> bool:
    """Whether an object may be without effect in the mesh. Whatever is no object is judged where it is applied."""
    if not isinstance(document, dict):
        return False
    return ".istio.io/" in str(document.get("apiVersion")) or document.get("kind") == "Service"


def _load_effects() -> None:
    """Import what finds objects without effect, while this process mostly waits for the API server."""
    importlib.import_module(".._explain.applied", __package__)


class Runner:
    """What a module applies and verifies, gathered in its result."""

    def __init__(self, module: QuietModule, result: Json) -> None:
        self.module = module
        self.on_change = module.recorder()
        self.params = module.params
        self.result: Json = {name: list(value) if isinstance(value, list) else value for name, value in result.items()}
        self._verifications: list[Verification] = []
        self._unproven: list[str] = []
        self._held = contextlib.ExitStack()
        self.only_verifies = False
        """Whether nothing is applied: the rights that a refused request lacked are then those of checks."""
        self.noting: t.Callable[[Notes], None] | None = None
        """What notes for the board how the run has ended, where it is about the stage of a namespace."""

    @functools.cached_property
    def client(self) -> Client:
        """The connection that the options describe. Raises ApiError."""
        return connect(self.params)

    @functools.cached_property
    def progress(self) -> Progress:
        """Where the module tells what it is doing; silent where it has no option ``progress``."""
        from .._workshop.progress import Progress  # two modules have it

        return Progress(self.params.get("progress"))

    @property
    def check_mode(self) -> bool:
        """Whether nothing may be changed."""
        return bool(self.module.check_mode)

    def refuse_idle(self, rules: t.Iterable[Idle]) -> None:
        """Raises DocumentError for an option that is given and has no effect."""
        fault = idle_fault(self.params, rules, self.module.argument_spec)
        if fault:
            raise DocumentError(fault)

    def require_rights(self, namespace: str) -> None:
        """Raise LabError where the user may not do all that a lab or a reset does in this namespace."""
        from .._workshop.rights import NEEDED, check_rights

        check_rights(self.client, namespace, NEEDED)

    def hold(self, namespace: str, purpose: str, notes: Notes | None = None) -> Lease:
        """Hold a workshop namespace's lease until the module ends. ``notes`` are written when it is taken.

        Ends the module where somebody else still holds it when the wait is over.
        """
        from .._workshop.errors import LabError
        from .._workshop.lease import hold

        wait = float(self.params["wait_timeout"])
        held = hold(self.client, namespace, purpose, notes, timeout=wait, tell=self.progress.say)
        try:
            lease = self._held.enter_context(held)
        except LabError as error:
            self.fail(str(error))
        self._held.enter_context(last_words(lease.release))
        return lease

    def hold_if_there(self, namespace: str, purpose: str) -> None:
        """Hold a namespace's lease while it is changed; one that is absent or terminating needs none."""
        if self.check_mode:
            return
        found = self.client.get("v1", "Namespace", namespace)
        if found is not None and "deletionTimestamp" not in found["metadata"]:
            self.hold(namespace, purpose)

    # -- applying ---------------------------------------------------------

    def options(self, **given: t.Any) -> ApplyOptions:
        """How to apply, by the module's options and what is given."""
        params = self.params
        known: Json = {
            "check": self.check_mode,
            "diff": bool(self.module._diff),
            "force": params.get("force", False),
            "wait": params.get("wait", True),
            "wait_timeout": float(params["wait_timeout"]),
            "explain": _why_unready,
            "on_change": self.on_change,
        }
        return ApplyOptions(**{**known, **given})

    def apply(
        self,
        documents: t.Sequence[Json],
        options: ApplyOptions,
        *,
        told: t.Callable[[list[Json]], list[Json]] = list,
        failure: str = "{}",
    ) -> Report:
        """Apply a set and add what was done to the result. Ends the module if any of it fails.

        ``told`` adds what only the caller knows to the results, ``failure`` is the sentence around a failure's message.
        """
        if any(map(_is_of_mesh, documents)):
            threading.Thread(target=_load_effects, daemon=True).start()
        report = self._take_up(documents, options, told)
        if report.failed:
            self.fail(failure.format(report.message))
        self._warn_of_no_effect(report, options)
        self.say(report.message)
        return report

    def attempt(
        self, documents: t.Sequence[Json], options: ApplyOptions, *, told: t.Callable[[list[Json]], list[Json]] = list
    ) -> str:
        """Apply a set, or remove it; what came of it is in the result. Returns what failed, empty where nothing did.

        This is for what goes on with its other sets all the same, and says then that something of them failed.
        """
        report = self._take_up(documents, options, told)
        return report.message if report.failed else ""

    def would_change(self, documents: t.Sequence[Json], options: ApplyOptions) -> bool:
        """Whether to apply a set would change something; also where that cannot be told."""
        report = apply_set(self.client, documents, dataclasses.replace(options, check=True, diff=False))
        return report.changed or report.failed

    def _take_up(
        self, documents: t.Sequence[Json], options: ApplyOptions, told: t.Callable[[list[Json]], list[Json]]
    ) -> Report:
        report = apply_set(self.client, documents, options)
        self.take(report, told(report.results))
        return report

    def _warn_of_no_effect(self, report: Report, options: ApplyOptions) -> None:
        """Say what of a set can have no effect, as it is now or, in check mode, as it would be."""
        if not any(map(_is_of_mesh, report.objects)):
            return
        from .._explain.applied import Applied, idle_effects, warnings_of  # nothing to load for what is not the mesh's

        removed = frozenset(
            (one["kind"], one["namespace"], one["name"]) for one in report.results if one["action"] == "deleted"
        )
        applied = Applied(tuple(report.objects), removed, settled=options.wait and not options.check)
        for warning in warnings_of(idle_effects(self.client, applied)):
            self.module.warn(warning)

    def take(self, report: Report, results: list[Json]) -> None:
        """Add what an apply has come to."""
        result = self.result
        marked = any("written_by" in one or "labels_dropped" in one for one in results)
        result["changed"] = result["changed"] or report.changed or marked
        result["results"] = [*result["results"], *results]
        if self.module._diff:
            result["diff"] = [*result.get("diff", []), *report.diff]
        for warning in report.warnings:
            self.module.warn(warning)
        if report.unproven:
            self._unproven.append(report.unproven)
        if "progress" in self.params:
            self.progress.applied(results)

    def put_back(self, report: Report, options: ApplyOptions, why: str) -> t.NoReturn:
        """Undo an atomic set whose verification has failed, and end the module."""
        report.message = why
        put_back_all(self.client, report, timeout=options.wait_timeout)
        self.result["changed"] = report.changed
        if not report.changed:
            self.result.pop("diff", None)
        self.fail(report.message)

    # -- verifying --------------------------------------------------------

    def hide_secrets(self, checks: t.Sequence[t.Any] | None) -> None:
        """Show nowhere what these checks hold that is secret: not in a result, and not in an error."""
        if checks:
            from .._verify import secrets_of

            self.module.no_log_values.update(secrets_of(checks))

    def read_checks(self, given: t.Sequence[t.Any], *, namespace: str | None) -> Verification:
        """The checks as they were given, parsed. Raises CheckError, before anything is applied."""
        verification = Verification(self, given, namespace)
        self._verifications.append(verification)
        return verification

    def apply_and_verify(
        self, documents: t.Callable[[], list[Json]], options: ApplyOptions, verification: Verification | None
    ) -> None:
        """Apply a set and prove it. Where a check of an atomic set fails, the set is put back."""
        desired = documents()
        if verification is not None and not options.check:
            verification.begin()
        report = self.apply(desired, options)
        if verification is None:
            return
        if options.check:
            verification.skip()
            return
        try:
            outcome = verification.run()
        except Exception as error:  # whatever ends it, nothing of an atomic set stays without its verdict
            if options.atomic and isinstance(error, (ApiError, CheckError)):
                self.put_back(report, options, str(error))
            if options.atomic:
                put_back_all(self.client, report, timeout=options.wait_timeout)
            raise
        if not outcome.passed and options.atomic:
            self.put_back(report, options, outcome.message)
        self.judge(outcome)

    def proven(self) -> None:
        """Traffic has shown that the proxies have what was applied, so nobody need ask istiod about it."""
        self._unproven.clear()

    def warn_of_unproven(self) -> None:
        """Say where it is not known whether the proxies have what was applied."""
        for warning in dict.fromkeys(self._unproven):
            self.module.warn(warning)

    def judge(self, outcome: Outcome) -> None:
        """End the module where a check has failed."""
        if not outcome.passed:
            self.fail(outcome.message, refused=outcome.refused)

    # -- telling ----------------------------------------------------------

    def say(self, text: str) -> None:
        """Add a sentence to the result's message."""
        self.result["message"] = f"{self.result['message']} {text}".strip()

    def note(self, notes: Notes) -> None:
        """Note for the board what the run has come to, where that is of interest there."""
        if self.noting is not None:
            self.noting(notes)

    def fail(self, message: str, *, refused: bool = False, brief: str = "") -> t.NoReturn:
        """End the module with an error, and with what was done until now.

        Where the API server has ``refused`` a request of a check, all rights for checks that are missing are named.
        ``brief`` is what is noted for the board, by default the first reason.
        """
        if self.noting is not None and not (refused and self.only_verifies):
            from .._workshop.verdict import failed, now, sentence_of

            said = sentence_of(brief or message, () if brief else self.result["checks"])
            self.noting(failed(str(remove_values(said, self.module.no_log_values)), now()))
        if refused:
            from .._workshop.rights import VERIFYING, other_refusals

            namespace = self.params["namespace"] or self.client.settings.namespace or "default"
            message += other_refusals(self.client, namespace, VERIFYING)
        self.warn_of_unproven()
        done = {name: value for name, value in self.result.items() if name != "message"}
        self.module.fail_json(msg=message, **done)

    def close(self) -> None:
        """Stop the streams that still run, and release what is held."""
        for verification in self._verifications:
            verification.stop()
        self._held.close()


class Verification:
    """Some checks on their way: read, begun, run or skipped."""

    def __init__(self, runner: Runner, given: t.Sequence[t.Any], namespace: str | None) -> None:
        from .._verify import parse_checks  # big, and most tasks verify nothing

        self._runner = runner
        runner.hide_secrets(given)
        self.checks = parse_checks(given, namespace, runner.params.get("deadline"))
        self._streams: Streams | None = None

    @property
    def _where(self) -> tuple[str | None, str | None]:
        params = self._runner.params
        return params.get("gateway") or None, params.get("gateway_tls") or None

    def begin(self) -> None:
        """Start the streams among the checks: they are to run while something is applied."""
        from .._verify import start_streams

        self._streams = start_streams(self._runner.client, self.checks, *self._where)

    def run(self, **options: t.Any) -> Outcome:
        """Run the checks, and add the verdicts to the result. ``options`` are those of ``run_checks``."""
        from .._verify import run_checks

        streams, self._streams = self._streams, None
        if "progress" in self._runner.params:
            options["on_result"] = self._runner.progress.verdict
            options["on_waiting"] = self._runner.progress.waiting
        if self._runner.params.get("attendee"):
            options["attendee"] = self._runner.params["attendee"]
        outcome = run_checks(self._runner.client, self.checks, *self._where, streams=streams, **options)
        result = self._runner.result
        result["checks"] = [*result["checks"], *outcome.results]
        result["side_effects"] = [*result["side_effects"], *outcome.side_effects]
        result["table"] = "\n\n".join(filter(None, (result["table"], outcome.table)))
        if outcome.passed:
            self._runner.proven()
            self._runner.say(outcome.message)
        return outcome

    def prove(self, desired: t.Sequence[Json] = ()) -> None:
        """Run the checks; the module ends where one fails. ``desired`` are the documents that they belong to."""
        self._runner.judge(self.run(desired=desired))

    def conclude(self, desired: t.Sequence[Json] = ()) -> None:
        """Prove what was applied, or say in check mode that nothing was proven."""
        if self._runner.check_mode:
            self.skip()
        else:
            self.prove(desired)

    def skip(self) -> None:
        """Say in the result that the checks were not run."""
        skipped = [{"name": one.name, "skipped": True, "passed": None, "reason": "check mode"} for one in self.checks]
        self._runner.result["checks"] = [*self._runner.result["checks"], *skipped]
        count = len(skipped)
        self._runner.say(f"{count} {'check is' if count == 1 else 'checks are'} skipped in check mode.")

    def stop(self) -> None:
        """End the streams where nobody has run the checks."""
        if self._streams is not None:
            self._streams.stop()
            self._streams = None
