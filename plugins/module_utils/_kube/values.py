# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of kubeconfigs and options, checked where they are read: what does not fit is a ConfigError that names it."""

from __future__ import annotations

import os
import typing as t

from .errors import ConfigError

_KINDS = ((bool, "a boolean"), (dict, "an object"), (list, "a list"), (str, "text"), ((int, float), "a number"))


class Section:
    """One object of a kubeconfig. `where` names it, as in: cluster 'k' of the kubeconfig /home/me/.kube/config."""

    def __init__(self, value: t.Any, where: str) -> None:
        if value is not None and not isinstance(value, dict):
            raise ConfigError(f"{where} is {kind_of(value)} where an object belongs; correct it.")
        self.values: dict[str, t.Any] = value or {}
        self.where = where

    def _refuse(self, key: str, wanted: str, value: t.Any) -> ConfigError:
        return ConfigError(f"{key} of {self.where} is {kind_of(value)} where {wanted} belongs; correct it.")

    def text(self, key: str) -> str:
        """The text under a key; empty where there is none."""
        value = self.values.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._refuse(key, "text", value)
        return encodable(value, f"{key} of {self.where}")

    def flag(self, key: str) -> bool:
        value = self.values.get(key)
        if value is not None and not isinstance(value, bool):
            raise self._refuse(key, "true or false", value)
        return bool(value)

    def section(self, key: str) -> Section:
        return Section(self.values.get(key), f"{key} of {self.where}")

    def items(self, key: str) -> list[t.Any]:
        value = self.values.get(key)
        if value is not None and not isinstance(value, list):
            raise self._refuse(key, "a list", value)
        return value or []

    def texts(self, key: str) -> list[str]:
        found = self.items(key)
        for item in found:
            if not isinstance(item, str):
                raise ConfigError(f"{key} of {self.where} holds {kind_of(item)} where text belongs; correct it.")
        return [encodable(item, f"{key} of {self.where}") for item in found]


def kind_of(value: t.Any) -> str:
    """What sort of value it is, in words: the value itself may be a secret."""
    if value is None:
        return "nothing"
    return next((text for kind, text in _KINDS if isinstance(value, kind)), f"a {type(value).__name__}")


def encodable(text: str, what: str) -> str:
    """The text, if it can be written down in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise ConfigError(f"{what} contains half of a character (a lone surrogate); correct it.") from exc
    return text


def one_line(text: str, what: str) -> str:
    """The text, if it can be the value of an HTTP header. It is not shown: it may be a secret."""
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in encodable(text, what)):
        raise ConfigError(f"{what} contains a line break or another control character; remove it.")
    return text


def checked_token(token: str, what: str) -> str:
    """The token, if its characters are those of a bearer token (RFC 6750). It is never shown."""
    if not token:
        raise ConfigError(f"{what} is empty; give a token or other credentials.")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(
            f"{what} contains a line break, a space or another character that no token has; give the token alone."
        )
    return token


def expanded(path: str) -> str:
    """The path with ~ replaced."""
    try:
        return os.path.expanduser(path)
    except ValueError:  # a character that no path has: opening it says so
        return path


def read_file(path: str, what: str) -> bytes:
    """The file's content. Raises ConfigError, which names it."""
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except OSError as exc:
        raise ConfigError(f"{what} {path} cannot be read ({exc.strerror}); correct the path or its rights.") from exc
    except ValueError as exc:
        raise ConfigError(f"{what} {path!r} has a character that no path can have; correct the path.") from exc
