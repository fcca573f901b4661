"""Door 1's operations on function URLs: how one may be used; what happens when it is used is door 3's."""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from chalicelib import function_url
from chalicelib.function_url import BUFFERED, Cors, FunctionUrl
from chalicelib.lambda_door.answers import marker, moment
from chalicelib.lambda_door.functions import page_asked
from chalicelib.wiring import Controller
from shared_lua.contract import LATEST

Asked = Mapping[str, Any]

#: Member of Lambda's Cors → field of ours.
CORS = {
    "AllowCredentials": "allow_credentials",
    "AllowHeaders": "allow_headers",
    "AllowMethods": "allow_methods",
    "AllowOrigins": "allow_origins",
    "ExposeHeaders": "expose_headers",
    "MaxAge": "max_age_s",
}


def create(hearth: Controller, tenant: str, asked: Asked, base: str) -> dict[str, Any]:
    """CreateFunctionUrlConfig."""
    function_url.check_mode(asked.get("InvokeMode", BUFFERED))
    name, qualifier = _named(hearth, tenant, asked)
    now_us = time.time_ns() // 1000
    url = FunctionUrl(
        url_id=function_url.new_id(),
        tenant=tenant,
        function=name,
        qualifier=qualifier,
        auth_type=asked["AuthType"],
        cors=_cors(asked.get("Cors")),
        created_at_us=now_us,
        modified_at_us=now_us,
    )
    hearth.urls.create(url)
    shown = _shown(hearth, url, base)
    del shown["LastModifiedTime"]  # Lambda's answer to this one operation has none
    return shown


def get(hearth: Controller, tenant: str, asked: Asked, base: str) -> dict[str, Any]:
    """GetFunctionUrlConfig."""
    return _shown(hearth, hearth.urls.get(tenant, *_named(hearth, tenant, asked)), base)


def update(hearth: Controller, tenant: str, asked: Asked, base: str) -> dict[str, Any]:
    """UpdateFunctionUrlConfig: what is not named stays as it is."""
    function_url.check_mode(asked.get("InvokeMode", BUFFERED))
    url = hearth.urls.get(tenant, *_named(hearth, tenant, asked))
    changed = dataclasses.replace(
        url,
        auth_type=asked.get("AuthType", url.auth_type),
        cors=_cors(asked["Cors"]) if "Cors" in asked else url.cors,
        modified_at_us=time.time_ns() // 1000,
    )
    hearth.urls.replace(changed)
    return _shown(hearth, changed, base)


def delete(hearth: Controller, tenant: str, asked: Asked, _base: str) -> dict[str, Any]:
    """DeleteFunctionUrlConfig."""
    hearth.urls.delete(tenant, *_named(hearth, tenant, asked))
    return {}


def list_all(hearth: Controller, tenant: str, asked: Asked, base: str) -> dict[str, Any]:
    """ListFunctionUrlConfigs."""
    after, most = page_asked(asked)
    name, _ = _named(hearth, tenant, asked)
    rest = [url for url in hearth.urls.every(tenant, name) if after is None or _marker(url) > after]
    last = _marker(rest[most - 1]) if len(rest) > most else None
    return {"FunctionUrlConfigs": [_shown(hearth, url, base) for url in rest[:most]], **marker(last)}


def _marker(url: FunctionUrl) -> str:
    return url.qualifier or LATEST  # before every alias, as `$` is before letters and digits


def _named(hearth: Controller, tenant: str, asked: Asked) -> tuple[str, str | None]:
    """Give name and qualifier of the function that is meant; raise NotFoundError."""
    named = hearth.home.find(tenant, asked["FunctionName"], asked.get("Qualifier"))
    hearth.router.shown(tenant, named.name, named.qualifier)
    return named.name, named.qualifier


def _cors(asked: Asked | None) -> Cors | None:
    return Cors(**{CORS[member]: value for member, value in asked.items()}) if asked else None


def _shown(hearth: Controller, url: FunctionUrl, base: str) -> dict[str, Any]:
    """Give a URL as Lambda shows it. Lambda's is a host of its own, ours is a path below the controller's base."""
    arn = hearth.home.arn(url.tenant, url.function)
    cors = {"Cors": {member: getattr(url.cors, name) for member, name in CORS.items()}} if url.cors else {}
    return {
        "FunctionUrl": f"{base}/url/{url.url_id}/",
        "FunctionArn": f"{arn}:{url.qualifier}" if url.qualifier else arn,
        "AuthType": url.auth_type,
        "CreationTime": moment(url.created_at_us),
        "LastModifiedTime": moment(url.modified_at_us),
        "InvokeMode": BUFFERED,
        **cors,
    }
