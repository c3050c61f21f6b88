# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from .client import FIELD_MANAGER, Client, connect
from .discovery import Resource, service_proxy_path
from .errors import ApiError, ConfigError, InvalidName, conflicting_fields
from .names import api_version_fault, label_value_fault, name_fault, namespace_fault
from .objects import Json, Key, Ref, key_of, ref_of, subject_of
from .options import AUTH_ARG_SPEC, ENVIRONMENT
from .transport import Response

__all__ = [
    "AUTH_ARG_SPEC",
    "ENVIRONMENT",
    "FIELD_MANAGER",
    "ApiError",
    "Client",
    "ConfigError",
    "InvalidName",
    "Json",
    "Key",
    "Ref",
    "Resource",
    "Response",
    "api_version_fault",
    "conflicting_fields",
    "connect",
    "key_of",
    "label_value_fault",
    "name_fault",
    "namespace_fault",
    "ref_of",
    "service_proxy_path",
    "subject_of",
]
