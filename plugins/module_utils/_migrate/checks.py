# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of Mixer for denier and listchecker become AuthorizationPolicies that deny."""

from __future__ import annotations

import ipaddress

from .expressions import Test, Value, alternatives, value_of
from .facts import Facts, Service, service_of
from .lost import told
from .mixer import ADAPTERS, SUCCESSORS, TEMPLATES, Mixer, Part, Rule
from .model import Json, Missing, Options, Place, Refused, mapping, only, place_of, text_list

_API = "security.istio.io/v1"
# Codes of gRPC, and what Mixer answered to requests by HTTP.
_STATUS = {
    0: ("OK", "200"),
    1: ("CANCELLED", "499"),
    2: ("UNKNOWN", "500"),
    3: ("INVALID_ARGUMENT", "400"),
    4: ("DEADLINE_EXCEEDED", "504"),
    5: ("NOT_FOUND", "404"),
    6: ("ALREADY_EXISTS", "409"),
    7: ("PERMISSION_DENIED", "403"),
    8: ("RESOURCE_EXHAUSTED", "429"),
    9: ("FAILED_PRECONDITION", "400"),
    10: ("ABORTED", "409"),
    11: ("OUT_OF_RANGE", "400"),
    12: ("UNIMPLEMENTED", "501"),
    13: ("INTERNAL", "500"),
    14: ("UNAVAILABLE", "503"),
    15: ("DATA_LOSS", "500"),
    16: ("UNAUTHENTICATED", "401"),
}


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
            scope = _Scope(rule, facts, options)
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
        f"the handler {named} is not in the input, or is none that limits or denies; add its document.", field, place
    )


def _telemetry(named: str) -> str:
    for word in named.split("."):
        if word in SUCCESSORS:
            return f"the rule feeds {word}, which is gone: {SUCCESSORS[word]}"
    return ""


def _lacking(name: str, said: str) -> str:
    """What lacks an attribute: all requests have some of them, and TCP has none of these."""
    every = name in ("request.method", "request.path", "request.url_path", "request.host")
    return f"a connection by TCP, which has no {name}," if every else f"a request without {said}"


def _is_listed(value: str, entries: list[str], kind: str, field: str, place: Place) -> bool:
    if kind != "IP_ADDRESSES":
        return value in entries
    try:
        return any(ipaddress.ip_address(value) in ipaddress.ip_network(entry, strict=False) for entry in entries)
    except ValueError as why:
        raise Refused(f"{why}.", field, place) from why


