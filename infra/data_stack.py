"""The CloudFormation stack with Hearth's data: creates it, updates it and tells its names."""

import re
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from infra import templates
from infra.errors import DeployError

#: How each kind of resource spells its ARN: CloudFormation tells only the physical name.
_ARNS = {
    "AWS::S3::Bucket": "arn:{partition}:s3:::{name}",
    "AWS::DynamoDB::Table": "arn:{partition}:dynamodb:{region}:{account}:table/{name}",
    "AWS::SQS::Queue": "arn:{partition}:sqs:{region}:{account}:{name}",
}

QUEUE = "AWS::SQS::Queue"

#: The states of a stack whose resources are all there.
_WHOLE = re.compile("(CREATE|UPDATE|UPDATE_ROLLBACK|IMPORT|IMPORT_ROLLBACK)_COMPLETE")


def name_of(stage: str) -> str:
    """Give the name of a stage's own stack of data."""
    return f"hearth-data-{stage}"


class DataStack:
    """One stack."""

    def __init__(self, cloudformation: Any, name: str) -> None:
        self._cloudformation = cloudformation
        self._name = name

    def bring_up(self) -> None:
        """Create or update the stack and wait for it; raise DeployError when that fails."""
        body = {"StackName": self._name, "TemplateBody": templates.DATA.read_text()}
        try:
            self._cloudformation.create_stack(**body)
            waiter = "stack_create_complete"
        except self._cloudformation.exceptions.AlreadyExistsException:
            if not self._update(body):
                return
            waiter = "stack_update_complete"
        try:
            self._cloudformation.get_waiter(waiter).wait(StackName=self._name, WaiterConfig={"Delay": 5})
        except WaiterError as error:
            raise DeployError(f"the stack {self._name} failed; its events in CloudFormation say why") from error

    def names(self) -> dict[str, Any]:
        """Give what references stand for: `Bucket`, `Bucket.Arn`, …, the pseudo parameters, and `queues`: their ARNs.

        Raise DeployError when there is no such stack, or when it is not complete.
        """
        _, partition, _, region, account, *_ = self._complete()["StackId"].split(":")
        place = {"partition": partition, "region": region, "account": account}
        pseudo = {"AWS::Partition": partition, "AWS::Region": region, "AWS::AccountId": account}
        rows = self._cloudformation.describe_stack_resources(StackName=self._name)["StackResources"]
        references = dict(_references(rows, place))
        queues = [row["LogicalResourceId"] for row in rows if row["ResourceType"] == QUEUE]
        return pseudo | references | {"queues": {queue: references[f"{queue}.Arn"] for queue in queues}}

    def _update(self, body: dict[str, str]) -> bool:
        """Start an update; False when there is nothing to do."""
        try:
            self._cloudformation.update_stack(**body)
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return False
            raise
        return True

    def _complete(self) -> dict[str, Any]:
        stack = self._described()
        if not _WHOLE.fullmatch(stack["StackStatus"]):
            raise DeployError(
                f"the stack {self._name} is in the state {stack['StackStatus']}; its events in CloudFormation say why"
            )
        return stack

    def _described(self) -> dict[str, Any]:
        try:
            [stack] = self._cloudformation.describe_stacks(StackName=self._name)["Stacks"]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            region = self._cloudformation.meta.region_name
            raise DeployError(
                f"there is no stack {self._name} in {region}; for a stage's own, `make data STAGE=…` creates it"
            ) from error
        described: dict[str, Any] = stack
        return described


def _references(rows: list[dict[str, Any]], place: dict[str, str]) -> Iterator[tuple[str, str]]:
    for row in rows:
        logical, physical = row["LogicalResourceId"], row.get("PhysicalResourceId", "")
        yield logical, physical
        if row["ResourceType"] in _ARNS:
            name = physical.rpartition("/")[2]  # a queue's physical name is its URL
            yield f"{logical}.Arn", _ARNS[row["ResourceType"]].format(name=name, **place)
