"""The Lambda API's operations on the configuration of function URLs; `function_urls` serves the requests to them."""

from collections.abc import Mapping
from typing import Any

from chalicelib.functions import urls
from chalicelib.functions.urls import BUFFERED, Cors, FunctionUrl
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.lambda_api.answers import marker, moment
from chalicelib.lambda_api.functions import existing, page_asked
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


def create(functions: FunctionUseCases, tenant: str, asked: Asked, base: str) -> dict[str, Any]:
    """CreateFunctionUrlConfig."""
    urls.check_mode(asked.get("InvokeMode", BUFFERED))
    named = existing(functions, tenant, asked)
    url = functions.urls.create(tenant, named.name, named.qualifier, asked["AuthType"], _cors(asked.get("Cors")))
    shown = _shown(functions, url, base)
    del shown["LastModifiedTime"]  # Lambda's answer to this one operation has none
    return shown


def get(functions: FunctionUseCases, tenant: str, asked: Asked, base: str) -> dict[str, Any]:
    """GetFunctionUrlConfig."""
    return _shown(functions, _url(functions, tenant, asked), base)


def update(functions: FunctionUseCases, tenant: str, asked: Asked, base: str) -> dict[str, Any]:
    """UpdateFunctionUrlConfig: members that are left out stay as they are."""
    urls.check_mode(asked.get("InvokeMode", BUFFERED))
    url = _url(functions, tenant, asked)
    cors = _cors(asked["Cors"]) if "Cors" in asked else url.cors
    changed = functions.urls.change(url, asked.get("AuthType", url.auth_type), cors)
    return _shown(functions, changed, base)


def delete(functions: FunctionUseCases, tenant: str, asked: Asked, _base: str) -> dict[str, Any]:
    """DeleteFunctionUrlConfig."""
    named = existing(functions, tenant, asked)
    functions.urls.delete(tenant, named.name, named.qualifier)
    return {}


def list_all(functions: FunctionUseCases, tenant: str, asked: Asked, base: str) -> dict[str, Any]:
    """ListFunctionUrlConfigs."""
    after, most = page_asked(asked)
    name = existing(functions, tenant, asked).name
    rest = [url for url in functions.urls.every(tenant, name) if after is None or _marker(url) > after]
    last = _marker(rest[most - 1]) if len(rest) > most else None
    return {"FunctionUrlConfigs": [_shown(functions, url, base) for url in rest[:most]], **marker(last)}


def _marker(url: FunctionUrl) -> str:
    return url.qualifier or LATEST  # before every alias, as `$` is before letters and digits


def _url(functions: FunctionUseCases, tenant: str, asked: Asked) -> FunctionUrl:
    named = existing(functions, tenant, asked)
    return functions.urls.get(tenant, named.name, named.qualifier)


def _cors(asked: Asked | None) -> Cors | None:
    return Cors(**{CORS[member]: value for member, value in asked.items()}) if asked else None


def _shown(functions: FunctionUseCases, url: FunctionUrl, base: str) -> dict[str, Any]:
    """Return a URL as Lambda shows it. Lambda's has a host of its own, ours is a path below the controller's."""
    cors = {"Cors": {member: getattr(url.cors, name) for member, name in CORS.items()}} if url.cors else {}
    return {
        "FunctionUrl": f"{base}/url/{url.url_id}/",
        "FunctionArn": functions.home.arn(url.tenant, url.function, url.qualifier),
        "AuthType": url.auth_type,
        "CreationTime": moment(url.created_at_us),
        "LastModifiedTime": moment(url.modified_at_us),
        "InvokeMode": BUFFERED,
        **cors,
    }
