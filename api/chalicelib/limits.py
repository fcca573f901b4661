"""The API's limits, each with the check that enforces it."""

import json
import re
from collections.abc import Mapping, Sequence

from chalicelib.errors import InvalidParameterError, InvalidRequestContentError, TooLargeError
from shared_lua.contract import MIB

RUNTIMES = ("nodejs20.x", "provided", "python3.11", "python3.13")
#: Runtimes that do not interpret the handler: the function's program may read it from _HANDLER.
FREE_HANDLER = frozenset({"provided"})
MEMORY_MB = range(64, 10_240 + 1)
TIMEOUT_S = range(1, 43_200 + 1)
MAX_TIMEOUT_S = TIMEOUT_S.stop - 1
MAX_SYNC_TIMEOUT_S = 900  #: of a function that can be invoked synchronously
MAX_HANDLER_CHARS = 128
MAX_DESCRIPTION_CHARS = 256
MAX_ROLE_CHARS = 2048
MAX_LICENSE_CHARS = 512
MAX_ENVIRONMENT_BYTES = 4096
MAX_ZIP_BYTES = 50 * MIB
MAX_UNPACKED_BYTES = 250 * MIB
MAX_ZIP_ENTRIES = 20_000
MAX_ZIP_DIRECTORY_BYTES = 4 * MIB  #: of a zip's central directory: some 200 bytes for each entry it may have
MAX_ZIP_NAME_BYTES = 1024
MAX_ZIP_PART_BYTES = 255  #: of a file's or folder's own name, as Linux allows
MAX_ZIP_DEPTH = 64  #: folders within each other
MAX_PAYLOAD_BYTES = 6 * MIB
MAX_CLIENT_CONTEXT_CHARS = 3583  #: of base64, as Lambda counts it
MAX_USAGE_DAYS = 366  #: in one answer
MAX_USAGE_ROWS = 1000
MAX_LAYERS = 5
EVENT_RETRIES = range(2 + 1)  #: of an asynchronous Invocation whose function fails
EVENT_AGE_S = range(60, 21_600 + 1)  #: how long an asynchronous Invocation may wait
MAX_PAGE = 50  #: functions on one page of a listing
MAX_KEYS = 50  #: of one tenant, of all kinds; a rotated one counts until its end
MAX_KEY_OVERLAP_S = 7 * 24 * 3600  #: how long a rotated key may go on working
TENANT_LIMIT = range(1, 1_000_000 + 1)  #: requests a second, requests at once, and runs at once

IDEMPOTENCY_KEY = re.compile(r"[ -~]{1,255}")  #: printable ASCII
ENVIRONMENT_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")

#: Lambda sets these itself; a function that set them would mislead its own runtime.
RESERVED_NAMES = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)


def check_runtime(runtime: str) -> None:
    """Raise InvalidParameterError unless the runtime is offered."""
    if runtime not in RUNTIMES:
        raise InvalidParameterError(f"Runtime {runtime!r} is not offered; offered: {', '.join(RUNTIMES)}")


def check_handler(handler: str, runtime: str) -> None:
    """Raise InvalidParameterError unless the handler names a function in a file; for `provided`, any word will do."""
    check_text("Handler", handler, MAX_HANDLER_CHARS)
    if runtime in FREE_HANDLER:
        if not re.fullmatch(r"\S+", handler):
            raise InvalidParameterError(f"Handler {handler!r} must be a word; `bootstrap` will do")
    elif not re.fullmatch(r"\S+\.[^\s.]+", handler):
        raise InvalidParameterError(f"Handler {handler!r} must be file.function, such as main.handler")


def check_memory(memory_mb: int) -> None:
    """Raise InvalidParameterError unless the memory is within the range offered."""
    _check_range("Memory", memory_mb, MEMORY_MB, "MB")


def check_timeout(timeout_s: int) -> None:
    """Raise InvalidParameterError unless the timeout is within the range offered."""
    _check_range("Timeout", timeout_s, TIMEOUT_S, "seconds")


