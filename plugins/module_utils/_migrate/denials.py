# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rule of Mixer denied, as the rule of an AuthorizationPolicy that denies."""

from __future__ import annotations

import ipaddress

from .expressions import HEADERS, Test, Value, value_of
from .facts import Facts, Service, service_of
from .mixer import Part, Rule
from .model import Json, Options, Place, Refused, mapping, only, place_of, text_list

# What each request has, and where an AuthorizationPolicy asks for it.
_OPERATIONS = {
    "request.path": "paths",
    "request.url_path": "paths",
    "request.method": "methods",
    "request.host": "hosts",
}
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


def _lacking(name: str, said: str) -> str:
    """What lacks an attribute: all requests have some of them, and TCP has none of these."""
    return f"a connection by TCP, which has no {name}," if name in _OPERATIONS else f"a request without {said}"


def _is_listed(value: str, entries: list[str], kind: str, field: str, place: Place) -> bool:
    if kind != "IP_ADDRESSES":
        return value in entries
    try:
        return any(ipaddress.ip_address(value) in ipaddress.ip_network(entry, strict=False) for entry in entries)
    except ValueError as why:
        raise Refused(f"{why}.", field, place) from why


class Denial:
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
        if service.target_ports():
            self._at_ports(service.target_ports())

    def _at_ports(self, ports: list[str]) -> None:
        """Narrows the rule to those of its ports that are among these."""
        known = self._operation.get("ports", ports)
        both = [one for one in known if one in ports]
        if not both:
            raise self._refuse(f"the port is asked to be {' or '.join(ports)} and {' or '.join(known)}")
        self._operation["ports"] = both

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
            self._at_ports([test.text])
        else:
            raise self._refuse(f"{name} cannot be said in an AuthorizationPolicy; ask for the workload's labels")

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
        if negated and (default is None or not test.holds(default)):
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
        elif name in HEADERS:
            self._when.append({"key": f"request.headers[{HEADERS[name]}]", side: [pattern]})
        elif name in _OPERATIONS and not missing:
            self._ask(name, [pattern], negated=negated)
        elif name == "request.auth.principal":
            word = "notRequestPrincipals" if negated else "requestPrincipals"
            self._restrict(word, [pattern], "request.auth.principal")
        elif name in ("request.auth.claims", "request.auth.raw_claims") and key:
            self._when.append({"key": f"request.auth.claims[{key}]", side: [pattern]})
        elif name == "connection.sni" or name == "connection.requested_server_name":
            self._when.append({"key": "connection.sni", side: [pattern]})
        else:
            raise self._refuse(f"{test.value.attributes[0]} cannot be said in an AuthorizationPolicy")

    def _ask(self, name: str, values: list[str], *, negated: bool) -> None:
        """Narrows the operation by an attribute that each request has."""
        word = f"not{_OPERATIONS[name].capitalize()}" if negated else _OPERATIONS[name]
        if self._operation.get(word, ["*"]) != ["*"]:
            raise self._refuse(f"{name} is asked for twice")
        self._operation[word] = values
        if name == "request.path":
            self._doc.differ("The path is compared without its query string today.", "spec.match", self._place)

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
        elif attribute.name in _OPERATIONS:
            self._ask(attribute.name, values, negated=not denied)
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
