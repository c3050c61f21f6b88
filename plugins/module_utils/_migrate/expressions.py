# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mixer's expressions: attributes, `|` for a default, comparisons, `&&`, `||`, and a few functions.

The language is documented in Istio 1.4's reference (`expression-language`, `attribute-vocabulary`).
"""

from __future__ import annotations

import dataclasses
import itertools
import re

from .model import Place, Refused

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<op>&&|\|\||==|!=|<=|>=|[<>|()\[\],!.])"""
    r"""|(?P<name>\$?[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*))"""
)
_MAX_TERMS = 64
_MAX_LENGTH = 10_000
_MAX_DEPTH = 50
_METHODS = ("startsWith", "endsWith", "matches")
HEADERS = {"request.useragent": "user-agent", "request.referer": "referer"}
"""The headers that attributes of their own stand for."""


@dataclasses.dataclass(frozen=True)
class Attribute:
    """An attribute, such as `source.labels` with the key `app`."""

    name: str
    key: str = ""

    def __str__(self) -> str:
        return f'{self.name}["{self.key}"]' if self.key else self.name


@dataclasses.dataclass(frozen=True)
class Value:
    """What an expression stands for: the first of these attributes that is there, else the default."""

    attributes: tuple[Attribute, ...] = ()
    default: str | None = None


@dataclasses.dataclass(frozen=True)
class Test:
    """One comparison. `how` is equals, prefix or suffix, or never for the constant false."""

    value: Value
    text: str
    how: str = "equals"
    negated: bool = False

    def holds(self, value: str) -> bool:
        """Whether a value passes, be it the attribute's or the default."""
        same = {"prefix": value.startswith(self.text), "suffix": value.endswith(self.text)}
        return same.get(self.how, value == self.text) != self.negated

    @property
    def attribute(self) -> Attribute:
        """The only attribute that it looks at.

        :raises Refused: if it looks at others where the first is missing
        """
        attribute, *others = self.value.attributes
        if others:
            raise Refused(f"{attribute} | {others[0]}: which of several attributes is there cannot be asked for.")
        return attribute


def value_of(text: str, field: str, place: Place) -> Value:
    """The value that an expression stands for.

    :raises Refused: if it is another kind of expression
    """
    parser = _Parser(text, field, place)
    value = parser.value()
    parser.end()
    return value


def alternatives(text: str, field: str, place: Place) -> list[list[Test]]:
    """A condition as alternatives, each a list of tests that must all hold; an empty condition always holds.

    :raises Refused: if it says what tests cannot
    """
    if not text.strip() or text.strip() == "true":
        return [[]]
    parser = _Parser(text, field, place)
    found = parser.either()
    parser.end()
    return [tests for tests in found if not any(test.how == "never" for test in tests)]


