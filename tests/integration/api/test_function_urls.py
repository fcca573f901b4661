"""Function URLs: how boto3 makes them, who may use them, and what function and caller see of each other."""

import base64
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from chalicelib.tenants.administration import IssuedKeys
from chalicelib.wiring import Controller

from shared_lua.contract import Outcome, Status
from tests.apigateway import ADDRESS, Answer, Gateway
from tests.integration.api.conftest import Configure, Deployed, success
from tests.integration.api.test_lambda_api import create

pytestmark = [pytest.mark.aws, pytest.mark.redis]

HELLO = {"FunctionName": "hello"}
EVERYBODY = {"StatementId": "url", "Action": "lambda:InvokeFunctionUrl", "Principal": "*"}


def opened(boto: Any, **changes: Any) -> str:
    """Give the path of a URL of `hello` that everybody may use."""
    made = boto.create_function_url_config(**HELLO, **({"AuthType": "NONE"} | changes))
    boto.add_permission(**HELLO, **EVERYBODY, FunctionUrlAuthType="NONE")
    return str(urlsplit(made["FunctionUrl"]).path)


def sees(deployed: Deployed, method: str, url: str, body: bytes = b"", **headers: str) -> Any:
    """Give the event that the function gets of a request."""
    taken = deployed.serve(success())
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    assert deployed.gateway.send(method, url, body, named).status == 200
    return json.loads(taken.result().payload or "")


def hears(deployed: Deployed, url: str, said: Any, **headers: str) -> Answer:
    """Give what the caller gets of what the function said."""
    deployed.serve(success(said if isinstance(said, str) else json.dumps(said)))
    return deployed.gateway.send("GET", url, headers=headers)


def test_a_url_is_made_shown_changed_listed_and_deleted(boto: Any) -> None:
    arn = create(boto)["FunctionArn"]
    cors = {"AllowOrigins": ["https://a.test"], "MaxAge": 5}

    made = boto.create_function_url_config(**HELLO, AuthType="NONE", Cors=cors)
    changed = boto.update_function_url_config(**HELLO, AuthType="AWS_IAM", InvokeMode="BUFFERED")
    shown = boto.get_function_url_config(FunctionName=arn)
    listed = boto.list_function_url_configs(**HELLO)
    boto.delete_function_url_config(**HELLO)

    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (made["FunctionArn"], made["AuthType"], made["InvokeMode"]) == (arn, "NONE", "BUFFERED")
    path = urlsplit(made["FunctionUrl"]).path
    assert path.startswith("/url/")
    assert len(path.split("/")[2]) == 32
    assert (changed["AuthType"], changed["FunctionUrl"]) == ("AWS_IAM", made["FunctionUrl"])
    assert (shown["Cors"]["AllowOrigins"], shown["Cors"]["MaxAge"]) == (["https://a.test"], 5)
    assert [one["FunctionUrl"] for one in listed["FunctionUrlConfigs"]] == [made["FunctionUrl"]]
    assert boto.list_function_url_configs(**HELLO)["FunctionUrlConfigs"] == []
    with pytest.raises(boto.exceptions.ResourceNotFoundException):
        boto.get_function_url_config(**HELLO)


def test_a_function_has_one_url(boto: Any) -> None:
    create(boto)
    boto.create_function_url_config(**HELLO, AuthType="NONE")

    with pytest.raises(boto.exceptions.ResourceConflictException):
        boto.create_function_url_config(**HELLO, AuthType="NONE")


def test_streaming_and_careless_credentials_are_refused(boto: Any) -> None:
    create(boto)

    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="RESPONSE_STREAM is not offered"):
        boto.create_function_url_config(**HELLO, AuthType="NONE", InvokeMode="RESPONSE_STREAM")
    careless = {"AllowCredentials": True, "AllowOrigins": ["*"]}
    with pytest.raises(boto.exceptions.InvalidParameterValueException, match="one by one"):
        boto.create_function_url_config(**HELLO, AuthType="NONE", Cors=careless)


