"""The Lambda API's operations on published versions and aliases."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from chalicelib.errors import InvalidParameterError
from chalicelib.functions.aliases import Alias
from chalicelib.functions.function import Function
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.lambda_api.answers import check_offered, marker
from chalicelib.lambda_api.functions import NUMBER_MARKER, page_asked, qualified, shown

Asked = Mapping[str, Any]

PUBLISH = frozenset({"FunctionName", "CodeSha256", "Description", "RevisionId"})

#: Member of Lambda's alias → field of ours.
FIELDS = {"FunctionVersion": "number", "Description": "description"}


def publish(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """PublishVersion."""
    check_offered(asked, PUBLISH)
    version = functions.versions.publish(
        tenant,
        functions.home.resolve(tenant, asked["FunctionName"]),
        description=asked.get("Description"),
        code_sha256=_hex(asked.get("CodeSha256")),
        revision=asked.get("RevisionId"),
    )
    return shown(version)


def list_versions(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """ListVersionsByFunction: $LATEST first."""
    name = functions.home.resolve(tenant, asked["FunctionName"])
    after, most = page_asked(asked, NUMBER_MARKER)
    if after is None:
        latest = functions.lifecycle.get(tenant, name)
        found, last = functions.versions.page(tenant, name, None, most - 1) if most > 1 else ([], _before_all(latest))
        found = [qualified(latest), *found]
    else:
        found, last = functions.versions.page(tenant, name, after, most)
    return {"Versions": [shown(one) for one in found], **marker(last)}


def create_alias(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """CreateAlias."""
    name = functions.home.resolve(tenant, asked["FunctionName"])
    alias = Alias(
        name=asked["Name"],
        number=asked["FunctionVersion"],
        weights=_weights(asked),
        description=asked.get("Description", ""),
    )
    return _shown(functions, tenant, name, functions.aliases.create(tenant, name, alias))


def get_alias(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """GetAlias."""
    name = functions.home.resolve(tenant, asked["FunctionName"])
    return _shown(functions, tenant, name, functions.aliases.get(tenant, name, asked["Name"]))


def update_alias(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """UpdateAlias: members that are left out stay as they are. To roll back, point the alias back."""
    name = functions.home.resolve(tenant, asked["FunctionName"])
    named = {FIELDS[member]: value for member, value in asked.items() if member in FIELDS}
    if "RoutingConfig" in asked:
        named["weights"] = _weights(asked)
    alias = functions.aliases.update(tenant, name, asked["Name"], named, asked.get("RevisionId"))
    functions.provisioned.follow(tenant, name)
    return _shown(functions, tenant, name, alias)


def delete_alias(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """DeleteAlias."""
    name = functions.home.resolve(tenant, asked["FunctionName"])
    functions.aliases.delete(tenant, name, asked["Name"])
    functions.provisioned.follow(tenant, name)
    return {}


def list_aliases(functions: FunctionUseCases, tenant: str, asked: Asked) -> dict[str, Any]:
    """ListAliases, of one version where FunctionVersion names it."""
    name = functions.home.resolve(tenant, asked["FunctionName"])
    found, last = functions.aliases.page(tenant, name, *page_asked(asked), number=asked.get("FunctionVersion"))
    return {"Aliases": [_shown(functions, tenant, name, alias) for alias in found], **marker(last)}


def _weights(asked: Asked) -> dict[str, float]:
    return dict(asked.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}))


def _before_all(latest: Function) -> str | None:
    """Return the marker of a page that holds $LATEST only."""
    return "0" if latest.published else None


def _hex(digest: str | None) -> str | None:
    if not digest:
        return None
    try:
        return base64.b64decode(digest, validate=True).hex()
    except (binascii.Error, ValueError):
        raise InvalidParameterError("CodeSha256 must be the zip's SHA-256 in base64") from None


def _shown(functions: FunctionUseCases, tenant: str, name: str, alias: Alias) -> dict[str, Any]:
    weights = {"RoutingConfig": {"AdditionalVersionWeights": dict(alias.weights)}} if alias.weights else {}
    return {
        "AliasArn": functions.home.arn(tenant, name, alias.name),
        "Name": alias.name,
        "FunctionVersion": alias.number,
        "Description": alias.description,
        "RevisionId": alias.revision,
        **weights,
    }
