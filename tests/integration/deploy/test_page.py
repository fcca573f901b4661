"""Every command of docs/deploy.md, run as it is written there, in a fresh clone, against moto's server."""

import base64
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import app
import boto3
import pytest

from tests.apigateway import Gateway
from tests.conftest import RedisServer
from tests.integration.deploy import clone as clones
from tests.integration.deploy import page
from tests.integration.deploy.clone import Clone
from tests.integration.deploy.references import references

pytestmark = [pytest.mark.aws, pytest.mark.redis]

REGION = "eu-central-1"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

WHAT, WAY_1, WAY_2, TENANT, WORKER = (
    "What must be there",
    "Way 1: Chalice, for a stage you work on",
    "Way 2: CloudFormation, for a stage others depend on",
    "The first tenant",
    "A worker host",
)

Client = Callable[[str], Any]


@pytest.fixture(scope="module")
def client(cloud: str) -> Client:
    return lambda service: boto3.client(service, endpoint_url=cloud, region_name=REGION)


@pytest.fixture(scope="module")
def clone(client: Client, cloud: str, redis_server: RedisServer) -> Iterator[Clone]:
    """A fresh clone, whose user has put in the values that the page asks for."""
    vpc = client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [client("ec2").create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24")["Subnet"] for n in (1, 2)]
    group = client("ec2").create_security_group(GroupName="redis", Description="Redis", VpcId=vpc)["GroupId"]
    values = {
        "AWS_DEFAULT_REGION": REGION,
        "HEARTH_REDIS_URL": redis_server.url,
        "HEARTH_SECRET_SEED": "0123456789abcdef" * 2,
        "HEARTH_SUBNET_IDS": ",".join(subnet["SubnetId"] for subnet in subnets),
        "HEARTH_SECURITY_GROUP_IDS": group,
        "PACKAGES": "a-bucket-for-packages",
    }
    assert values.keys() == page.yours()
    with tempfile.TemporaryDirectory(prefix="hearth-clone-") as folder:
        yield clones.make(Path(folder) / "hearth", {**KEYS, **values, "AWS_ENDPOINT_URL": cloud})


def test_the_page_marks_every_block_that_is_not_run_here() -> None:
    run = {block for heading in (WAY_1, WAY_2, TENANT) for block in page.commands(heading)}
    others = [block for block in page.blocks() if block not in run]

    assert [(block.heading, block.is_for_your_values, block.is_not_run) for block in others] == [
        (WHAT, True, False),
        (WAY_2, True, False),
        (WORKER, False, True),
    ]


def test_before_its_stage_is_written_a_clone_deploys_nothing(clone: Clone, client: Client) -> None:
    said = clone.run("cd api && ../.venv/bin/chalice deploy --stage dev")
    asked = clone.run("make stage STAGE=dev")

    assert said.returncode != 0
    assert "Unable to load the project config file" in said.stderr
    assert asked.returncode != 0
    assert f"there is no stack hearth-data-dev in {REGION}; for a stage's own, `make data STAGE=" in asked.stderr
    assert client("cloudformation").describe_stacks()["Stacks"] == []
    assert client("iam").list_roles()["Roles"] == []


def test_way_1_deploys_deploys_again_packages_and_deletes(clone: Clone, client: Client) -> None:
    in_one, in_steps, bare, undo = page.commands(WAY_1)
    before = clone.status()

    assert re.search(r"Rest API URL: https://\S+/api/", clone.must(in_one.text))
    made = everything(client)
    clone.must(in_steps.text)
    assert everything(client) == made

    keys = first_tenant(clone)
    assert call(clone, client, "GET", "/functions", keys["api_key"])["statusCode"] == 200
    assert call(clone, client, "GET", "/functions", "no key of ours")["statusCode"] == 403

    said = clone.must(bare.text)
    assert said.count("Rest API URL: ") == 1
    assert not names_what_it_lacks(clone.root / ".hearth" / "package" / "dev" / "sam.json")
    assert not any(everything(client).values())
    clone.must(undo.text)
    assert not any(everything(client).values())
    assert clone.status() == before


def test_a_stage_that_is_not_written_is_not_deployed_with_anothers_or_no_policy(clone: Clone, client: Client) -> None:
    clone.must("make data STAGE=dev && make stage STAGE=dev")

    done = clone.run("cd api && ../.venv/bin/chalice deploy --stage prod")

    assert done.returncode != 0
    assert "not-written-yet-run-make-stage.json" in done.stderr
    assert "hearth-prod" not in json.dumps([one["RoleName"] for one in client("iam").list_roles()["Roles"]])


def test_what_is_written_is_for_its_owner_alone(clone: Clone) -> None:
    clone.must("make data STAGE=dev && make stage STAGE=dev")

    assert (clone.root / "api" / ".chalice" / "config.json").stat().st_mode & 0o077 == 0


def test_way_2_makes_one_stack_of_data_and_controller(clone: Clone, client: Client) -> None:
    [block] = page.commands(WAY_2)

    said = clone.must(block.text)

    assert "Successfully created/updated stack - hearth-prod" in said
    rows = client("cloudformation").describe_stack_resources(StackName="hearth-prod")["StackResources"]
    names = {row["LogicalResourceId"]: row.get("PhysicalResourceId", "") for row in rows}
    assert json.loads(said[said.rindex("\n[") :])[0].keys() == {"OutputKey", "OutputValue"}
    made = {one["FunctionName"]: one for one in client("lambda").list_functions()["Functions"]}
    handlers = {names[logical] for logical in ("APIHandler", "Timer", "OnUpload", "Ends")}
    assert handlers <= made.keys()
    for name in handlers:
        assert made[name]["Environment"]["Variables"]["HEARTH_BUCKET"] == names["Bucket"]
        assert made[name]["VpcConfig"]["SubnetIds"] == clone.environ["HEARTH_SUBNET_IDS"].split(",")
    stages = client("apigateway").get_stages(restApiId=names["RestAPI"])["item"]
    assert "api" in [stage["stageName"] for stage in stages]


def test_a_template_of_this_size_is_not_taken_without_a_bucket(clone: Clone) -> None:
    clone.must("make package STAGE=prod")

    done = clone.run(".venv/bin/aws cloudformation deploy --template-file .hearth/package/prod/sam.json --stack-name x")

    assert "must be deployed via an S3 Bucket" in done.stdout + done.stderr


def first_tenant(clone: Clone) -> dict[str, str]:
    [block] = page.commands(TENANT)
    issued: dict[str, str] = json.loads(clone.must(block.text).splitlines()[-1])
    return issued


def everything(client: Client) -> dict[str, list[Any]]:
    """All that a deployment of a stage makes, by its identity."""
    functions = client("lambda").list_functions()["Functions"]
    mappings = client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return {
        "functions": sorted((one["FunctionArn"], one["CodeSha256"]) for one in functions),
        "roles": sorted(one["Arn"] for one in client("iam").list_roles()["Roles"]),
        "apis": sorted(one["id"] for one in client("apigateway").get_rest_apis()["items"]),
        "rules": sorted(one["Arn"] for one in client("events").list_rules()["Rules"]),
        "mappings": sorted(one["UUID"] for one in mappings),
    }


#: Handles an event as Lambda would, by what was deployed and with nothing else.
HANDLE = "import json, sys; import app; print(json.dumps(app.app(json.load(sys.stdin), None)))"


def call(clone: Clone, client: Client, method: str, path: str, key: str) -> dict[str, Any]:
    """Call the deployed API: its own package, in its own environment, since moto's functions run nothing."""
    function = client("lambda").get_function(FunctionName="hearth-dev")["Configuration"]
    environ = function["Environment"]["Variables"] | KEYS
    environ |= {"AWS_REGION": REGION, "AWS_ENDPOINT_URL": clone.environ["AWS_ENDPOINT_URL"]}
    event = Gateway(app.app).event(method, path, b"", {"x-api-key": key})
    with tempfile.TemporaryDirectory(prefix="hearth-deployed-") as folder:
        with zipfile.ZipFile(package(clone, function["CodeSha256"])) as archive:
            archive.extractall(folder)
        done = subprocess.run(
            [sys.executable, "-S", "-c", HANDLE],
            cwd=folder,
            env=environ,
            input=json.dumps(event),
            check=False,
            capture_output=True,
            text=True,
            timeout=600,
        )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def package(clone: Clone, digest: str) -> Path:
    """The package that has this digest: moto keeps it to itself, Chalice keeps it in the tree."""
    kept = (clone.root / "api" / ".chalice" / "deployments").iterdir()
    [found] = [one for one in kept if base64.b64encode(hashlib.sha256(one.read_bytes()).digest()).decode() == digest]
    return found


def names_what_it_lacks(template: Path) -> set[str]:
    """What a template refers to and does not have."""
    whole = json.loads(template.read_text())
    own = whole["Resources"].keys() | whole.get("Parameters", {}).keys()
    return {name for name in references(whole) - own if not name.startswith("AWS::")}
