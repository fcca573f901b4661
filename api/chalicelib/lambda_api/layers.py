"""The Lambda API's operations on layers."""

import base64
from collections.abc import Mapping
from typing import Any

from chalicelib.functions.layers import LayerVersion, Wanted
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.lambda_api.answers import marker, moment
from chalicelib.lambda_api.functions import NUMBER_MARKER, code, page_asked
from chalicelib.naming import checked_layer_name, layer_of

Asked = Mapping[str, Any]


def publish(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """PublishLayerVersion."""
    wanted = LayerVersion(
        name=_name(functions, tenant, asked["LayerName"]),
        number=0,
        code_sha256="",
        code_bytes=0,
        unpacked_bytes=0,
        description=asked.get("Description", ""),
        license=asked.get("LicenseInfo", ""),
        runtimes=asked.get("CompatibleRuntimes", []),
        architectures=asked.get("CompatibleArchitectures", []),
    )
    version = functions.layers.publish(tenant, wanted, code(functions, tenant, asked["Content"]))
    return _with_content(functions, tenant, version)


def get(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetLayerVersion."""
    name = _name(functions, tenant, asked["LayerName"])
    return _with_content(functions, tenant, functions.layers.get(tenant, name, asked["VersionNumber"]))


def get_by_arn(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetLayerVersionByArn."""
    return _with_content(
        functions, tenant, functions.layers.get(tenant, *layer_of(functions.home, tenant, asked["Arn"]))
    )


def list_all(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """ListLayers: the latest version of each layer, filtered by runtime and architecture where given."""
    found, last = functions.layers.page(tenant, _is_for(asked), *page_asked(asked))
    layers = [
        {
            "LayerName": version.name,
            "LayerArn": functions.home.layer_arn(tenant, version.name),
            "LatestMatchingVersion": _shown(functions, tenant, version),
        }
        for version in found
    ]
    return {"Layers": layers, **marker(last)}


def list_versions(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """ListLayerVersions: newest first."""
    name = _name(functions, tenant, asked["LayerName"])
    found, last = functions.layers.versions(tenant, name, _is_for(asked), *page_asked(asked, NUMBER_MARKER))
    return {
        "LayerVersions": [_shown(functions, tenant, version) for version in found],
        **marker(last),
    }


def delete(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """DeleteLayerVersion."""
    functions.layers.delete(tenant, _name(functions, tenant, asked["LayerName"]), asked["VersionNumber"])
    return {}


def _name(functions: FunctionUseCases, tenant: str, reference: str) -> str:
    """Return the layer's name from a name or an ARN; another tenant's ARN answers as one that does not exist."""
    if not reference.startswith("arn:"):
        return checked_layer_name(reference)
    return layer_of(functions.home, tenant, f"{reference}:1")[0]


def _is_for(asked: Asked) -> Wanted:
    """Return the filter of a listing: versions that declare the runtime and architecture in the request, if any."""
    runtime, architecture = asked.get("CompatibleRuntime"), asked.get("CompatibleArchitecture")
    return lambda one: runtime in (None, *one.runtimes) and architecture in (None, *one.architectures)


def _with_content(functions: FunctionUseCases, tenant: str, version: LayerVersion) -> dict[str, Any]:
    content = {
        "Location": functions.layers.link(version),
        "CodeSha256": base64.b64encode(bytes.fromhex(version.code_sha256)).decode(),
        "CodeSize": version.code_bytes,
    }
    return {
        "LayerArn": functions.home.layer_arn(tenant, version.name),
        "Content": content,
        **_shown(functions, tenant, version),
    }


def _shown(functions: FunctionUseCases, tenant: str, version: LayerVersion) -> dict[str, Any]:
    return {
        "LayerVersionArn": functions.home.layer_arn(tenant, version.name, version.number),
        "Version": version.number,
        "Description": version.description,
        "CreatedDate": moment(version.created_at_us),
        "CompatibleRuntimes": list(version.runtimes),
        "CompatibleArchitectures": list(version.architectures),
        **({"LicenseInfo": version.license} if version.license else {}),
    }
