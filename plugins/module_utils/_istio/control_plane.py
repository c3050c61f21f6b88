# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control plane as documents: what istioctl renders, made fit for server-side apply, and what a mesh lacks.

Everything but ``render`` and ``istioctl_version`` is pure. Nothing here talks to a cluster.
"""

from __future__ import annotations

import json
import re
import subprocess
import typing as t

from .._kube.labels import MANAGED
from .._kube.values import kind_of
from .durations import parse_duration

ISTIO_NAMESPACE = "istio-system"

# istiod writes the CA bundle into its webhooks and turns the validating one from Ignore to Fail once it can answer
# (pilot/pkg/.../webhooks in istio/istio). Applying these fields would take them back at every run.
_FIELDS_OF_ISTIOD = ("caBundle",)


# At its port without encryption, 15010, istiod tells its configuration to anybody. Here only its own pod reaches that
# port; with no address at all the same is served at port 8080 (pilot/pkg/bootstrap/server.go in istio/istio).
# istioctl takes arguments of containers for objects (values_types.proto), so they are not among the validated values.
_CLOSED = {"pilot": {"extraContainerArgs": ["--grpcAddr=127.0.0.1:15010"]}}


class IstioError(Exception):
    """One sentence for people: what could not be rendered or used, why, and what to do."""


def operator_document(
    *,
    profile: str,
    hub: str,
    tag: str,
    values: dict[str, t.Any],
    mesh_config: dict[str, t.Any],
    openshift: bool = False,
) -> dict[str, t.Any]:
    """The IstioOperator document that istioctl renders from its embedded charts and profiles.

    On OpenShift the profile of that name brings the CNI plugin, since no pod there may set up its own redirection, and
    ``global.platform`` leaves out the users that OpenShift chooses itself (manifests/profiles/openshift.yaml and
    manifests/helm-profiles/platform-openshift.yaml in istio/istio). Raises IstioError where ``global`` is not
    an object.
    """
    if openshift:
        profile = "openshift" if profile == "default" else profile
        own = values.get("global") or {}
        if not isinstance(own, dict):
            raise IstioError(f"values: global is {kind_of(own)}; it must be an object.")
        values = {**values, "global": {"platform": "openshift", **own}}
    spec: dict[str, t.Any] = {
        "profile": profile,
        "values": values,
        "unvalidatedValues": _CLOSED,
        "meshConfig": mesh_config,
    }
    if hub:
        spec["hub"] = hub
    if tag:
        spec["tag"] = tag
    return {"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "spec": spec}


def istioctl_version(istioctl: str, timeout: float = 60) -> str:
    """The version that an istioctl says it is of. Raises IstioError where it tells none."""
    asked = [istioctl, "version", "--remote=false", "-o", "json"]
    try:
        run = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False)
        said = " ".join(run.stderr.decode(errors="replace").split())[-300:]
        if run.returncode == 0:
            return str(json.loads(run.stdout)["clientVersion"]["version"])
    except OSError as error:
        raise IstioError(_not_run(istioctl, error)) from error
    except subprocess.TimeoutExpired:
        said = f"no answer within {timeout:.0f} s"
    except (ValueError, KeyError, TypeError, RecursionError):
        said = "it prints something else"
    raise IstioError(f"{istioctl} does not report a version ({said}), so it may not be istioctl: set istio_istioctl.")


def _not_run(istioctl: str, error: OSError) -> str:
    return f"istioctl at {istioctl} cannot be run ({error.strerror}): set istio_istioctl."


def render(istioctl: str, operator: dict[str, t.Any], timeout: float = 60) -> str:
    """Render the control plane offline; returns multi-document YAML.

    Raises IstioError when istioctl cannot be run or refuses the operator document.
    """
    try:
        run = subprocess.run(
            [istioctl, "manifest", "generate", "-f", "-"],
            input=json.dumps(operator).encode(),
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except OSError as error:
        raise IstioError(_not_run(istioctl, error)) from error
    except subprocess.TimeoutExpired as error:
        raise IstioError(f"istioctl rendered no manifests within {timeout:.0f} s.") from error
    if run.returncode != 0:
        lines = [line for line in run.stderr.decode(errors="replace").splitlines() if line.strip()]
        reason = re.sub(r"^Error:\s*", "", lines[-1]) if lines else f"exit code {run.returncode}"
        raise IstioError(
            f"istioctl refuses the settings of the control plane: {reason}. See istio_profile, istio_values."
        )
    return run.stdout.decode(errors="replace")


def applicable(documents: t.Iterable[dict[str, t.Any] | None]) -> list[dict[str, t.Any]]:
    """The documents to apply: without empty ones and without the webhook fields that istiod itself maintains."""
    result: list[dict[str, t.Any]] = []
    for document in documents:
        if not document:
            continue
        if document.get("kind") in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
            document = json.loads(json.dumps(document))
            for webhook in document.get("webhooks", []):
                for field in _FIELDS_OF_ISTIOD:
                    webhook.get("clientConfig", {}).pop(field, None)
                if document["kind"] == "ValidatingWebhookConfiguration":
                    webhook.pop("failurePolicy", None)
        result.append(document)
    return result


def namespace_document(name: str) -> dict[str, t.Any]:
    """The control plane's namespace, marked as ours."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {MANAGED: "true"}},
    }


def is_ours(deployment: dict[str, t.Any], field_manager: str) -> bool:
    """Whether a control plane's Deployment was applied by this collection."""
    entries = deployment.get("metadata", {}).get("managedFields") or []
    return any(entry.get("manager") == field_manager and entry.get("operation") == "Apply" for entry in entries)


def version_of(deployment: dict[str, t.Any]) -> str:
    """The version of a running istiod by its image's tag; empty when the image names none."""
    containers = deployment.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])
    for container in containers:
        image = container.get("image", "").split("@")[0]
        name, separator, tag = image.rpartition(":")
        if separator and name and "/" not in tag:
            return str(tag)
    return ""


def lacks(mesh_config: dict[str, t.Any], telemetries: t.Sequence[dict[str, t.Any]], gateways: int) -> list[str]:
    """What a mesh that is there already lacks for some lab, as sentences.

    ``mesh_config`` is the parsed ``mesh`` key of the ConfigMap istio, ``telemetries`` the Telemetry resources of
    the root namespace, ``gateways`` the number of Services labelled istio=ingressgateway.
    """
    missing = []
    if not gateways:
        missing.append(
            "No Service with the label istio=ingressgateway: install an ingress gateway, since every lab uses it."
        )
    if not mesh_config.get("accessLogFile") and not any(
        item.get("spec", {}).get("accessLogging") for item in telemetries
    ):
        missing.append(
            "Access logs are off (meshConfig.accessLogFile): checks of who answered fall back to what the answer says."
        )
    kinds = {key for provider in mesh_config.get("extensionProviders") or [] for key in provider}
    legacy = (mesh_config.get("defaultConfig") or {}).get("tracing")
    if not kinds & {"zipkin", "opentelemetry", "datadog", "skywalking", "lightstep"} and not legacy:
        missing.append("No tracing provider (meshConfig.extensionProviders): the lab tracing needs one.")
    drain = str((mesh_config.get("defaultConfig") or {}).get("drainDuration", "45s"))
    if (parse_duration(drain) or 0.0) > 5:
        missing.append(
            f"Connections drain for {drain} (meshConfig.defaultConfig.drainDuration): "
            "idle ones answer once more under old rules after a policy changes."
        )
    return missing
