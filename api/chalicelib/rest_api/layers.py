"""The REST API's routes on layers."""

from chalicelib.calls import Call
from chalicelib.errors import InvalidParameterError, NotFoundError
from chalicelib.functions.layers import LayerVersion, Wanted
from chalicelib.functions.versions import NUMBER
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.http_answer import HttpAnswer
from chalicelib.limits import RUNTIMES
from chalicelib.naming import checked_layer_name
from chalicelib.rest_api import bodies, models
from chalicelib.rest_api.answers import moment, nothing, number, page_asked, shown
from chalicelib.rest_api.members import query


def list_all(functions: FunctionUseCases, call: Call, tenant: str) -> HttpAnswer:
    """List the tenant's layers by name, each with its latest version."""
    found, last = functions.layers.page(tenant, _is_for(call), *page_asked(call, checked_layer_name))
    return shown(models.Layers(layers=tuple(_version(functions, tenant, one) for one in found), next_after=last))


def list_versions(functions: FunctionUseCases, call: Call, tenant: str, layer: str) -> HttpAnswer:
    """List a layer's versions, newest first."""
    after, most = page_asked(call, lambda text: str(number("after", text)))
    found, last = functions.layers.versions(tenant, checked_layer_name(layer), _is_for(call), after, most)
    listed = tuple(_version(functions, tenant, one) for one in found)
    return shown(models.LayerVersions(versions=listed, next_after=last))


def publish(functions: FunctionUseCases, call: Call, tenant: str, layer: str) -> HttpAnswer:
    """Publish the zip in the body as the next version of a layer."""
    asked = query(call, bodies.LayerUpload)
    wanted = LayerVersion(
        name=layer,
        number=0,
        code_sha256="",
        code_bytes=0,
        unpacked_bytes=0,
        description=asked.get("description", ""),
        license=asked.get("license", ""),
        runtimes=asked.get("runtime", ()),
    )
    return shown(_version(functions, tenant, functions.layers.publish(tenant, wanted, call.body)), 201)


def show(functions: FunctionUseCases, _call: Call, tenant: str, layer: str, number: str) -> HttpAnswer:
    """Show one version of a layer, with an address from which its zip can be fetched for a while."""
    version = _find(functions, tenant, layer, number)
    return shown({**_version(functions, tenant, version), "code_url": functions.layers.link(version)})


def delete(functions: FunctionUseCases, _call: Call, tenant: str, layer: str, number: str) -> HttpAnswer:
    """Delete one version of a layer. Functions that name it keep it."""
    functions.layers.delete(tenant, layer, _find(functions, tenant, layer, number).number)
    return nothing()


def _find(functions: FunctionUseCases, tenant: str, layer: str, digits: str) -> LayerVersion:
    if not NUMBER.fullmatch(digits):
        raise NotFoundError(f"Layer version not found: {layer} {digits[:20]}")
    return functions.layers.get(tenant, checked_layer_name(layer), int(digits))


def _is_for(call: Call) -> Wanted:
    """Return what tells whether a version is for the runtime that a listing names, if it names one."""
    runtime = call.parameter("runtime")
    if runtime and runtime not in RUNTIMES:
        raise InvalidParameterError(f"runtime must be one of {', '.join(RUNTIMES)}, not {runtime!r}")
    return lambda version: not runtime or runtime in version.runtimes


def _version(functions: FunctionUseCases, tenant: str, version: LayerVersion) -> models.LayerVersion:
    return models.LayerVersion(
        layer=version.name,
        version=version.number,
        arn=functions.home.layer_arn(tenant, version.name, version.number),
        description=version.description,
        license=version.license,
        runtimes=tuple(version.runtimes),
        architectures=tuple(version.architectures),
        code_sha256=version.code_sha256,
        code_bytes=version.code_bytes,
        unpacked_bytes=version.unpacked_bytes,
        created=moment(version.created_at_us),
    )
