"""Destinations of completion events: which ARNs a tenant may name, and which queue or function each stands for.

Hearth delivers with rights of its own, so a queue that any tenant could name would be a queue that any tenant could
write to. Therefore a queue's name must begin with `hearth-to-<the tenant's twelve digits>-`: the operator's policy
allows `arn:aws:sqs:*:*:hearth-to-*` and nothing else, nobody reaches a queue that was not made for Hearth to write to,
and no tenant reaches another's.
"""

import re
from dataclasses import dataclass

from chalicelib.errors import HearthError, InvalidParameterError, NotFoundError
from chalicelib.functions.routing import Router
from chalicelib.naming import Home, Named, account

QUEUE = re.compile(
    r"arn:aws[a-z-]*:sqs:(?P<region>[a-z0-9-]+):(?P<owner>[0-9]{12}):(?P<name>[A-Za-z0-9_-]{1,80})", re.ASCII
)
FUNCTION = re.compile(r"arn:aws[a-zA-Z-]*:lambda:.+", re.ASCII)


@dataclass(frozen=True)
class Queue:
    """An SQS queue that somebody outside made."""

    account: str  #: the AWS account whose it is
    name: str


@dataclass(frozen=True)
class Destinations:
    """Reads destinations. `own` are the names of Hearth's own queues, to which nothing of a tenant's ever goes."""

    home: Home
    router: Router
    own: frozenset[str]

    def check(self, tenant: str, arn: str) -> None:
        """Raise InvalidParameterError unless a tenant may name this destination and, of a function, it is there."""
        target = self.read(tenant, arn)
        if isinstance(target, Named):
            try:
                self.router.shown(tenant, target.name, target.qualifier)
            except NotFoundError:
                raise _no_function(arn) from None

    def read(self, tenant: str, arn: str) -> Queue | Named:
        """Give the queue or function that an ARN stands for; raise InvalidParameterError when a tenant may not."""
        if FUNCTION.fullmatch(arn):
            return self._function(tenant, arn)
        match = QUEUE.fullmatch(arn)
        if match is None:
            raise InvalidParameterError(
                f"The destination {arn} is not offered: Hearth delivers to SQS queues that are not FIFO, and to"
                " functions. S3, SNS, EventBridge and Kafka are reached from a function of yours."
            )
        self._check_queue(tenant, match)
        return Queue(match["owner"], match["name"])

    def _function(self, tenant: str, arn: str) -> Named:
        try:
            return self.home.find(tenant, arn)
        except HearthError:  # whatever is wrong with it: another's function must answer as one that does not exist
            raise _no_function(arn) from None

    def _check_queue(self, tenant: str, match: "re.Match[str]") -> None:
        prefix = f"hearth-to-{account(tenant)}-"
        if not match["name"].startswith(prefix) or match["name"] in self.own:
            raise InvalidParameterError(
                f"The queue {match['name']} is not yours to name: call it {prefix}<anything>. Hearth writes only to"
                " queues that say in their name for which tenant they are."
            )
        if match["region"] != self.home.region:
            raise InvalidParameterError(
                f"The queue {match['name']} is in {match['region']}; it must be in {self.home.region}, as Hearth is"
            )


def _no_function(arn: str) -> InvalidParameterError:
    return InvalidParameterError(f"The destination ARN {arn} is invalid: you have no such function.")
