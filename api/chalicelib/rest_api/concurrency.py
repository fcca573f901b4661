"""The REST API's routes on reserved and on provisioned concurrency."""

from chalicelib.calls import Call
from chalicelib.functions.provisioned import Standing
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.http_answer import HttpAnswer
from chalicelib.naming import checked_name, checked_qualifier
from chalicelib.rest_api import bodies, models
from chalicelib.rest_api.answers import moment, nothing, page_asked, shown
from chalicelib.rest_api.members import body


def put(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """Reserve concurrency for a function: it runs this often at once and no more; 0 stops it."""
    reserved = body(call, bodies.Reservation)["reserved"]
    functions.concurrency.reserve(tenant, checked_name(name), reserved)
    return shown(models.FunctionConcurrency(reserved=reserved))


def show(functions: FunctionUseCases, _call: Call, tenant: str, name: str) -> HttpAnswer:
    """Show how much concurrency a function has reserved; null when it shares the tenant's."""
    return shown(models.FunctionConcurrency(reserved=functions.lifecycle.get(tenant, checked_name(name)).reserved))


def delete(functions: FunctionUseCases, _call: Call, tenant: str, name: str) -> HttpAnswer:
    """Let a function share the tenant's concurrency again."""
    functions.concurrency.release(tenant, checked_name(name))
    return nothing()


def provision(functions: FunctionUseCases, call: Call, tenant: str, name: str, qualifier: str) -> HttpAnswer:
    """Keep this many sandboxes of a published version or an alias warm."""
    wanted = body(call, bodies.ProvisionedRequest)["provisioned"]
    return shown(
        _standing(functions.provisioned.put(tenant, checked_name(name), checked_qualifier(qualifier), wanted)),
        202,
    )


def show_provisioned(functions: FunctionUseCases, _call: Call, tenant: str, name: str, qualifier: str) -> HttpAnswer:
    """Show how many sandboxes of a version or an alias are warm."""
    return shown(_standing(functions.provisioned.get(tenant, checked_name(name), checked_qualifier(qualifier))))


def delete_provisioned(functions: FunctionUseCases, _call: Call, tenant: str, name: str, qualifier: str) -> HttpAnswer:
    """Keep no sandboxes of a version or an alias warm any more."""
    functions.provisioned.delete(tenant, checked_name(name), checked_qualifier(qualifier))
    return nothing()


def list_provisioned(functions: FunctionUseCases, call: Call, tenant: str, name: str) -> HttpAnswer:
    """List a function's provisioned concurrency by qualifier."""
    found, last = functions.provisioned.page(tenant, checked_name(name), *page_asked(call, checked_qualifier))
    listed = tuple(_standing(one) for one in found)
    return shown(models.ProvisionedConcurrencies(provisioned=listed, next_after=last))


def _standing(standing: Standing) -> models.ProvisionedConcurrency:
    return models.ProvisionedConcurrency(
        qualifier=standing.request.qualifier,
        provisioned=standing.request.wanted,
        allocated=standing.allocated,
        available=standing.available,
        status=standing.status,
        reason=standing.reason or None,
        modified=moment(standing.request.modified_at_us),
    )