def test_the_address_shown_is_the_callers_or_the_one_that_is_set(boto: Any, configure: Configure) -> None:
    create(boto)
    made = boto.create_function_url_config(**HELLO, AuthType="NONE")["FunctionUrl"]
    configure(HEARTH_PUBLIC_URL="https://api.example/v1/")

    assert made.startswith("https://hearth.test/url/")
    assert boto.get_function_url_config(**HELLO)["FunctionUrl"].startswith("https://api.example/v1/url/")


def test_a_stage_in_the_gateways_path_is_part_of_the_address(gateway: Gateway) -> None:
    from chalicelib.calls import from_event

    event = gateway.event("GET", "/functions", b"", {"Host": "x.execute-api.test"})
    event["requestContext"] |= {"path": "/api/functions", "stage": "api", "domainName": "x.execute-api.test"}
    call = from_event(event, b"")
    event["requestContext"] |= {"path": "/functions", "domainName": "own.test"}

    assert call.home == "x.execute-api.test/api"
    assert from_event(event, b"").home == "own.test"


def test_a_request_becomes_the_event_that_lambdas_urls_send(boto: Any, deployed: Deployed) -> None:
    url = opened(boto)

    event = sees(
        deployed,
        "POST",
        f"{url}a%20b/c?x=1&y=2%203&x=4&e=",
        '{"n": "ü"}'.encode(),
        content_type="application/json",
        Cookie="a=1; b=2",
        User_Agent="tests",
        X_Forwarded_For="203.0.113.9",
        Host="hearth.test",
    )

    url_id = url.split("/")[2]
    context = event["requestContext"]
    assert (event["version"], event["routeKey"]) == ("2.0", "$default")
    assert event["rawPath"] == context["http"]["path"] == "/a%20b/c"
    assert event["rawQueryString"] == "x=1&x=4&y=2%203&e="
    assert event["queryStringParameters"] == {"x": "1,4", "y": "2 3", "e": ""}
    assert event["cookies"] == ["a=1", "b=2"]
    assert event["headers"] == {
        "content-type": "application/json",
        "user-agent": "tests",
        "host": "hearth.test",
        "x-forwarded-for": ADDRESS,
        "x-forwarded-proto": "https",
    }
    assert (event["body"], event["isBase64Encoded"]) == ('{"n": "ü"}', False)
    assert (context["accountId"], context["apiId"], context["domainPrefix"]) == ("anonymous", url_id, url_id)
    assert (context["domainName"], context["stage"], context["routeKey"]) == ("hearth.test", "$default", "$default")
    assert (context["http"]["method"], context["http"]["sourceIp"]) == ("POST", ADDRESS)
    assert context["http"]["userAgent"] == "tests"
    assert context["timeEpoch"] > 1_700_000_000_000
    assert "authorizer" not in context


def test_what_is_absent_is_left_out(boto: Any, deployed: Deployed) -> None:
    event = sees(deployed, "GET", opened(boto).rstrip("/"))

    assert (event["rawPath"], event["rawQueryString"], event["isBase64Encoded"]) == ("/", "", False)
    assert not {"body", "cookies", "queryStringParameters", "pathParameters"} & event.keys()


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain; charset=utf-8", b"t", "t"),
        ("application/vnd.api+json", b"{}", "{}"),
        ("application/x-www-form-urlencoded", b"a=1", None),
        ("application/octet-stream", b"\xff\0", None),
        ("image/png", b"\x89PNG", None),
    ],
)
def test_a_body_is_text_or_base64_by_its_type(
    boto: Any, deployed: Deployed, kind: str, body: bytes, text: str | None
) -> None:
    event = sees(deployed, "POST", opened(boto), body, content_type=kind)

    assert event["isBase64Encoded"] == (text is None)
    assert event["body"] == (text if text is not None else base64.b64encode(body).decode())


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_reaches_the_function_four_levels_deep(boto: Any, deployed: Deployed, method: str) -> None:
    event = sees(deployed, method, f"{opened(boto)}1/2/3/4")

    assert (event["requestContext"]["http"]["method"], event["rawPath"]) == (method, "/1/2/3/4")


