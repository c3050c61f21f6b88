# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader of the guides finds every command, and its judge does not take a wrong output for the right one."""

from __future__ import annotations

import pytest
from oracle import guides

GUIDE = """\
# A lab

```bash
ask() {
  curl "$1"; }
```

## `first`

In a class your instructor runs this:

```console
$ ansible-playbook mesh.workshop.lab -e lab=a -e stage=first
```

<!-- resources: first -->
```yaml
kind: Gateway
```
<!-- end -->

```console
$ kubectl logs --tail 1
one
```

<!-- fails -->
```console
$ echo \\
> twice
twice
> not a command
$ false
```

## Questions
"""


def test_every_command_is_found_with_its_line_its_output_whether_it_fails_and_whose_it_is():
    intro, first, questions = guides.read(GUIDE)
    assert intro == guides.Section("", [guides.Step(4, 'ask() {\n  curl "$1"; }')])
    assert first.title == "first"
    assert first.steps == [
        guides.Step(13, "ansible-playbook mesh.workshop.lab -e lab=a -e stage=first", instructor=True),
        guides.Step(23, "kubectl logs --tail 1", "one"),
        guides.Step(29, "echo \\\ntwice", "twice\n> not a command"),
        guides.Step(33, "false", fails=True),
    ]
    assert questions == guides.Section("Questions", [])


def test_each_stage_has_what_stands_before_the_next():
    intro, first, _questions = guides.read(GUIDE)
    assert guides.parts(GUIDE, ["first"]) == {"first": intro.steps + first.steps}
    more = "## `second`\n```bash\ntrue\n```\n## More\n```bash\nfalse\n```\n"
    assert [step.command for step in guides.parts(GUIDE + more, ["first", "second"])["second"]] == ["true", "false"]
    assert guides.parts(GUIDE, ["first", "second"])["second"] == []


APIS = """\
```bash
both() { true; }
```
## `first`
```console
$ ansible-playbook mesh.workshop.lab -e lab=a -e stage=first
```
## `second`
```console
$ ansible-playbook mesh.workshop.lab -e lab=a -e stage=second
```
<!-- lab_api: istio -->
```console
$ kubectl get virtualservices
$ one more
```
<!-- fails -->
<!-- lab_api: gateway -->
```console
$ kubectl get httproutes
$ ansible-playbook mesh.workshop.explain -e url=b
```
## Questions
```bash
both
```
"""


def test_each_api_has_the_commands_that_are_for_it_and_those_for_both():
    istio = guides.parts(APIS, ["first", "second"])
    assert [step.command for step in istio["second"]] == [
        "ansible-playbook mesh.workshop.lab -e lab=a -e stage=second",
        "kubectl get virtualservices",
        "one more",
        "both",
    ]
    gateway = guides.parts(APIS, ["first", "second"], "gateway", ["second"])
    assert list(gateway) == ["second"], "a stage that the API cannot say is left out, and what stands before all is not"
    assert [step.command for step in gateway["second"]] == [
        "both() { true; }",
        "ansible-playbook mesh.workshop.lab -e lab=a -e stage=second -e lab_api=gateway",
        "kubectl get httproutes",
        "ansible-playbook mesh.workshop.explain -e url=b",
        "both",
    ]
    assert [step.fails for step in gateway["second"]] == [False, False, False, True, False]


@pytest.mark.parametrize(
    ("guide", "said"),
    [
        ("```\nkubectl\n```", "line 1: a fence is bash, console or yaml, and this one is neither"),
        ("\n```text\nkubectl\n```", "line 2: a fence is bash, console or yaml, and this one is text"),
        ("```console\nkubectl\n```", r"line 2: a console begins with a command after '\$ '"),
        ("```console\n```", "line 2: a console has a command"),
    ],
)
def test_what_would_not_be_run_is_an_error(guide, said):
    with pytest.raises(guides.GuideError, match=said):
        guides.read(guide)


@pytest.mark.parametrize(
    ("prints", "printed"),
    [
        (None, "anything"),
        ("a", "a\r\n"),
        ("a\nb", "a\r\r\nb\r\r\n"),
        ("a   b", "a b  \n"),
        ("productpage-v1-… 2/2 Running", "productpage-v1-5d7-x2 2/2 Running"),
        ("…", ""),
        ("…", "a\nb\n"),
        ("a\n…\nb", "a\nb"),
        ("a\n…\nb", "a\nx\nb\ny\nb"),
        ("…\n503 …s\n…\n200 …s", "503 0.1s\n503 0.2s\n200 0.1s\n200 0.1s"),
        ("a.c (1)", "a.c (1)"),
    ],
)
def test_what_is_printed_agrees(prints, printed):
    assert guides.agrees(prints, printed)


@pytest.mark.parametrize(
    ("prints", "printed"),
    [
        ("a", "b"),
        ("a", ""),
        ("a", "a\nb"),
        ("a\nb", "b\na"),
        ("a", "xa"),
        ("200 …", "503 0.1s"),
        ("a\n…", "b\na"),
        ("…\n200", "200\n503"),
        ("a\n…\nb\n…\nc", "a\nc\nb"),
        ("a … b", "a x\nb"),
        ("a.c", "abc"),
        ("HTTP/1.1 403 Forbidden\n…", "HTTP/1.1 200 OK\nserver: istio-envoy"),
    ],
)
def test_another_output_does_not(prints, printed):
    assert not guides.agrees(prints, printed)


def test_a_guide_is_adapted_to_an_attendee():
    text = (
        "kubectl get pod -n bookinfo; bookinfo-gateway; reviews.bookinfo.svc; ns/bookinfo/sa/bookinfo-x mybookstore.com"
    )
    assert guides.adapted(text, "ada") == (
        "kubectl get pod -n ada; bookinfo-gateway; reviews.ada.svc; ns/ada/sa/bookinfo-x ada.mybookstore.com"
    )
