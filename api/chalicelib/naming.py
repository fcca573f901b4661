"""Function names and ARNs: what is a name, and which function an ARN means; never looks anything up."""

import hashlib
import re
from dataclasses import dataclass

from chalicelib.errors import InvalidParameterError, NotFoundError

MAX_NAME_CHARS = 64
LATEST = "$LATEST"

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")

#: Name, partial ARN (`account:function:name`) or full ARN, each with or without a qualifier.
REFERENCE = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):)?"
    r"(?:(?P<account>\d{12}):)?"
    r"(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_-]+)"
    r"(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?",
    re.ASCII,
)


@dataclass(frozen=True)
class Home:
    """Where functions live, as their ARNs spell it."""

    region: str

    def arn(self, tenant: str, name: str) -> str:
        """Give a function's ARN."""
        return f"arn:aws:lambda:{self.region}:{account(tenant)}:function:{name}"

    def resolve(self, tenant: str, reference: str, qualifier: str | None = None) -> str:
        """Give the name that a door-1 reference means; raise NotFoundError when it means another tenant's."""
        match = REFERENCE.fullmatch(reference)
        if not match:
            raise InvalidParameterError(f"{reference!r} is neither a function name nor a function's ARN")
        name = checked_name(match["name"])
        foreign = match["account"] not in (None, account(tenant)) or match["region"] not in (None, self.region)
        if foreign:
            raise NotFoundError(f"Function not found: {reference}")
        for asked in (match["qualifier"], qualifier):
            if asked not in (None, LATEST):
                raise NotFoundError(f"Function not found: {self.arn(tenant, name)}:{asked}")
        return name


def asked_qualifier(reference: str, qualifier: str | None = None) -> str | None:
    """Give the qualifier that a reference or the parameter beside it names; None for none and for $LATEST."""
    match = REFERENCE.fullmatch(reference)
    asked = qualifier or (match["qualifier"] if match else None)
    return None if asked == LATEST else asked


def account(tenant: str) -> str:
    """Give the twelve digits that stand for a tenant where Lambda has an account; always the same for one tenant."""
    return f"{int(hashlib.sha256(tenant.encode()).hexdigest(), 16) % 10**12:012}"


def checked_name(name: str) -> str:
    """Give `name` back when it obeys Lambda's rule for names; raise InvalidParameterError when it does not."""
    if not NAME.fullmatch(name):
        raise InvalidParameterError(
            f"{name!r} is no function name: use 1 to {MAX_NAME_CHARS} letters, digits, hyphens and underscores"
        )
    return name


def checked_tenant(name: str) -> str:
    """Give `name` back when it may be a tenant's; raise InvalidParameterError when it may not."""
    if not NAME.fullmatch(name):
        raise InvalidParameterError(
            f"{name!r} is no tenant's name: use 1 to {MAX_NAME_CHARS} letters, digits, hyphens and underscores"
        )
    return name
