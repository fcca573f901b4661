"""The REST API's routes on function URLs and on permissions, of which one opens a URL to everybody."""

import json
from typing import cast

from chalicelib.calls import Address, Call
from chalicelib.errors import NotFoundError
from chalicelib.functions import policy
from chalicelib.functions.urls import Cors, FunctionUrl
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.http_answer import HttpAnswer
from chalicelib.naming import checked_name
from chalicelib.rest_api import bodies, models
from chalicelib.rest_api.answers import moment, nothing, shown
from chalicelib.rest_api.functions import existing
from chalicelib.rest_api.members import body
from shared_lua.contract import LATEST

#: Member of a permission's body → member of Lambda's AddPermission.
LAMBDA = {
    "statement_id": "StatementId",
    "action": "Action",
    "principal": "Principal",
    "source_arn": "SourceArn",
    "source_account": "SourceAccount",
    "url_auth_type": "FunctionUrlAuthType",
}


def put(functions: FunctionUseCases, address: Address, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Return a function or an alias a URL, or change how its URL may be used."""
    asked, qualifier = body(call, bodies.FunctionUrlRequest), existing(functions, call, tenant, name)
    cors = Cors(**asked["cors"]) if "cors" in asked else None
    try:
        present = functions.urls.get(tenant, name, qualifier)
    except NotFoundError:
        return shown(
            _url(address.of(call), functions.urls.create(tenant, name, qualifier, asked["auth_type"], cors)), 201
        )
    return shown(_url(address.of(call), functions.urls.change(present, asked["auth_type"], cors)))


def show(functions: FunctionUseCases, address: Address, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Show the URL of a function or an alias."""
    return shown(_url(address.of(call), functions.urls.get(tenant, name, existing(functions, call, tenant, name))))


def delete(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Take the URL of a function or an alias away."""
    functions.urls.delete(tenant, name, existing(functions, call, tenant, name))
    return nothing()


def list_all(functions: FunctionUseCases, address: Address, call: Call, tenant: str, name: str) -> HttpAnswer:
    """List the URLs of a function and its aliases."""
    functions.lifecycle.get(tenant, checked_name(name))
    found = functions.urls.every(tenant, name)
    return shown(models.FunctionUrls(urls=tuple(_url(address.of(call), one) for one in found)))


def permissions(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Show the policy of a function, or of a version or alias."""
    qualifier = existing(functions, call, tenant, name)
    try:
        found = json.loads(functions.policies.get(tenant, name, qualifier).text)["Statement"]
    except NotFoundError:
        found = []
    return shown(models.Permissions(statements=tuple(found)))


def permit(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Add a statement to the policy of a function, or of a version or alias."""
    asked, qualifier = body(call, bodies.PermissionRequest), existing(functions, call, tenant, name)
    members = {LAMBDA[member]: value for member, value in asked.items()}
    statement = policy.compose(functions.home.arn(tenant, name, qualifier), members)
    functions.policies.add(tenant, name, qualifier, statement, None)
    return shown(cast(models.Statement, statement), 201)


def forbid(functions: FunctionUseCases, call: Call, tenant: str, name: str, statement_id: str) -> HttpAnswer:
    """Remove a statement from the policy of a function, or of a version or alias."""
    functions.policies.remove(tenant, name, existing(functions, call, tenant, name), statement_id, None)
    return nothing()


def _url(base: str, url: FunctionUrl) -> models.FunctionUrl:
    return models.FunctionUrl(
        url=f"{base}/url/{url.url_id}/",
        function=url.function,
        qualifier=url.qualifier or LATEST,
        auth_type=url.auth_type,
        cors=url.cors,
        created=moment(url.created_at_us),
        modified=moment(url.modified_at_us),
    )
