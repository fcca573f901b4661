"""The app with real parts beneath it, a tenant, and a thread that plays the worker."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from app import app
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from chalicelib import wiring
from chalicelib.calls import Call
from chalicelib.config import Settings
from chalicelib.storage.wiring import AwsClients
from chalicelib.tenants.administration import IssuedKeys
from chalicelib.tenants.authentication import Principal
from chalicelib.wiring import Controller

from shared_lua.codec import decode, encode
from shared_lua.contract import Invocation, Outcome, Settlement, Status
from shared_lua.scripts import Scripts
from tests.apigateway import Answer, Gateway
from tests.conftest import RedisServer
from tests.integration.api.uploading import Bench
from tests.zips import zipped

Configure = Callable[..., Controller]


@pytest.fixture
def environment(data: dict[str, str], redis_server: RedisServer, aws_endpoint: str) -> dict[str, str]:
    """What the controller is told."""
    return {
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": aws_endpoint,
        "HEARTH_REDIS_URL": redis_server.url,
        "HEARTH_BUCKET": data["BucketName"],
        "HEARTH_FUNCTIONS_TABLE": data["FunctionsTable"],
        "HEARTH_INVOCATIONS_TABLE": data["InvocationsTable"],
        "HEARTH_ITEMS_TABLE": data["ItemsTable"],
        "HEARTH_CREDENTIALS_TABLE": data["CredentialsTable"],
        "HEARTH_QUEUE_URL": data["QueueUrl"],
        "HEARTH_SECRET_SEED": "a seed of the test's own, long enough",
        "HEARTH_SYNC_WAIT_S": "10",
    }


@pytest.fixture
def configure(
    environment: dict[str, str], redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Configure]:
    """A function that gives the app a new controller, with some settings changed."""

    monkeypatch.setattr(wiring, "_aws_clients", aws_clients)

    def rebuild(**changes: str) -> Controller:
        for name, value in (environment | changes).items():
            monkeypatch.setenv(name, value)
        wiring.controller.cache_clear()
        return wiring.controller()

    yield rebuild
    wiring.controller.cache_clear()


make_aws_clients = wiring._aws_clients
made_aws_clients: dict[tuple[str, str], AwsClients] = {}


def aws_clients(settings: Settings) -> AwsClients:
    """Give the clients that the wiring makes, once for each endpoint: that and their first calls take long."""
    place = (os.environ["AWS_ENDPOINT_URL"], settings.region)
    if place not in made_aws_clients:
        made_aws_clients[place] = make_aws_clients(settings)
    return made_aws_clients[place]


@pytest.fixture
def hearth(configure: Configure) -> Controller:
    """The controller that the app uses."""
    return configure()


@pytest.fixture
def gateway(hearth: Controller) -> Gateway:
    """The way to the app."""
    return Gateway(app)


@pytest.fixture
def tenant(hearth: Controller) -> IssuedKeys:
    """A tenant's keys."""
    return hearth.tenants.administration.create("acme")


@pytest.fixture
def key(tenant: IssuedKeys) -> dict[str, str]:
    """The header that lets the tenant in."""
    return {"x-api-key": tenant.api_key}


@pytest.fixture
def function(gateway: Gateway, key: dict[str, str]) -> Answer:
    """A function named `hello`, uploaded."""
    return upload(gateway, key)


@pytest.fixture
def boto(gateway: Gateway, tenant: IssuedKeys) -> Any:
    """A stock boto3 Lambda client with the tenant's access key."""
    return gateway.client(tenant.access_key_id, tenant.secret_access_key)


def upload(gateway: Gateway, key: dict[str, str], name: str = "hello", query: str | None = None) -> Answer:
    """Upload a function through the REST API."""
    asked = query or "runtime=python3.11&handler=main.handler"
    return gateway.send("PUT", f"/functions/{name}?{asked}", zipped(), key | {"Content-Type": "application/zip"})


