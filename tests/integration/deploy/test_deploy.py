"""`python -m infra deploy`, which runs `chalice deploy`, against moto's server: what exists afterwards is looked at."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
from chalicelib.config import Settings

from tests.integration.deploy.tree import Tree

REGION = "us-east-1"
STAGE = "dev"

pytestmark = pytest.mark.aws

Client = Callable[[str], Any]


@dataclass
class Deployed:
    """A tree that has been deployed, and the AWS it has been deployed to."""

    tree: Tree
    client: Client
    environ: dict[str, str]
    network: dict[str, list[str]]
    is_there: bool = False

    def deploy(self) -> None:
        self.tree.infra("deploy", "--stage", STAGE, **self.environ)
        self.is_there = True

    def delete(self) -> None:
        self.is_there = False
        self.tree.infra("delete", "--stage", STAGE, **self.environ)

    def functions(self) -> dict[str, dict[str, Any]]:
        """Every function by its handler's name in the app."""
        listed = self.client("lambda").list_functions()["Functions"]
        return {_handler(one["FunctionName"]): one for one in listed}

    def names(self) -> dict[str, str]:
        """Physical names by logical ones."""
        rows = self.client("cloudformation").describe_stack_resources(StackName=f"hearth-data-{STAGE}")
        return {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows["StackResources"]}

    def everything(self) -> dict[str, Any]:
        """All that a deployment makes, by its identity."""
        [api] = self.client("apigateway").get_rest_apis()["items"]
        mappings = self.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        return {
            "functions": sorted(one["FunctionArn"] for one in self.functions().values()),
            "roles": sorted(one["Arn"] for one in self.client("iam").list_roles()["Roles"]),
            "api": api["id"],
            "rules": sorted(one["Arn"] for one in self.client("events").list_rules()["Rules"]),
            "mappings": sorted(one["UUID"] for one in mappings),
            "policies": {name: self.callers(name) for name in self.functions()},
        }

    def callers(self, handler: str) -> list[tuple[str, str]]:
        """Who may call a function: service, and the ARN it calls for."""
        name = self.functions()[handler]["FunctionName"]
        try:
            policy = json.loads(self.client("lambda").get_policy(FunctionName=name)["Policy"])
        except self.client("lambda").exceptions.ResourceNotFoundException:
            return []
        return sorted(
            (one["Principal"]["Service"], one["Condition"]["ArnLike"]["AWS:SourceArn"]) for one in policy["Statement"]
        )


def _handler(function_name: str) -> str:
    return function_name.removeprefix(f"hearth-{STAGE}").removeprefix("-") or "api_handler"


@pytest.fixture(scope="module")
def deployable(handling: Tree, cloud: str) -> Deployed:
    def client(service: str) -> Any:
        return boto3.client(service, endpoint_url=cloud, region_name=REGION)

    vpc = client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = client("ec2").create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    group = client("ec2").create_security_group(GroupName="redis", Description="Redis", VpcId=vpc)["GroupId"]
    environ = {
        "AWS_ENDPOINT_URL": cloud,
        "AWS_DEFAULT_REGION": REGION,
        "HEARTH_REDIS_URL": "rediss://cache.example:6379/0",
        "HEARTH_SECRET_SEED": "s" * 32,
        "HEARTH_SUBNET_IDS": subnet,
        "HEARTH_SECURITY_GROUP_IDS": group,
    }
    return Deployed(handling, client, environ, {"SubnetIds": [subnet], "SecurityGroupIds": [group]})


@pytest.fixture
def deployed(deployable: Deployed) -> Deployed:
    if not deployable.is_there:
        deployable.deploy()
    return deployable


def test_every_handler_of_the_app_is_a_function(deployed: Deployed) -> None:
    wanted = {"api_handler", *deployed.tree.app()["handlers"]}

    assert {"tests_schedule", "tests_queue", "tests_called"} < wanted
    assert deployed.functions().keys() == wanted


