"""The names and ARNs of functions and layers: checks and parses them; looks nothing up."""

import hashlib
import re
from dataclasses import dataclass

from chalicelib.errors import InvalidParameterError, NotFoundError
from shared_lua.contract import LATEST

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
    """The region, and the ARNs of what is in it."""

    region: str

    def arn(self, tenant: str, name: str, qualifier: str | None = None) -> str:
        """Return a function's ARN, or that of one of its versions or aliases."""
        whole = f"arn:aws:lambda:{self.region}:{account(tenant)}:function:{name}"
        return f"{whole}:{qualifier}" if qualifier else whole

    def layer_arn(self, tenant: str, name: str, number: int | None = None) -> str:
        """Return a layer's ARN, or that of one of its versions."""
        whole = f"arn:aws:lambda:{self.region}:{account(tenant)}:layer:{name}"
        return f"{whole}:{number}" if number else whole

    def find(self, tenant: str, reference: str, qualifier: str | None = None) -> "Named":
        """Return the function that a name or ARN means; raise NotFoundError when it is another tenant's."""
        match = REFERENCE.fullmatch(reference)
        if not match:
            raise InvalidParameterError(f"{reference!r} is neither a function name nor a function's ARN")
        name = checked_name(match["name"])
        foreign = match["account"] not in (None, account(tenant)) or match["region"] not in (None, self.region)
        if foreign:
            raise NotFoundError(f"Function not found: {reference}")
        if qualifier and match["qualifier"] not in (None, qualifier):
            raise InvalidParameterError(
                "The derived qualifier from the function name does not match the specified qualifier."
            )
        return Named(name, asked_qualifier(reference, qualifier))

    def resolve(self, tenant: str, reference: str, qualifier: str | None = None) -> str:
        """Return the function's name where no version or alias can be meant; raise NotFoundError when one is."""
        named = self.find(tenant, reference, qualifier)
        if named.qualifier:
            raise NotFoundError(f"Function not found: {self.arn(tenant, named.name, named.qualifier)}")
        return named.name


@dataclass(frozen=True)
class Named:
    """A function's name, and a version's number or an alias's name; None for $LATEST."""

    name: str
    qualifier: str | None


def asked_qualifier(reference: str, qualifier: str | None = None) -> str | None:
    """Return the qualifier that a reference or the parameter beside it names; None for none and for $LATEST."""
    match = REFERENCE.fullmatch(reference)
    asked = qualifier or (match["qualifier"] if match else None)
    return None if asked == LATEST else asked


LAYER = re.compile(
    r"arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):layer:(?P<name>[a-zA-Z0-9_-]+)"
    r":(?P<number>[0-9]{1,9})",
    re.ASCII,
)
LAYER_NAME = re.compile(r"[a-zA-Z0-9_-]{1,140}")


def layer_of(home: Home, tenant: str, arn: str) -> tuple[str, int]:
    """Return name and number of the tenant's layer version that an ARN means; raise InvalidParameterError."""
    match = LAYER.fullmatch(arn)
    if not match:
        raise InvalidParameterError(f"{arn!r} is no layer version's ARN, which ends in :layer:<name>:<number>")
    if (match["region"], match["account"]) != (home.region, account(tenant)):
        raise InvalidParameterError(f"Layer version {arn} does not exist.")
    return match["name"], int(match["number"])


def checked_layer_name(name: str) -> str:
    """Return `name` back when it may be a layer's; raise InvalidParameterError when it may not."""
    if not LAYER_NAME.fullmatch(name):
        raise InvalidParameterError(
            f"{name!r} is no layer's name: use 1 to 140 letters, digits, hyphens and underscores"
        )
    return name


def account(tenant: str) -> str:
    """Return the twelve digits that stand for a tenant where Lambda has an account; always the same for one tenant."""
    return f"{int(hashlib.sha256(tenant.encode()).hexdigest(), 16) % 10**12:012}"


def checked_name(name: str) -> str:
    """Return `name` back when it obeys Lambda's rule for names; raise InvalidParameterError when it does not."""
    return _checked(name, "function name")


def checked_qualifier(qualifier: str | None) -> str | None:
    """Return `qualifier` back when it may name a version or an alias, or is None; raise InvalidParameterError."""
    if qualifier is not None and not re.fullmatch(r"\$LATEST|[a-zA-Z0-9_-]{1,128}", qualifier):
        raise InvalidParameterError(f"{qualifier!r} names no version and no alias: use a number, a name or $LATEST")
    return qualifier


def checked_tenant(name: str) -> str:
    """Return `name` back when it may be a tenant's; raise InvalidParameterError when it may not."""
    return _checked(name, "tenant's name")


def _checked(name: str, what: str) -> str:
    if not NAME.fullmatch(name):
        raise InvalidParameterError(f"{name!r} is no {what}: use 1 to 64 letters, digits, hyphens and underscores")
    return name
