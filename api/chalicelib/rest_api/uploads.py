"""The REST API's route for zips that are too large for a request."""

from chalicelib.calls import Call
from chalicelib.errors import InvalidParameterError
from chalicelib.functions.upload_store import FORM_S, Form
from chalicelib.functions.wiring import FunctionUseCases
from chalicelib.http_answer import HttpAnswer
from chalicelib.rest_api import bodies, models
from chalicelib.rest_api.answers import moment, shown
from chalicelib.rest_api.members import body


def begin(functions: FunctionUseCases, call: Call, tenant: str) -> HttpAnswer:
    """Return a form that takes one zip to S3; with `function`, the zip becomes that function's code on arrival."""
    asked = body(call, bodies.UploadRequest)
    if "function" not in asked:
        return shown(_stored(functions, tenant, asked), 201)
    named = {name: value for name, value in asked.items() if name not in ("function", "publish")}
    upload, form, changed = functions.uploads.begin(
        tenant, asked["function"], named, publish=asked.get("publish", False)
    )
    waiting = models.Upload(
        {
            "upload_id": upload.upload_id,
            **_form(form),
            "function": upload.function,
            "state": changed.state,
            "last_update": changed.last_update,
            "give_up": moment(upload.give_up_s * 1_000_000),
        }
    )
    return shown(waiting, 201)


def _stored(functions: FunctionUseCases, tenant: str, asked: bodies.UploadRequest) -> models.StoredUpload:
    if any(asked.values()):
        raise InvalidParameterError("Without function the zip is only put into the bucket: name a function, or nothing")
    key, form = functions.uploads.place(tenant)
    return {"s3_bucket": functions.uploads.store.bucket, "s3_key": key, **_form(form)}


def _form(form: Form) -> models.Form:
    return {"url": form.url, "fields": form.fields, "expires_in_s": FORM_S}
