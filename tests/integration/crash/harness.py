"""Lets a process die at its n-th external call, for every n, and shows what it leaves behind.

A process is an act of a test on clients that share one Death. It dies by an error that no code of ours catches, once
its n-th call to Redis or AWS took effect, and makes no further call then, not in a `finally` block either. The test
then lets the next process recover, on clients without a Death.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import redis
from botocore.exceptions import ClientError

from shared_lua import keys

#: An act that made so many calls without an end would be walked for ever.
MOST_CALLS = 80

#: Attributes of a botocore client that ask nobody.
LOCAL = frozenset({"exceptions", "generate_presigned_post", "generate_presigned_url", "meta"})


class Died(BaseException):
    """The process ended here."""


@dataclass
class Death:
    """The death of one process: at its `at`-th external call, 0 = never; before the call takes effect, or after.

    `meanwhile` is called around every call: it does what other processes do at that moment.
    """

    at: int = 0
    is_before: bool = False
    meanwhile: Callable[[], object] = lambda: None
    calls: list[str] = field(default_factory=list)
    receipts: list[tuple[str, str]] = field(default_factory=list)  #: SQS messages that it has received, by queue
    is_over: bool = False

    def call(self, name: str, act: Callable[[], Any]) -> Any:
        """Do one external call, or die of it."""
        if self.is_over:
            raise Died
        self.meanwhile()
        self.calls.append(name)
        if len(self.calls) != self.at:
            return act()
        self.is_over = True
        if not self.is_before:
            with suppress(Exception):  # what the call raised is never seen
                act()
            self.meanwhile()
        raise Died

    def end(self, act: Callable[[], Any]) -> None:
        """Do an act up to its end or this death."""
        with suppress(Died):
            act()

    def __str__(self) -> str:
        """Tell where it died, for whoever reads of a test that failed."""
        where = "before" if self.is_before else "after"
        return f"died {where} call {self.at} of {self.calls}" if self.is_over else f"lived through {self.calls}"


def walk(meanwhile: Callable[[], object] = lambda: None) -> Iterator[Death]:
    """Give a Death before the first call of an act, one after each of its calls, and one that the act outlives.

    To die before a later call is to die after the one before it: in between nothing changes outside the process.
    """
    yield Death(1, is_before=True, meanwhile=meanwhile)
    for at in range(1, MOST_CALLS):
        death = Death(at, meanwhile=meanwhile)
        yield death
        if not death.is_over:
            assert at > 1, "the act made no external call"
            return
    raise AssertionError(f"the act has no end: {death.calls}")


@contextmanager
def told(death: Death) -> Iterator[None]:
    """Say of a failure which death it follows."""
    try:
        yield
    except BaseException as error:
        error.add_note(str(death))
        raise


class MortalClient:
    """A botocore client whose calls are counted by a Death."""

    def __init__(self, client: Any, service: str, death: Death) -> None:
        self._client = client
        self._service = service
        self._death = death

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        if name in LOCAL:
            return real

        def call(**arguments: Any) -> Any:
            return self._death.call(f"{self._service}.{name}", lambda: self._noted(arguments, real(**arguments)))

        return call

    def _noted(self, arguments: dict[str, Any], answer: Any) -> Any:
        """Remember the receipts of what was received: a process that dies takes them along."""
        for message in answer.get("Messages", []):
            self._death.receipts.append((arguments["QueueUrl"], message["ReceiptHandle"]))
        return answer


class MortalRedis(redis.Redis):
    """A Redis client on another's connections, whose round trips are counted by a Death."""

    def __init__(self, client: redis.Redis, death: Death) -> None:
        super().__init__(connection_pool=client.connection_pool)
        self._death = death

    def execute_command(self, *arguments: Any, **options: Any) -> Any:
        real: Any = super().execute_command
        return self._death.call(f"redis.{arguments[0]}", lambda: real(*arguments, **options))

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Any:
        together = super().pipeline(transaction, shard_hint)
        execute = together.execute
        together.execute = lambda *given: self._death.call("redis.pipeline", lambda: execute(*given))  # type: ignore
        return together


def let_redeliver(sqs: Any, death: Death) -> None:
    """End the visibility timeout of what the dead process had received, as time would."""
    for url, receipt in death.receipts:
        with suppress(ClientError):  # it was deleted
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)


def in_queue(sqs: Any, url: str) -> int:
    """Count a queue's messages, visible or not."""
    names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(counts[name]) for name in names)


def left_in_redis(client: redis.Redis, but: Sequence[str] = ()) -> dict[str, Any]:
    """Give what Redis still holds of Invocations: on lanes, in flight, orphaned, waiting, as records or as permits.

    Answers count as well once there are two for one caller. `but` are ids whose permits may wait for their deadline.
    """
    left: dict[str, Any] = {}
    lists = [keys.orphaned(), keys.waiting()]
    for prefix in (keys.lane(""), keys.in_flight("")):
        lists += [key.decode() for key in client.scan_iter(f"{prefix}*")]
    for name in lists:
        if count := client.llen(name):
            left[name] = count
    if count := client.xlen(keys.records()):
        left[keys.records()] = count
    for key in client.scan_iter("{hearth}:permits:*"):
        members: Any = client.zrange(key, 0, -1)
        if held := [member.decode() for member in members if member.decode() not in but]:
            left[key.decode()] = held
    for key in client.scan_iter(f"{keys.answer('')}*"):
        if client.llen(key) > 1:
            left[key.decode()] = "more than one answer"
    return left