@dataclass(frozen=True)
class Worker:
    """Plays the worker for one Invocation: takes its message, writes the ledger, gives the answer."""

    sqs: Any
    dynamodb: Any
    data: dict[str, str]
    redis_client: redis.Redis

    def take(self) -> Invocation:
        """Receive one Invocation."""
        answer = self.sqs.receive_message(QueueUrl=self.data["QueueUrl"], WaitTimeSeconds=10)
        [message] = answer["Messages"]
        self.sqs.delete_message(QueueUrl=self.data["QueueUrl"], ReceiptHandle=message["ReceiptHandle"])
        return decode(Invocation, message["Body"])

    def settle(self, settlement: Settlement, function: str = "hello") -> None:
        """Record an end, then give the answer."""
        text = encode(settlement)
        self.dynamodb.update_item(
            TableName=self.data["InvocationsTable"],
            Key={"invocation_id": {"S": settlement.invocation_id}},
            UpdateExpression="SET #status = :status, attempt = :attempt, settlement = :settlement",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":status": {"S": settlement.outcome.status.value},
                ":attempt": {"N": str(settlement.attempt)},
                ":settlement": {"S": text},
            },
        )
        Scripts(self.redis_client).settle(settlement.invocation_id, "acme", function, text, keep_ms=60_000)

    def serve_one(self, outcome: Outcome) -> Invocation:
        """Take one Invocation and end it so."""
        invocation = self.take()
        self.settle(settlement_of(invocation.invocation_id, outcome))
        return invocation


@dataclass(frozen=True)
class Deployed:
    """A tenant's function `hello` in the REST API, and a worker that serves when asked to."""

    gateway: Gateway
    key: dict[str, str]
    worker: Worker
    aside: ThreadPoolExecutor

    def call(self, body: bytes = b"{}", query: str = "", **headers: str) -> Answer:
        """Invoke it; header names are written with underscores."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.gateway.send("POST", f"/functions/hello/invocations{query}", body, self.key | given)

    def get(self, path: str) -> Answer:
        """Look something up."""
        return self.gateway.send("GET", path, headers=self.key)

    def serve(self, outcome: Outcome) -> "Future[Invocation]":
        """Let the worker end the next Invocation so, beside the test."""
        return self.aside.submit(self.worker.serve_one, outcome)


def principal(hearth: Controller, key: dict[str, str]) -> Principal:
    """Who comes with this key."""
    call = Call(
        method="POST", path="/", query=(), headers=key, body=b"", source_ip="192.0.2.1", request_id="a test's own"
    )
    return hearth.tenants.authentication.identify(call)


def settlement_of(invocation_id: str, outcome: Outcome) -> Settlement:
    return Settlement(invocation_id=invocation_id, outcome=outcome, attempt=1, settled_at_us=1_700_000_000_000_000)


def success(payload: str | None = '{"hello": "world"}') -> Outcome:
    return Outcome(status=Status.SUCCEEDED, payload=payload, log_tail="START\nREPORT\n")


@pytest.fixture
def worker(aws: Any, data: dict[str, str], redis_client: redis.Redis) -> Worker:
    """Somebody to run what is queued."""
    return Worker(aws("sqs"), aws("dynamodb"), data, redis_client)


@pytest.fixture
def aside() -> Iterator[ThreadPoolExecutor]:
    """A thread beside the test's."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def deployed(
    gateway: Gateway, key: dict[str, str], worker: Worker, aside: ThreadPoolExecutor, function: Answer
) -> Deployed:
    """The function, deployed."""
    return Deployed(gateway, key, worker, aside)


@pytest.fixture
def kept(aws: Any, data: dict[str, str]) -> Callable[[], dict[str, int]]:
    """A function that counts all that is stored or queued."""

    def count() -> dict[str, int]:
        dynamodb, counts = aws("dynamodb"), {}
        for table in ("FunctionsTable", "InvocationsTable"):
            counts[table] = dynamodb.scan(TableName=data[table])["Count"]
        counts["objects"] = aws("s3").list_objects_v2(Bucket=data["BucketName"])["KeyCount"]
        name = "ApproximateNumberOfMessages"
        queue = aws("sqs").get_queue_attributes(QueueUrl=data["QueueUrl"], AttributeNames=[name])
        counts["messages"] = int(queue["Attributes"][name])
        return counts

    return count


@pytest.fixture
def bench(gateway: Gateway, key: dict[str, str], hearth: Controller, aws: Any) -> Bench:
    """The tenant as one that uploads."""
    return Bench(gateway, key, hearth, aws("s3"))


@pytest.fixture
def signed() -> Callable[[str, str, IssuedKeys], dict[str, str]]:
    """A function that gives the headers of a request without a body, signed by botocore."""

    def sign(method: str, url: str, keys: IssuedKeys) -> dict[str, str]:
        request = AWSRequest(method=method, url=url, headers={"Host": urlsplit(url).netloc})
        SigV4Auth(Credentials(keys.access_key_id, keys.secret_access_key), "lambda", "us-east-1").add_auth(request)
        return dict(request.headers.items())

    return sign
