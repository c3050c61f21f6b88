# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes a document's text no more than its new content needs.

Only lines whose content changes are written anew, by ruamel.yaml where they hold comments. It takes milliseconds for a
few lines, and for a whole document as many as all the rest of a conversion together.
"""

from __future__ import annotations

import io
import re
import typing as t

from .model import Json, Map, Refused, plain
from .reader import parse

_QUOTED_OR_COMMENT = re.compile(r"""(?:^|(?<=[\s\[{,]))(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|(?P<comment>#.*))""")
# ruamel.yaml takes a second for some hundred KiB.
_MAX_GRAFTED = 64 * 1024
_LEAD = re.compile(r"(?:- +)*")


class _Edit(t.NamedTuple):
    """Lines, counted from 0, that get another content; all of them stand in one column."""

    start: int
    end: int
    column: int
    content: Json


def edited(body: str, first_line: int, old: Map, new: Json, dump: t.Callable[[t.Any], str]) -> str:
    """The text with another content; empty if that cannot be had by changing some lines.

    :param first_line: the number that the text's first line has in the places of `old`
    :param dump: writes a mapping as YAML
    """
    lines = body.split("\n")
    edits = _changed(lines, first_line, old, new, len(lines))
    if edits is None:
        return ""
    indented = _has_indented_lists(body)
    try:
        for edit in reversed(edits):
            lines[edit.start : edit.end] = _written(lines[edit.start : edit.end], edit, indented, dump)
        text = "\n".join(lines)
        return text if parse(text) == new else ""
    except Refused:
        return ""


def _changed(lines: list[str], first_line: int, old: Map, new: Json, end: int) -> list[_Edit] | None:
    """The edits that make a mapping another one, in their order; None if its lines cannot be changed one by one.

    :param end: the line before which the mapping ends
    """
    starts = [old.at[key][0] - first_line for key in old]
    column = old.place[1] - 1
    if not new or not starts or not _is_block(lines, starts, column, end):
        return None
    keys, wanted = list(old), list(new)
    ends = [*starts[1:], end]
    if keys == wanted:
        edits: list[_Edit] = []
        for key, start, stop in zip(keys, starts, ends, strict=True):
            if old[key] == new[key]:
                continue
            inner = _inner(lines, first_line, old[key], new[key], stop)
            edits += [_Edit(start, _trimmed(lines, start, stop), column, {key: new[key]})] if inner is None else inner
        return edits
    same = 0
    while same < min(len(keys), len(wanted)) and _alike(old, new, keys[same], wanted[same]):
        same += 1
    tail = 0
    while tail < min(len(keys), len(wanted)) - same and _alike(old, new, keys[-1 - tail], wanted[-1 - tail]):
        tail += 1
    # Where nothing is there to be replaced, or nothing takes its place, a neighbour is written anew with it.
    while same and (same + tail >= len(keys) or same + tail >= len(wanted)):
        same -= 1
    while tail and (same + tail >= len(keys) or same + tail >= len(wanted)):
        tail -= 1
    last = len(keys) - tail
    content = {key: new[key] for key in wanted[same : len(wanted) - tail]}
    return [_Edit(starts[same], _trimmed(lines, starts[same], ends[last - 1]), column, content)]


def _inner(lines: list[str], first_line: int, old: t.Any, new: t.Any, end: int) -> list[_Edit] | None:
    """The edits within a value; None if it must be written anew as a whole."""
    if isinstance(old, Map) and isinstance(new, dict):
        return _changed(lines, first_line, old, new, end)
    if not isinstance(old, list) or not isinstance(new, list) or len(old) != len(new):
        return None
    edits: list[_Edit] = []
    stops = [*(item.place[0] - first_line for item in old[1:] if isinstance(item, Map)), end]
    if len(stops) != len(old):
        return None
    for before, after, stop in zip(old, new, stops, strict=True):
        if before != after:
            inner = _inner(lines, first_line, before, after, stop)
            if inner is None:
                return None
            edits += inner
    return edits


def _alike(old: Map, new: Json, key: str, other: str) -> bool:
    return key == other and bool(old[key] == new[key]) and isinstance(old[key], bool) == isinstance(new[key], bool)


def _is_block(lines: list[str], starts: list[int], column: int, end: int) -> bool:
    """Whether each key begins a line in this column; the first may stand behind the dashes of a list."""
    if sorted(set(starts)) != starts or starts[0] < 0 or starts[-1] >= min(end, len(lines)):
        return False
    if not _LEAD.fullmatch(lines[starts[0]][:column].lstrip(" ")) or lines[starts[0]][column : column + 1] in "{?":
        return False
    return all(not lines[start][:column].strip() and lines[start][column : column + 1].strip() for start in starts[1:])


def _trimmed(lines: list[str], start: int, end: int) -> int:
    """The end without blank lines and comments, which belong to what follows."""
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return end


def _written(lines: list[str], edit: _Edit, indented: bool, dump: t.Callable[[t.Any], str]) -> list[str]:
    """The lines of an edit, with all comments of those that they take the place of."""
    lead = lines[0][: edit.column]
    inner = [lines[0][edit.column :], *(_without_margin(line, edit.column) for line in lines[1:])]
    comments = [text for line in inner if (text := comment_in(line))]
    written = ""
    if comments and comments != [comment_in(inner[0])]:
        written = _grafted("\n".join(inner).replace("\r", "") + "\n", edit.content, indented)
    new = (written or dump(edit.content)).rstrip("\n").split("\n")
    kept = {comment_in(line) for line in new}
    lost = [text for text in comments if text not in kept]
    if lost and comment_in(inner[0]) == lost[0] and not comment_in(new[0]):
        new[0] += f"  {lost.pop(0)}"
    ending = "\r" if lines[0].endswith("\r") else ""
    margin = " " * edit.column
    out = [f"{margin}{line}{ending}" if line else ending for line in new]
    return [*(f"{margin}{text}{ending}" for text in lost), lead + out[0][edit.column :], *out[1:]]


def _without_margin(line: str, column: int) -> str:
    return line[column:] if not line[:column].strip() else line.lstrip()


def comment_in(line: str) -> str:
    """The comment that ends a line; empty if there is none."""
    for match in _QUOTED_OR_COMMENT.finditer(line):
        if match["comment"]:
            return str(match["comment"]).rstrip()
    return ""


def _has_indented_lists(body: str) -> bool:
    """Whether the items of a list stand deeper than its key."""
    key = -1
    for line in body.split("\n"):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        column = len(line) - len(line.lstrip(" "))
        if content.startswith("- "):
            if key >= 0:
                return column > key
            continue
        key = column if content.partition(" #")[0].rstrip().endswith(":") else -1
    return False


def _grafted(text: str, new: Json, indented: bool) -> str:
    """A mapping's text with another content and its comments; empty if ruamel.yaml does not take it."""
    if len(text) > _MAX_GRAFTED:
        return ""
    from ruamel.yaml import YAML  # slow to import, and only for comments in lines that are rewritten
    from ruamel.yaml.error import YAMLError

    rt = YAML()
    rt.preserve_quotes = True
    rt.width = 4096
    if indented:
        rt.indent(mapping=2, sequence=4, offset=2)
    try:
        tree = rt.load(text)
        _graft(tree, plain(new))
        buffer = io.StringIO()
        rt.dump(tree, buffer)
        return buffer.getvalue()
    except (YAMLError, TypeError, ValueError, AttributeError):
        return ""


def _graft(tree: t.Any, new: Json) -> None:
    """Makes a ruamel mapping say the same as another one, changing no more than is needed."""
    gone = [key for key in tree if key not in new]
    come = [key for key in new if key not in tree]
    if len(gone) == len(come) == 1 and isinstance(tree[gone[0]], (dict, list)):
        # A value under another name keeps its comments.
        position = list(tree).index(gone[0])
        tree.insert(position, come[0], tree.pop(gone[0]))
        gone = []
    for key in gone:
        del tree[key]
    for position, (key, value) in enumerate(new.items()):
        if key not in tree:
            tree.insert(position, key, value)
        elif isinstance(value, dict) and isinstance(tree[key], dict):
            _graft(tree[key], value)
        elif isinstance(value, list) and isinstance(tree[key], list):
            _graft_list(tree[key], value)
        elif tree[key] != value or isinstance(value, bool):
            tree[key] = value


def _graft_list(tree: t.Any, new: list[t.Any]) -> None:
    del tree[len(new) :]
    for index, value in enumerate(new):
        if index >= len(tree):
            tree.append(value)
        elif isinstance(value, dict) and isinstance(tree[index], dict):
            _graft(tree[index], value)
        elif isinstance(value, list) and isinstance(tree[index], list):
            _graft_list(tree[index], value)
        elif tree[index] != value:
            tree[index] = value