class _Parser:
    def __init__(self, text: str, field: str, place: Place) -> None:
        self._text = text
        self._field = field
        self._place = place
        if len(text) > _MAX_LENGTH:
            raise Refused(f"{field} is longer than {_MAX_LENGTH} characters.", field, place)
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._fault(f"cannot be read at {text[position : position + 20]!r}")
            self._tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
            position = match.end()
        self._next = 0
        self._depth = 0

    def _fault(self, why: str) -> Refused:
        return Refused(f"{self._field}: the expression {self._text.strip()!r} {why}.", self._field, self._place)

    def _peek(self) -> str:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else ""

    def _take(self, wanted: str = "") -> tuple[str, str]:
        if self._next >= len(self._tokens) or (wanted and self._peek() != wanted):
            raise self._fault(f"lacks {wanted or 'an end'}")
        self._next += 1
        return self._tokens[self._next - 1]

    def end(self) -> None:
        if self._next < len(self._tokens):
            raise self._fault(f"continues with {self._peek()!r} where nothing is expected")

    def either(self) -> list[list[Test]]:
        found = self._both()
        while self._peek() == "||":
            self._take()
            found = found + self._both()
        if len(found) > _MAX_TERMS:
            raise self._fault(f"has more than {_MAX_TERMS} alternatives")
        return found

    def _both(self) -> list[list[Test]]:
        found = self._one()
        while self._peek() == "&&":
            self._take()
            other = self._one()
            if len(found) * len(other) > _MAX_TERMS:
                raise self._fault(f"has more than {_MAX_TERMS} alternatives")
            found = [one + two for one, two in itertools.product(found, other)]
        return found

    def _one(self) -> list[list[Test]]:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._fault("is nested too deep")
        try:
            if self._peek() == "!":
                self._take()
                return self._negate(self._one())
            start = self._next
            if self._peek() == "(":
                # Brackets hold a condition, or a value with its default.
                try:
                    self._take("(")
                    found = self.either()
                    self._take(")")
                    if self._peek() in ("==", "!="):
                        operator = self._take()[1]
                        return self._with_bool(found, operator)
                except Refused:
                    self._next = start
                else:
                    return found
            return self._comparison()
        finally:
            self._depth -= 1

    def _with_bool(self, found: list[list[Test]], operator: str) -> list[list[Test]]:
        kind, text = self._take()
        if kind != "name" or text not in ("true", "false"):
            raise self._fault("compares a condition with something that is not a condition")
        return found if (text == "true") == (operator == "==") else self._negate(found)

    def _negate(self, found: list[list[Test]]) -> list[list[Test]]:
        if any(test.how == "never" for tests in found for test in tests):
            raise self._fault("denies the constant false")
        if len(found) == 1 and len(found[0]) == 1:
            test = found[0][0]
            return [[dataclasses.replace(test, negated=not test.negated)]]
        # Not (a and b) is not a or not b; not (a or b) is not a and not b.
        ways = [[dataclasses.replace(test, negated=not test.negated) for test in tests] for tests in found]
        count = 1
        for way in ways:
            count *= max(1, len(way))
        if count > _MAX_TERMS or not all(ways):
            raise self._fault("denies too much at once")
        return [list(chosen) for chosen in itertools.product(*ways)]

    def _comparison(self) -> list[list[Test]]:
        if self._peek() in ("true", "false"):
            word = self._take()[1]
            return [[]] if word == "true" else [[Test(Value(), "", "never")]]
        if self._peek() == "match":
            return [[self._call_match()]]
        value = self.value()
        name = value.attributes[-1].name.rpartition(".") if value.attributes else ("", "", "")
        if name[2] in _METHODS and self._peek() == "(":
            last = dataclasses.replace(value.attributes[-1], name=name[0])
            return [[self._call_method(Value((*value.attributes[:-1], last), value.default), name[2])]]
        if self._peek() == ".":
            # After a key or a bracket the method stands alone.
            self._take()
            return [[self._call_method(value, self._take()[1])]]
        operator = self._peek()
        if operator not in ("==", "!="):
            if value.attributes and value.attributes[0].name == "connection.mtls":
                return [[Test(Value(value.attributes[:1]), "true")]]
            raise self._fault("is not a comparison with == or !=")
        self._take()
        other = self.value()
        if not value.attributes and other.attributes:
            value, other = other, value
        if other.attributes or other.default is None or not value.attributes:
            raise self._fault("compares two attributes, or two constants")
        return [[Test(value, other.default, "equals", operator == "!=")]]

    def _call_match(self) -> Test:
        self._take("match")
        self._take("(")
        value = self.value()
        self._take(",")
        pattern = self.value().default
        self._take(")")
        if pattern is None or not value.attributes:
            raise self._fault("matches against something that is not a pattern")
        negated = self._bool_after()
        if pattern.endswith("*"):
            return Test(value, pattern[:-1], "prefix", negated)
        if pattern.startswith("*"):
            return Test(value, pattern[1:], "suffix", negated)
        return Test(value, pattern, "equals", negated)

    def _call_method(self, value: Value, method: str) -> Test:
        if method not in _METHODS:
            raise self._fault(f"uses the method {method}")
        self._take("(")
        pattern = self.value().default
        self._take(")")
        if method == "matches":
            raise self._fault("uses a regular expression")
        if pattern is None or not value.attributes:
            raise self._fault("compares two attributes, or two constants")
        return Test(value, pattern, "prefix" if method == "startsWith" else "suffix", self._bool_after())

    def _bool_after(self) -> bool:
        """Whether the condition just read is denied by `== false`."""
        if self._peek() not in ("==", "!="):
            return False
        operator = self._take()[1]
        kind, text = self._take()
        if kind != "name" or text not in ("true", "false"):
            raise self._fault("compares a condition with something that is not a condition")
        return (text == "true") != (operator == "==")

    def value(self) -> Value:
        """Attributes and a default, joined by `|`."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._fault("is nested too deep")
        try:
            return self._value()
        finally:
            self._depth -= 1

    def _value(self) -> Value:
        attributes: list[Attribute] = []
        default: str | None = None
        while True:
            if self._peek() == "(":
                self._take()
                inner = self.value()
                self._take(")")
                attributes += inner.attributes
                default = inner.default
            else:
                kind, text = self._take()
                if kind == "string":
                    default = text[1:-1].replace('\\"', '"')
                elif kind == "number" or (kind == "name" and text in ("true", "false")):
                    default = text
                elif kind == "name" and self._peek() == "(" and text.rpartition(".")[2] not in _METHODS:
                    default = self._constant(text)
                elif kind == "name":
                    attributes.append(self._attribute(text))
                else:
                    raise self._fault(f"has {text!r} where a value is expected")
            if default is not None or self._peek() != "|":
                return Value(tuple(attributes), default)
            self._take()

    def _constant(self, function: str) -> str:
        """`ip("0.0.0.0")` and the like stand for the text in them."""
        if function not in ("ip", "timestamp", "duration", "dnsName", "uri", "email", "emptyStringMap"):
            raise self._fault(f"uses the function {function}")
        self._take("(")
        text = "" if self._peek() == ")" else self.value().default or ""
        self._take(")")
        return text

    def _attribute(self, name: str) -> Attribute:
        if self._peek() != "[":
            return Attribute(name)
        self._take("[")
        key = self.value().default
        self._take("]")
        if key is None:
            raise self._fault("looks up a key that is not text")
        return Attribute(name, key)