class _Scope:
    """One policy's rule in the making: the workloads that it is about, and what it denies."""

    def __init__(self, rule: Rule, facts: Facts, options: Options) -> None:
        self._doc = rule.doc
        self._place = rule.place
        self._facts = facts
        home = facts.of(rule.doc)
        # Rules of Mixer's own namespace held for the whole mesh.
        self._mesh = home == options.root_namespace
        self._default = options.root_namespace if self._mesh else rule.doc.namespace
        self._home = home
        self._namespaces: set[str] = set()
        self.labels: dict[str, str] = {}
        self._source: Json = {}
        self._operation: Json = {}
        self._when: list[Json] = []
        self._callers: dict[str, str] = {}

    @property
    def namespace(self) -> str:
        return next(iter(self._namespaces), self._default)

    def rule(self) -> Json:
        if self._callers:
            self._restrict(
                "principals", self._facts.accounts(self._callers, "spec.match", self._place), "source.principal"
            )
        out: Json = {}
        if self._source:
            out["from"] = [{"source": self._source}]
        if self._operation:
            out["to"] = [{"operation": self._operation}]
        if self._when:
            out["when"] = self._when
        return out

    def _refuse(self, what: str) -> Refused:
        return Refused(f"spec.match: {what}.", "spec.match", self._place)

    def _restrict(self, target: str, values: list[str], condition: str) -> None:
        if target in self._source:
            name = "notValues" if target.startswith("not") else "values"
            self._when.append({"key": condition, name: values})
        else:
            self._source[target] = values

    def _in_namespace(self, namespace: str) -> None:
        if not self._mesh and namespace != self._home:
            raise self._refuse(f"the rule is in the namespace {self._home} and asks for {namespace}")
        self._namespaces.add(namespace)
        if len(self._namespaces) > 1:
            raise self._refuse("two namespaces are asked for at once")

    def _on(self, service: Service) -> None:
        self._in_namespace(service.namespace)
        for key, value in service.labels.items():
            self._label(key, value)
        if service.target_ports() and "ports" not in self._operation:
            self._operation["ports"] = service.target_ports()

    def _label(self, key: str, value: str) -> None:
        if self.labels.setdefault(key, value) != value:
            raise self._refuse(f"the label {key} is asked to be {value} and {self.labels[key]}")

    def add(self, test: Test) -> None:
        """Narrows the rule by one test.

        :raises Refused: if an AuthorizationPolicy cannot say it
        """
        try:
            attribute = test.attribute
        except Refused as why:
            raise self._refuse(why.reason.rstrip(".")) from why
        name = attribute.name
        default = test.value.default
        missing = test.how == "equals" and test.text == ""
        if default is not None and test.holds(default) and test.negated == missing:
            raise self._refuse(
                f'{_lacking(name, str(attribute))} counts as "{default}" and is denied; an AuthorizationPolicy would '
                "let it through"
            )
        if name == "context.reporter.kind" and (test.text, test.negated) == ("inbound", False):
            return  # an AuthorizationPolicy is only looked at by the callee
        if name == "context.protocol" and not test.negated and test.text in ("http", "grpc"):
            self._operation.setdefault("methods", ["*"])
            return
        if name.startswith("destination."):
            self._add_destination(test, name, attribute.key)
        elif name == "source.labels":
            if test.negated or test.how != "equals" or not test.text:
                raise self._refuse("callers can be told apart by their certificates, not by labels that they lack")
            self._callers[attribute.key] = test.text
            self._doc.differ(
                f"source.labels[{attribute.key}] is the service account of the pods with that label today.",
                "spec.match",
                self._place,
            )
        else:
            self._add_request(test, name, attribute.key)

    def _add_destination(self, test: Test, name: str, key: str) -> None:
        if test.negated or test.how != "equals" or not test.text:
            raise self._refuse(f"{test.value.attributes[0]} must be equal to something; a selector cannot leave out")
        if name == "destination.labels":
            self._label(key, test.text)
        elif name in ("destination.service", "destination.service.host"):
            found = service_of(test.text, self._home)
            if found is None:
                raise self._refuse(f"{test.text} is not the name of a service")
            self._on(self._facts.service(*found, "spec.match", self._place))
        elif name == "destination.service.name":
            namespace = next(iter(self._namespaces), self._home)
            if self._mesh and namespace == self._home:
                named = [s for s in self._facts.services.values() if s.name == test.text and s.selector]
                namespace = named[0].namespace if len(named) == 1 else namespace
            self._on(self._facts.service(namespace, test.text, "spec.match", self._place))
        elif name in ("destination.namespace", "destination.service.namespace", "destination.workload.namespace"):
            self._in_namespace(test.text)
        elif name == "destination.port":
            self._operation["ports"] = [test.text]
        else:
            raise self._refuse(f"{name} cannot be said in an AuthorizationPolicy")

    def _add_request(self, test: Test, name: str, key: str) -> None:
        pattern = {"prefix": f"{test.text}*", "suffix": f"*{test.text}"}.get(test.how, test.text)
        if "*" in test.text:
            raise self._refuse(f"* in {test.text} stood for itself, and would make it a pattern today")
        missing = test.how == "equals" and test.text == ""
        if missing:
            pattern = "*"
        negated = test.negated != missing
        side = "notValues" if negated else "values"
        default = test.value.default
        if test.how != "equals" and not test.text:
            self._doc.differ(
                f"{test.value.attributes[0]} must not be empty today to be compared with a pattern.",
                "spec.match",
                self._place,
            )
        if negated and (default is None or not test.holds(default)) and not (missing and default is None):
            self._doc.differ(
                f"{test.attribute} with another value: {_lacking(name, 'it')} is denied too.",
                "spec.match",
                self._place,
            )
        if name in ("source.user", "source.principal"):
            self._restrict("notPrincipals" if negated else "principals", [pattern], "source.principal")
        elif name == "source.namespace":
            self._restrict("notNamespaces" if negated else "namespaces", [pattern], "source.namespace")
        elif name == "source.ip" and test.how == "equals":
            self._restrict("notIpBlocks" if negated else "ipBlocks", [pattern], "source.ip")
        elif name == "request.headers" and key:
            self._when.append({"key": f"request.headers[{key}]", side: [pattern]})
        elif name in ("request.useragent", "request.referer"):
            header = {"request.useragent": "user-agent", "request.referer": "referer"}[name]
            self._when.append({"key": f"request.headers[{header}]", side: [pattern]})
        elif name in ("request.path", "request.url_path", "request.method", "request.host") and not missing:
            word = {"path": "paths", "url_path": "paths", "method": "methods", "host": "hosts"}[name.partition(".")[2]]
            word = f"not{word.capitalize()}" if negated else word
            if word in self._operation and self._operation[word] != ["*"]:
                raise self._refuse(f"{name} is asked for twice")
            self._operation[word] = [pattern]
            if name == "request.path":
                self._doc.differ("The path is compared without its query string today.", "spec.match", self._place)
        elif name == "request.auth.principal":
            word = "notRequestPrincipals" if negated else "requestPrincipals"
            self._restrict(word, [pattern], "request.auth.principal")
        elif name in ("request.auth.claims", "request.auth.raw_claims") and key:
            self._when.append({"key": f"request.auth.claims[{key}]", side: [pattern]})
        elif name == "connection.sni" or name == "connection.requested_server_name":
            self._when.append({"key": "connection.sni", side: [pattern]})
        else:
            raise self._refuse(f"{test.value.attributes[0]} cannot be said in an AuthorizationPolicy")

    def add_check(self, handler: Part, instance: Part | None) -> None:
        """Adds what the handler denies: all, or what a list has or lacks."""
        if handler.kind == "denier":
            self._denier(handler)
        elif instance is not None:
            self._list(handler, instance)

    def _denier(self, handler: Part) -> None:
        only(handler.params, ("status", "validDuration", "validUseCount", "error"), handler.field)
        status = mapping(handler.params, "status", f"{handler.field}.status")
        only(status, ("code", "message", "details"), f"{handler.field}.status")
        place = place_of(handler.params, "status")
        code = status.get("code", 9)
        number = next((n for n, (name, _answer) in _STATUS.items() if code in (n, str(n), name)), None)
        if number == 0:
            raise Refused(
                f"the handler {handler.name} has the status OK, which denies nothing; remove the rule.",
                f"{handler.field}.status.code",
                (0, 0),
            )
        if number != 7:
            name, answer = _STATUS.get(number or -1, (str(code), "500"))
            said = f"{name} ({answer}{'' if 'code' in status else ', as it names none'})"
            self._doc.differ(
                f"The handler {handler.name} answered with the status {said}; it is 403 today.",
                f"{handler.field}.status.code",
                (0, 0),
            )
        text = status.get("message")
        if text:
            self._doc.differ(
                f'The answer says "RBAC: access denied" instead of "{text}" ({handler.doc.file}, line {place[0]}).',
                f"{handler.field}.status.message",
            )
        else:
            self._doc.note(
                f'The answer says "RBAC: access denied" instead of Mixer\'s own text; {handler.name} has no message.',
                f"{handler.field}.status.message",
            )

    def _list(self, handler: Part, instance: Part) -> None:
        params = handler.params
        known = (
            "overrides",
            "blacklist",
            "entryType",
            "providerUrl",
            "refreshInterval",
            "ttl",
            "cachingInterval",
            "cachingUseCount",
        )
        only(params, known, handler.field)
        if params.get("providerUrl"):
            raise Refused(
                f"the handler {handler.name} fetches its list from {params['providerUrl']}; external authorization can "
                "do that today.",
                f"{handler.field}.providerUrl",
                (0, 0),
            )
        values = text_list(params, "overrides", f"{handler.field}.overrides")
        kind = str(params.get("entryType") or "STRINGS")
        denied = params.get("blacklist") is True
        if kind == "REGEX" or (kind == "CASE_INSENSITIVE_STRINGS" and any(v.lower() != v.upper() for v in values)):
            raise Refused(
                f"the handler {handler.name} compares entries as {kind}; an AuthorizationPolicy "
                "compares text as it is.",
                f"{handler.field}.entryType",
                (0, 0),
            )
        if not values:
            if denied:
                raise Refused(f"the list of the handler {handler.name} is empty, so nothing was denied.", handler.field)
            return
        value: Value = value_of(
            str(instance.params.get("value") or ""), f"{instance.field}.value", place_of(instance.params, "value")
        )
        if not value.attributes:
            raise Refused(f"the instance {instance.name} has no attribute as its value.", f"{instance.field}.value")
        attribute, *others = value.attributes
        field, place = f"{instance.field}.value", place_of(instance.params, "value")
        if others:
            raise Refused(
                f"the instance {instance.name} looks at {others[0]} where {attribute} is missing, which an "
                "AuthorizationPolicy cannot.",
                field,
            )
        if (kind == "IP_ADDRESSES") != (attribute.name == "source.ip"):
            raise Refused(
                f"the handler {handler.name} has {kind}, and the instance {instance.name} looks at {attribute}; an "
                "AuthorizationPolicy compares source.ip alone with addresses.",
                field,
            )
        if denied and value.default is not None and _is_listed(value.default, values, kind, field, place):
            raise Refused(
                f'{_lacking(attribute.name, str(attribute))} counts as "{value.default}" and is denied; an '
                "AuthorizationPolicy would let it through.",
                field,
            )
        side = "values" if denied else "notValues"
        if any("*" in item for item in values):
            raise Refused(
                f"the list of the handler {handler.name} has *, a pattern today.", f"{handler.field}.overrides"
            )
        if attribute.name == "source.ip":
            self._restrict("ipBlocks" if denied else "notIpBlocks", values, "source.ip")
        elif attribute.name in ("source.user", "source.principal"):
            self._restrict("principals" if denied else "notPrincipals", values, "source.principal")
        elif attribute.name == "source.namespace":
            self._restrict("namespaces" if denied else "notNamespaces", values, "source.namespace")
        elif attribute.name == "source.labels":
            accounts: list[str] = []
            for item in values:
                labels = {attribute.key: item}
                accounts += self._facts.accounts(labels, f"{handler.field}.overrides", self._place)
            self._restrict("principals" if denied else "notPrincipals", accounts, "source.principal")
            self._doc.differ(
                f"source.labels[{attribute.key}] is the service account of the pods with that label today.",
                "spec.actions",
                self._place,
            )
        elif attribute.name == "request.headers" and attribute.key:
            self._when.append({"key": f"request.headers[{attribute.key}]", side: values})
        elif attribute.name in ("connection.sni", "connection.requested_server_name"):
            self._when.append({"key": "connection.sni", side: values})
        else:
            raise Refused(
                f"the instance {instance.name} looks at {attribute}, which an AuthorizationPolicy cannot compare.",
                f"{instance.field}.value",
            )
        if not denied:
            self._doc.differ(
                "What is not in the list is answered with 403 (Mixer said 404 or 403); so is what has no such value.",
                "spec.actions",
                self._place,
            )