def test_an_answer_is_what_the_function_says_it_is(boto: Any, deployed: Deployed) -> None:
    said = {"statusCode": 201, "headers": {"X-Own": 7, "Content-Type": "text/html"}, "body": "<p>", "cookies": ["a=1"]}

    answer = hears(deployed, opened(boto), {**said, "cookies": ["a=1", "b=2; Secure"]})

    assert (answer.status, answer.body, answer.is_base64) == (201, "<p>", False)
    assert (answer.headers["x-own"], answer.headers["content-type"]) == ("7", "text/html")
    assert answer.several["set-cookie"] == ["a=1", "b=2; Secure"]


@pytest.mark.parametrize("said", ['"Hello"', "[1,  2]", '{"message": "x"}', "null"])
def test_what_has_no_status_is_the_json_body_of_a_200(boto: Any, deployed: Deployed, said: str) -> None:
    answer = hears(deployed, opened(boto), said)

    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, said, "application/json")


def test_a_binary_answer_goes_through_as_base64_whatever_the_caller_accepts(boto: Any, deployed: Deployed) -> None:
    png = base64.b64encode(b"\x89PNG\0").decode()
    said = {"statusCode": 200, "headers": {"content-type": "image/png"}, "body": png, "isBase64Encoded": True}

    answer = hears(deployed, opened(boto), said)

    assert (answer.status, answer.body, answer.is_base64) == (200, png, True)
    assert answer.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    "said",
    [
        {"statusCode": "many"},
        {"statusCode": 99},
        {"statusCode": 600},
        {"statusCode": True},
        {"statusCode": 200, "headers": {"a": "1\r\nset-cookie: stolen=1"}},
        {"statusCode": 200, "headers": {"a b": "1"}},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "cookies": ["a\n"]},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
        "not JSON",
    ],
)
def test_what_is_no_http_answer_is_a_502(boto: Any, deployed: Deployed, said: Any) -> None:
    answer = hears(deployed, opened(boto), said)

    assert (answer.status, answer.json) == (502, {"message": "Internal Server Error"})


def test_the_connections_headers_are_not_the_functions(boto: Any, deployed: Deployed) -> None:
    said = {"statusCode": 204, "headers": {"Content-Length": "5", "Transfer-Encoding": "chunked", "x-a": None}}

    answer = hears(deployed, opened(boto), said)

    assert answer.status == 204
    assert answer.headers.keys() == {"content-type"}


def test_a_functions_error_tells_strangers_nothing(boto: Any, deployed: Deployed) -> None:
    url = opened(boto)
    deployed.serve(Outcome(status=Status.FAILED, payload='{"errorMessage":"secret"}', error_type="E"))

    answer = deployed.gateway.send("GET", url)

    assert (answer.status, answer.json) == (502, {"message": "Internal Server Error"})


def test_a_function_that_outlives_the_gateway_is_a_504_and_its_owner_finds_it(
    boto: Any, deployed: Deployed, configure: Configure
) -> None:
    url = opened(boto)
    configure(HEARTH_SYNC_WAIT_S="1")

    answer = deployed.gateway.send("GET", url)

    assert answer.status == 504
    assert deployed.get(answer.headers["location"]).json["status"] == "queued"


def test_an_unknown_id_is_nothing_and_costs_a_token(boto: Any, deployed: Deployed, configure: Configure) -> None:
    url = opened(boto)
    configure(HEARTH_ADDRESS_BURST="2", HEARTH_ADDRESS_RATE_PER_S="1")

    answers = [deployed.gateway.send("GET", f"/url/{'a' * 32}", source_ip="192.0.2.77") for _ in range(4)]

    assert answers[0].status == 404
    assert answers[-1].status == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert url


@pytest.mark.parametrize(
    "changes",
    [
        None,
        {"Action": "lambda:InvokeFunction"},
        {"Principal": "123456789012"},
        {"FunctionUrlAuthType": "AWS_IAM"},
        {"PrincipalOrgID": "o-0123456789"},
    ],
)
def test_without_a_statement_for_everybody_a_url_is_closed(
    boto: Any, deployed: Deployed, changes: dict[str, str] | None
) -> None:
    made = boto.create_function_url_config(**HELLO, AuthType="NONE")
    if changes:
        boto.add_permission(**(HELLO | EVERYBODY | changes))

    answer = deployed.gateway.send("GET", urlsplit(made["FunctionUrl"]).path)

    assert (answer.status, answer.json) == (403, {"Message": "Forbidden"})


