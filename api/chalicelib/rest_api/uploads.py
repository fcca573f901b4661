"""Door 2's route for zips that are too large for a request."""

from typing import Any

from chalicelib.calls import Call
from chalicelib.errors import InvalidParameterError
from chalicelib.functions.upload_store import FORM_S, Form
from chalicelib.http_answer import HttpAnswer
from chalicelib.naming import checked_name
from chalicelib.rest_api.answers import moment, shown
from chalicelib.rest_api.functions import CONFIGURATION, configuration_asked
from chalicelib.wiring import Controller

#: Member of the body → what it must be, by type and in words.
MEMBERS: dict[str, tuple[type, str]] = {
    "function": (str, "a text"),
    **CONFIGURATION,
    "publish": (bool, "true or false"),
}


def begin(hearth: Controller, call: Call, tenant: str) -> HttpAnswer:
    """Give a form that takes one zip to S3; with `function` the zip becomes that function's code once it is there."""
    asked = configuration_asked(call, MEMBERS) if call.body else {}
    function, publish = asked.pop("function", None), asked.pop("publish", False)
    if function is None:
        return shown(_place(hearth, tenant, asked, publish=publish), 201)
    upload, form, changed = hearth.functions.uploads.begin(tenant, checked_name(function), asked, publish=publish)
    body = {
        "upload_id": upload.upload_id,
        **_form(form),
        "function": function,
        "state": changed.state,
        "last_update": changed.last_update,
        "give_up": moment(upload.give_up_s * 1_000_000),
    }
    return shown(body, 201)


def _place(hearth: Controller, tenant: str, asked: dict[str, Any], *, publish: bool) -> dict[str, Any]:
    if asked or publish:
        raise InvalidParameterError("Without function the zip is only put into the bucket: leave out what is for one")
    key, form = hearth.functions.uploads.place(tenant)
    return {"s3_bucket": hearth.bucket, "s3_key": key, **_form(form)}


def _form(form: Form) -> dict[str, Any]:
    return {"url": form.url, "fields": form.fields, "expires_in_s": FORM_S}