def test_every_function_has_memory_timeout_and_network_as_configured(deployed: Deployed) -> None:
    config = deployed.tree.config()
    own = config["stages"][STAGE]["lambda_functions"]

    for handler, function in deployed.functions().items():
        configured = config | own.get(handler, {})
        assert function["MemorySize"] == configured["lambda_memory_size"]
        assert function["Timeout"] == configured["lambda_timeout"]
        assert function["VpcConfig"]["SubnetIds"] == deployed.network["SubnetIds"]
        assert function["VpcConfig"]["SecurityGroupIds"] == deployed.network["SecurityGroupIds"]


def test_every_function_can_read_its_settings_from_its_environment(deployed: Deployed) -> None:
    names = deployed.names()

    for function in deployed.functions().values():
        settings = Settings.from_env(function["Environment"]["Variables"] | {"AWS_REGION": REGION})
        assert (settings.bucket, settings.functions_table) == (names["Bucket"], names["Functions"])
        assert (settings.invocations_table, settings.items_table) == (names["Invocations"], names["Items"])
        assert (settings.credentials_table, settings.queue_url) == (names["Credentials"], names["Durable"])
        assert settings.redis_url == deployed.environ["HEARTH_REDIS_URL"]


def test_every_function_has_a_role_with_the_policy_that_the_tree_holds(deployed: Deployed) -> None:
    iam, names = deployed.client("iam"), deployed.names()
    [account] = {one["FunctionArn"].split(":")[4] for one in deployed.functions().values()}
    held = json.loads((deployed.tree.root / "api" / ".chalice" / f"policy-{STAGE}.json").read_text())

    for function in deployed.functions().values():
        role = function["Role"].rpartition("/")[2]
        [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        document = json.loads(unquote(document)) if isinstance(document, str) else document
        by_sid = {one["Sid"]: one for one in document["Statement"]}
        assert {sid: one["Action"] for sid, one in by_sid.items()} == {
            one["Sid"]: one["Action"] for one in held["Statement"]
        }
        assert by_sid["Code"]["Resource"] == f"arn:aws:s3:::{names['Bucket']}/code/*"
        assert by_sid["Ledger"]["Resource"] == f"arn:aws:dynamodb:{REGION}:{account}:table/{names['Invocations']}"
        assert "${" not in json.dumps(document)
        assert "Fn::" not in json.dumps(document)


def test_the_rest_api_has_every_route_of_the_app(deployed: Deployed) -> None:
    gateway = deployed.client("apigateway")
    [api] = gateway.get_rest_apis()["items"]
    resources = gateway.get_resources(restApiId=api["id"], limit=500)["items"]
    stages = gateway.get_stages(restApiId=api["id"])["item"]

    found = {one["path"]: sorted(one["resourceMethods"]) for one in resources if one.get("resourceMethods")}
    assert found == deployed.tree.app()["routes"]
    assert [stage["stageName"] for stage in stages] == ["api"]


def test_the_rest_api_may_call_the_controller_and_nothing_else_may(deployed: Deployed) -> None:
    [api] = deployed.client("apigateway").get_rest_apis()["items"]

    [(service, source)] = deployed.callers("api_handler")

    assert service == "apigateway.amazonaws.com"
    assert source.endswith(f":{api['id']}/*")


def test_every_schedule_of_the_app_calls_its_function(deployed: Deployed) -> None:
    events, functions = deployed.client("events"), deployed.functions()
    scheduled = {one["name"] for one in deployed.tree.app()["sources"] if one["kind"] == "ScheduledEventConfig"}
    assert "tests_schedule" in scheduled

    for name in scheduled:
        rule = f"hearth-{STAGE}-{name}-event"
        [target] = events.list_targets_by_rule(Rule=rule)["Targets"]
        assert target["Arn"] == functions[name]["FunctionArn"]
        assert events.describe_rule(Name=rule)["State"] == "ENABLED"
        assert [service for service, _ in deployed.callers(name)] == ["events.amazonaws.com"]
    assert events.describe_rule(Name=f"hearth-{STAGE}-tests_schedule-event")["ScheduleExpression"] == "rate(1 minute)"


def test_every_queue_that_the_app_listens_to_feeds_its_function(deployed: Deployed) -> None:
    listening = {one["name"]: one for one in deployed.tree.app()["sources"] if one["kind"] == "SQSEventConfig"}
    assert "tests_queue" in listening

    mappings = deployed.client("lambda").list_event_source_mappings()["EventSourceMappings"]

    fed = {_handler(one["FunctionArn"].rpartition(":")[2]): one for one in mappings}
    assert fed.keys() == listening.keys()
    for name, source in listening.items():
        queue = deployed.names()[source["queue_arn"].rpartition(":")[2]].rpartition("/")[2]
        assert fed[name]["EventSourceArn"].rpartition(":")[2] == queue
        assert fed[name]["BatchSize"] == source["batch_size"]


def test_s3_may_tell_the_queue_that_the_bucket_names_and_no_other_account_may(deployed: Deployed) -> None:
    data = json.loads((deployed.tree.root / "infra" / "data.json").read_text())["Resources"]
    [told] = data["Bucket"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    queue = told["Queue"]["Fn::GetAtt"][0]

    asked = {"QueueUrl": deployed.names()[queue], "AttributeNames": ["Policy", "QueueArn"]}
    attributes = deployed.client("sqs").get_queue_attributes(**asked)["Attributes"]

    [statement] = json.loads(attributes["Policy"])["Statement"]
    assert told["Event"] == "s3:ObjectCreated:*"
    assert (statement["Principal"], statement["Action"]) == ({"Service": "s3.amazonaws.com"}, "sqs:SendMessage")
    assert statement["Resource"] == attributes["QueueArn"]
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": attributes["QueueArn"].split(":")[4]}


def test_no_queue_delivers_again_while_its_function_may_still_run(deployed: Deployed) -> None:
    functions, queues = deployed.functions(), deployed.names()
    listening = [one for one in deployed.tree.app()["sources"] if one["kind"] == "SQSEventConfig"]

    for source in [one for one in listening if one["name"] != "tests_queue"]:
        asked = {"QueueUrl": queues[source["queue_arn"].rpartition(":")[2]], "AttributeNames": ["VisibilityTimeout"]}
        attributes = deployed.client("sqs").get_queue_attributes(**asked)["Attributes"]
        assert int(attributes["VisibilityTimeout"]) >= 2 * functions[source["name"]]["Timeout"]


def test_a_second_deployment_changes_nothing(deployed: Deployed) -> None:
    before, data = deployed.everything(), deployed.names()

    deployed.deploy()

    assert deployed.everything() == before
    assert deployed.names() == data


def test_a_deployment_without_a_setting_names_it_and_makes_nothing(deployed: Deployed) -> None:
    environ = deployed.environ | {"HEARTH_REDIS_URL": "", "HEARTH_SUBNET_IDS": ""}

    done = deployed.tree.run("-m", "infra", "deploy", "--stage", "prod", **environ)

    assert done.returncode == 1
    assert "HEARTH_REDIS_URL, HEARTH_SUBNET_IDS" in done.stderr
    stacks = deployed.client("cloudformation").describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in stacks] == [f"hearth-data-{STAGE}"]


def test_delete_takes_all_of_it_away_and_leaves_the_data(deployed: Deployed) -> None:
    names = deployed.names()

    deployed.delete()

    assert deployed.functions() == {}
    assert deployed.client("iam").list_roles()["Roles"] == []
    assert deployed.client("apigateway").get_rest_apis()["items"] == []
    assert deployed.client("events").list_rules()["Rules"] == []
    assert deployed.client("lambda").list_event_source_mappings()["EventSourceMappings"] == []
    assert deployed.names() == names
