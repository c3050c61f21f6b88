# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are made to take long: the work grows with their size and no faster, and there is a bound to it."""

from __future__ import annotations

import time
import typing as t

import pytest
from ansible_collections.mesh.workshop.plugins.module_utils._migrate import (
    Options,
    engine,
    migrate,
    rbac_rules,
    reader,
    slips,
)

ROLE = "apiVersion: rbac.istio.io/v1alpha1\nkind: ServiceRole\nmetadata: {name: a}\nspec: {}\n"
ROUTE = (
    "apiVersion: networking.istio.io/v1alpha3\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  hosts: [a]\n"
    "  http:\n  - mirror_percent: 5 # c\n    route: # d\n    - destination: {host: a} # e\n"
)
# What comes before, what is repeated, and what comes after it.
HOSTILE = {
    "opened braces": (ROLE + "# ", "{{", "\n"),
    "opened braces with percent": (ROLE + "# ", "{%", "\n"),
    "braces in what is no YAML": (ROLE + "a: [\n", "{{", "\n"),
    "shifted separators": (ROLE, " ---\napiVersion: v1\n", ""),
    "shifted separators in a row": (ROLE, "  ---\n", ""),
    "blanks": (ROLE + "#", " ", "x\n"),
    "blanks at the start of a line": (ROLE, " ", "x\n"),
    "blanks before dashes": (ROLE, "\t \n", "  ---\n" + ROLE),
    "arrows": (ROLE + "# ", "\u2192", "x\n"),
    "arrows and blanks": (ROLE + "# ", "\u2192 ", "x\n"),
    "lines with arrows": (ROLE, "# \u2192\n", ""),
    "shifted lines": (ROLE, " - a: b\n   c: d\n", ""),
    "doubled keys": (ROLE, "a: b\na: b\n", ""),
    "colons and signs": (ROUTE + "# ", ": #", "\n"),
    "quotes": (ROUTE + "# x", " '\"", "\n"),
    "comments": (ROUTE, "# a\n", ""),
    "comments that get lost": (ROUTE, "    # d\n    - destination: {host: b} # f\n      headers: {}\n", ""),
    "fields in another spelling": (ROUTE, "  - mirror_percent: 5\n    route: [{destination: {host: a}}]\n", ""),
    "an item of a list": (
        "apiVersion: v1\nkind: List\nitems:\n",
        "- " + ROLE.replace("\n", "\n  ").rstrip() + "\n",
        "",
    ),
}


def conversion(name: str, size: int) -> t.Callable[[], None]:
    head, unit, tail = HOSTILE[name]
    text = (head + unit * (size // len(unit)) + tail).encode()

    def run() -> None:
        for file in migrate([("a.yaml", text)], Options()).files:
            file.text()

    return run


def processor_time(run: t.Callable[[], None]) -> float:
    """The least that it takes of several times, which is what no other load adds to."""
    times = []
    for _turn in range(3):
        began = time.thread_time()
        run()
        times.append(time.thread_time() - began)
    return min(times)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_time_grows_with_the_size_and_no_faster(name: str) -> None:
    small, large = (processor_time(conversion(name, size)) for size in (8_000, 64_000))
    # Eight times as much would take sixty-four times as long if each part met each other.
    assert large < 24 * small


def test_roles_that_nobody_binds_are_not_compared_with_each_other() -> None:
    def run(count: int) -> t.Callable[[], None]:
        text = "---\n".join(ROLE.replace("name: a", f"name: a{number}") for number in range(count)).encode()

        def convert() -> None:
            migrate([("a.yaml", text)], Options())

        return convert

    small, large = (processor_time(run(count)) for count in (250, 2000))
    assert large < 24 * small


def test_a_file_has_so_many_values_and_documents_at_most() -> None:
    item = "- a\n"
    documents = "".join(f"a{number}:\n{item * 150_000}---\n" for number in range(4))
    (why,) = migrate([("a.yaml", documents.encode())], Options()).refusals()
    assert f"more than {reader.MAX_FILE_DOCUMENTS} documents or {reader.MAX_FILE_NODES} values; split it" in why
    for text in ("a: b\n---\n" * 5001, "kind: List\nitems:\n" + "- a: b\n" * 5001):
        file = migrate([("a.yaml", text.encode())], Options()).files[0]
        assert "split it" in str(file.refusal)
        assert file.text() is None


def test_mending_has_a_bound_for_the_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def parse(text: str, first_line: int = 1) -> t.Any:
        read.append(len(text))
        return reader.parse(text, first_line)

    monkeypatch.setattr(slips, "parse", parse)
    line = "      - services: ['*']\n     methods: [GET]\n   paths: [a]\n"
    broken = ROLE.replace("spec: {}", "spec:\n  rules:\n" + line * 20) + "---\n"
    result = migrate([("a.yaml", (broken * 300).encode())], Options())
    assert len(result.refusals()) == 300
    # Each broken document is read twice to know what is wrong, however many there are.
    assert sum(read) < slips.MAX_MENDED + 2 * 300 * len(broken)


def roles_for(name: str, services: str) -> str:
    """A role for some services, and its binding."""
    binding = ROLE.replace("kind: ServiceRole", "kind: ServiceRoleBinding").replace("name: a", f"name: {name}-bound")
    return (
        ROLE.replace("name: a", f"name: {name}").replace("spec: {}", f"spec: {{rules: [{{services: {services}}}]}}")
        + "---\n"
        + binding.replace(
            "spec: {}", f"spec: {{subjects: [{{user: x}}], roleRef: {{kind: ServiceRole, name: {name}}}}}"
        )
    )


@pytest.mark.parametrize("text", ["(" * 5000, "!" * 5000, "a[" * 4000, "ip(" * 3000])
def test_a_deep_expression_is_refused(text: str) -> None:
    spec = f"{{match: '{text}', actions: [{{handler: h}}]}}"
    rule = f"apiVersion: config.istio.io/v1alpha2\nkind: rule\nmetadata: {{name: a}}\nspec: {spec}\n"
    handler = "---\napiVersion: config.istio.io/v1alpha2\nkind: denier\nmetadata: {name: h}\nspec: {}\n"
    refusals = migrate([("a.yaml", (rule + handler).encode())], Options()).refusals()
    assert "is nested too deep" in refusals[0]


def test_patterns_of_roles_stand_for_so_many_policies_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rbac_rules.MAX_POLICIES < 20_000
    monkeypatch.setattr(engine, "MAX_POLICIES", 50)
    services = "".join(
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: s{number}}}\nspec: {{selector: {{app: a{number}}}}}\n---\n"
        for number in range(21)
    )
    names = "[" + ", ".join(f"s{number}.default.svc.cluster.local" for number in range(21)) + "]"
    roles = [roles_for("named", names), *(roles_for(f"r{number}", "['s*']") for number in range(3))]
    result = migrate([("a.yaml", (services + "---\n".join(roles)).encode())], Options())
    assert [doc.name for doc in result.docs if doc.refusal] == ["r2", "r2-bound"]
    assert "patterns of this and the roles before it stand for more than" in result.refusals()[0]
