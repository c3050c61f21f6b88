# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server: whom to ask and as whom, requests, watches, commands in pods, names and kinds of objects."""

from __future__ import annotations

import typing as t

from .late import late_attributes

if t.TYPE_CHECKING:
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

# Imported when they are asked for: whoever only reads files has no use for the client, nor for the packages below it.
# In Ansible's own process each file is compiled anew.
__getattr__ = late_attributes(
    __name__,
    {
        **dict.fromkeys(("FIELD_MANAGER", "Client", "connect"), ".client"),
        **dict.fromkeys(("Resource", "service_proxy_path"), ".discovery"),
        **dict.fromkeys(("ApiError", "ConfigError", "InvalidName", "conflicting_fields"), ".errors"),
        **dict.fromkeys(("api_version_fault", "label_value_fault", "name_fault", "namespace_fault"), ".names"),
        **dict.fromkeys(("Json", "Key", "Ref", "key_of", "ref_of", "subject_of"), ".objects"),
        **dict.fromkeys(("AUTH_ARG_SPEC", "ENVIRONMENT"), ".options"),
        "Response": ".transport",
    },
)
