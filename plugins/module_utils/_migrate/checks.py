# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of Mixer for denier and listchecker become AuthorizationPolicies that deny."""

from __future__ import annotations

from .denials import Denial
from .expressions import alternatives
from .facts import Facts
from .lost import told
from .mixer import ADAPTERS, SUCCESSORS, TEMPLATES, Mixer, Part, Rule
from .model import Json, Missing, Options, Refused

_API = "security.istio.io/v1"


def convert(mixer: Mixer, facts: Facts, options: Options) -> None:
    """Turns rules for denier and listchecker into AuthorizationPolicies; what no rule uses is named."""
    used: dict[int, list[Rule]] = {}
    for rule in mixer.rules:
        if rule.doc.refusal or rule.doc.handled:
            continue
        try:
            _checks(rule, facts, options, used)
        except Refused as why:
            rule.doc.refuse(why)
            for action in rule.actions:
                for part in [action.handler, *action.instances]:
                    if part is not None:
                        used.setdefault(id(part.doc), []).append(rule)
    for part in [*mixer.handlers, *mixer.instances]:
        if part.doc.family == "quota" or part.doc.handled or part.doc.refusal:
            continue
        rules = used.get(id(part.doc), [])
        good = [rule for rule in rules if not rule.doc.refusal]
        if good:
            part.doc.handled = True
            for rule in good:
                part.doc.moved_to += [f"AuthorizationPolicy {out['metadata']['name']}" for out in rule.doc.outputs]
        elif rules:
            part.doc.refuse(Refused(f"the rule {rules[0].doc.name} that uses it is refused."))
        else:
            part.doc.handled = True
            part.doc.differ("No rule in the input uses it, so it did nothing; nothing is written.")


def _checks(rule: Rule, facts: Facts, options: Options, used: dict[int, list[Rule]]) -> None:
    if not rule.actions:
        rule.doc.handled = True
        rule.doc.differ("The rule has no actions, so it did nothing; nothing is written.")
        return
    checks: list[tuple[Part, Part | None]] = []
    for index, action in enumerate(rule.actions):
        field = f"spec.actions[{index}]"
        if action.handler is None:
            raise _without_handler(rule, action.named, f"{field}.handler")
        for part in [action.handler, *action.instances]:
            used.setdefault(id(part.doc), []).append(rule)
        if action.handler.kind in ("memquota", "redisquota"):
            raise Refused(
                f"{field}: quotas beside other actions; give them a rule of their own.", field, rule.doc.spec().place
            )
        if len(action.instances) != len(action.instance_names) and action.handler.kind == "listchecker":
            words = [word for name in action.instance_names for word in name.split(".")]
            refused = rule.lost.find((*TEMPLATES, "instance"), words)
            if refused:
                raise Refused(f"the {told(refused)}; correct it first.", field, rule.place)
            raise Missing(f"{field} names an instance that is not in the input; add its document.", field, rule.place)
        checks += [(action.handler, item) for item in action.instances]
        if not action.instances:
            checks.append((action.handler, None))
    rules: dict[tuple[str, tuple[tuple[str, str], ...]], list[Json]] = {}
    for tests in alternatives(rule.match, "spec.match", rule.place):
        for handler, instance in checks:
            scope = Denial(rule, facts, options)
            for test in tests:
                scope.add(test)
            scope.add_check(handler, instance)
            rules.setdefault((scope.namespace, tuple(sorted(scope.labels.items()))), []).append(scope.rule())
    rule.doc.handled = True
    if not rules:
        rule.doc.differ(
            "The rule's match never holds, so it did nothing; nothing is written.", "spec.match", rule.place
        )
    for number, ((namespace, labels), written) in enumerate(rules.items()):
        spec: Json = {"selector": {"matchLabels": dict(labels)}} if labels else {}
        spec |= {"action": "DENY", "rules": written}
        name = rule.doc.name if not number else f"{rule.doc.name}-{number}"
        rule.doc.emit(_API, "AuthorizationPolicy", name, namespace, spec)


def _without_handler(rule: Rule, named: str, field: str) -> Refused:
    """Why there is no handler for an action."""
    place = rule.doc.spec().place
    refused = rule.lost.find((*ADAPTERS, "handler"), named.split("."))
    if refused:
        return Refused(f"the {told(refused)}; correct it first.", field, place)
    gone = rule.gone.get(named.partition(".")[0])
    reason = f"the rule feeds {gone}" if gone else _telemetry(named)
    if reason:
        return Refused(reason, field, place)
    return Missing(
        f"the handler {named} is not in the input, or neither limits nor denies; add its document.", field, place
    )


def _telemetry(named: str) -> str:
    for word in named.split("."):
        if word in SUCCESSORS:
            return f"the rule feeds {word}, which is gone: {SUCCESSORS[word]}"
    return ""
