"""The environments of a user's shell and of the stack's own processes: which variables each gets."""

import os
import secrets
from collections import defaultdict
from collections.abc import Mapping

from local.state import ROOT

REGION = "us-east-1"

#: The only AWS settings of the user that reach the stack's processes, which must never talk to a real account.
_KEPT = frozenset({"AWS_XRAY_DAEMON_ADDRESS"})


def for_callers(url: str, keys: Mapping[str, str]) -> dict[str, str]:
    """Returns what `.hearth/env` exports, for a stack at `url` whose first tenant has these keys.

    The AWS_… names are those that every AWS SDK and the AWS CLI read, so `aws lambda` needs no further option.
    """
    return {
        "HEARTH_URL": url,
        "HEARTH_REGION": REGION,
        "HEARTH_API_KEY": keys["api_key"],
        "HEARTH_ADMIN_KEY": keys["admin_key"],
        "HEARTH_ACCESS_KEY_ID": keys["access_key_id"],
        "HEARTH_SECRET_ACCESS_KEY": keys["secret_access_key"],
        "AWS_ENDPOINT_URL_LAMBDA": url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": keys["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
    }


#: The names of those variables. A shell that has sourced one stack's file must still be able to start another.
CALLERS = frozenset(for_callers("", defaultdict(str)))


def for_stack(environ: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment of the stack's processes: the user's, without what is for callers and for real AWS."""
    kept = {name: value for name, value in environ.items() if name in _KEPT or not _is_foreign(name)}
    return kept | {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HEARTH_SECRET_SEED": secrets.token_hex(32),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'api'}",
    }


def _is_foreign(name: str) -> bool:
    return name.startswith("AWS_") or name in CALLERS