def signed(url: str, path: str, keys: IssuedKeys, body: bytes = b"") -> dict[str, str]:
    request = AWSRequest(method="POST", url=f"http://{urlsplit(url).netloc}{path}", data=body)
    request.headers["Host"] = urlsplit(url).netloc
    request.headers["Content-Type"] = "application/json"
    SigV4Auth(Credentials(keys.access_key_id, keys.secret_access_key), "lambda", "us-east-1").add_auth(request)
    return dict(request.headers.items())


def test_with_aws_iam_only_the_owners_signature_comes_in(
    boto: Any, deployed: Deployed, tenant: IssuedKeys, hearth: Controller
) -> None:
    url = boto.create_function_url_config(**HELLO, AuthType="AWS_IAM")["FunctionUrl"]
    boto.add_permission(**HELLO, **EVERYBODY)
    path = f"{urlsplit(url).path}x?q=1"
    other = hearth.tenants.administration.create("other")
    taken = deployed.serve(success())

    mine = deployed.gateway.send("POST", path, b"{}", signed(url, path, tenant, b"{}"))
    theirs = deployed.gateway.send("POST", path, b"{}", signed(url, path, other, b"{}"))
    nobodys = deployed.gateway.send("POST", path, b"{}")
    by_key = deployed.gateway.send("POST", path, b"{}", deployed.key)
    for_another_body = deployed.gateway.send("POST", path, b"[]", signed(url, path, tenant, b"{}"))

    assert [mine.status, theirs.status, nobodys.status, by_key.status, for_another_body.status] == [200, *[403] * 4]
    event = json.loads(taken.result().payload or "")
    account = event["requestContext"]["accountId"]
    assert event["requestContext"]["authorizer"]["iam"]["accountId"] == account
    assert account in boto.get_function_configuration(**HELLO)["FunctionArn"]
    assert "authorization" not in event["headers"]


def test_browsers_are_told_what_the_configuration_says(boto: Any, deployed: Deployed) -> None:
    cors = {
        "AllowOrigins": ["https://a.test"],
        "AllowMethods": ["GET", "PUT"],
        "AllowHeaders": ["x-a"],
        "ExposeHeaders": ["x-b"],
        "AllowCredentials": True,
        "MaxAge": 60,
    }
    url = opened(boto, Cors=cors)
    asks = {"Origin": "https://a.test", "Access-Control-Request-Method": "PUT"}

    preflight = deployed.gateway.send("OPTIONS", f"{url}x", headers=asks)
    strangers = deployed.gateway.send("OPTIONS", url, headers=asks | {"Origin": "https://b.test"})
    said = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}}
    answer = hears(deployed, url, said, Origin="https://a.test")
    without = hears(deployed, url, said)

    shared = {
        "access-control-allow-origin": "https://a.test",
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "x-b",
        "vary": "Origin",
    }
    assert preflight.status == 200
    assert preflight.headers == shared | {
        "access-control-allow-methods": "GET,PUT",
        "access-control-allow-headers": "x-a",
        "access-control-max-age": "60",
    }
    assert strangers.headers == {}
    assert {name: value for name, value in answer.headers.items() if name != "content-type"} == shared
    assert "access-control-allow-origin" not in without.headers


def test_without_cors_what_the_function_says_of_other_origins_stands(boto: Any, deployed: Deployed) -> None:
    said = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "https://a.test"}}

    assert hears(deployed, opened(boto), said).headers["access-control-allow-origin"] == "https://a.test"


def test_a_url_ends_with_its_function(boto: Any, deployed: Deployed) -> None:
    url = opened(boto)
    boto.delete_function(**HELLO)
    create(boto)

    assert deployed.gateway.send("GET", url).status == 404
    with pytest.raises(boto.exceptions.ResourceNotFoundException):
        boto.get_function_url_config(**HELLO)


def test_another_tenants_function_gets_no_url(boto: Any, gateway: Gateway, hearth: Controller) -> None:
    arn = create(boto)["FunctionArn"]
    keys = hearth.tenants.administration.create("other")
    other = gateway.client(keys.access_key_id, keys.secret_access_key)

    with pytest.raises(other.exceptions.ResourceNotFoundException):
        other.create_function_url_config(FunctionName=arn, AuthType="NONE")