def check_environment(environment: Mapping[str, str]) -> None:
    """Raise InvalidParameterError unless every name and value can be set for a function, and all fit."""
    for name, value in environment.items():
        if name in RESERVED_NAMES:
            raise InvalidParameterError(
                f"The environment variable {name} is reserved: it is set for the function already"
            )
        if not ENVIRONMENT_NAME.fullmatch(name) or "\0" in value:
            raise InvalidParameterError(
                f"The environment variable {name!r} needs a name of two or more letters, digits and underscores,"
                " the first a letter, and a value without NUL"
            )
        check_text(f"The environment variable {name}", value, MAX_ENVIRONMENT_BYTES)
    total = sum(len(text.encode()) for pair in environment.items() for text in pair)
    if total > MAX_ENVIRONMENT_BYTES:
        raise InvalidParameterError(f"The environment takes {total} bytes; {MAX_ENVIRONMENT_BYTES} are allowed")


def check_layers(arns: Sequence[str]) -> None:
    """Raise InvalidParameterError when a function names too many layers, or versions of one twice."""
    if len(arns) > MAX_LAYERS:
        raise InvalidParameterError(f"The function names {len(arns)} layers; {MAX_LAYERS} are allowed")
    layers = [arn.rpartition(":")[0] for arn in arns]
    twice = [layer for layer in layers if layers.count(layer) > 1]
    if twice:
        raise InvalidParameterError(f"Two different versions of the same layer are not allowed: {twice[0]}")


def check_unpacked(unpacked_bytes: int) -> None:
    """Raise InvalidParameterError when a function takes too much memory unpacked, its layers included."""
    if unpacked_bytes > MAX_UNPACKED_BYTES:
        raise InvalidParameterError(
            f"Code and layers together take {unpacked_bytes} bytes unpacked; {MAX_UNPACKED_BYTES} are allowed"
        )


def check_text(what: str, text: str, most_chars: int) -> None:
    """Raise InvalidParameterError for a text that is too long, or holds half of a surrogate pair."""
    if re.search("[\ud800-\udfff]", text):
        raise InvalidParameterError(f"{what} holds half of a surrogate pair, which is no character")
    if len(text) > most_chars:
        raise InvalidParameterError(f"{what} has {len(text)} characters; {most_chars} are allowed")


def check_tenant_limit(what: str, value: object) -> None:
    """Raise InvalidParameterError unless this may be a tenant's limit. `True`, an int in Python, may not."""
    if type(value) is not int or value not in TENANT_LIMIT:
        raise InvalidParameterError(
            f"{what} must be a whole number from {TENANT_LIMIT.start} to {TENANT_LIMIT.stop - 1}, not {value!r}"
        )


def check_overlap(overlap_s: int) -> None:
    """Raise InvalidParameterError when a rotated key would go on working for too long."""
    _check_range("overlap_s", overlap_s, range(MAX_KEY_OVERLAP_S + 1), "seconds")


def check_idempotency_key(key: str) -> None:
    """Raise InvalidParameterError unless this may be an Idempotency-Key."""
    if not IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidParameterError(
            f"An Idempotency-Key has 1 to 255 characters, all of them printable ASCII; this one has {len(key)}"
        )


def check_zip_size(zip_bytes: int) -> None:
    """Raise TooLargeError when a zip has more bytes than an upload may."""
    if zip_bytes > MAX_ZIP_BYTES:
        raise TooLargeError(f"The zip has {zip_bytes} bytes; {MAX_ZIP_BYTES} are allowed")


def event_text(body: bytes) -> str:
    """Give the event as JSON text, `{}` for an empty body; raise TooLargeError or InvalidRequestContentError."""
    if len(body) > MAX_PAYLOAD_BYTES:
        raise TooLargeError(f"The event has {len(body)} bytes; {MAX_PAYLOAD_BYTES} are allowed")
    try:
        text = body.decode() or "{}"
        json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestContentError(f"Could not parse request body into json: {error}") from None
    return text


def _refuse_constant(word: str) -> None:
    """Refuse NaN and Infinity, which Python reads and JSON does not have: other languages' parsers would fail."""
    raise ValueError(f"{word} is not JSON")


def _check_range(what: str, value: int, allowed: range, unit: str) -> None:
    if value not in allowed:
        raise InvalidParameterError(f"{what} must be {allowed.start} to {allowed.stop - 1} {unit}, not {value}")
