"""Brings the data's CloudFormation stack to what data.json says and tells what came of it; it never deletes one."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from infra import templates
from infra.errors import DeployError

#: How each kind of resource spells its ARN. CloudFormation tells only the physical name, and the data has these kinds.
_ARNS = {
    "AWS::S3::Bucket": "arn:{partition}:s3:::{name}",
    "AWS::DynamoDB::Table": "arn:{partition}:dynamodb:{region}:{account}:table/{name}",
    "AWS::SQS::Queue": "arn:{partition}:sqs:{region}:{account}:{name}",
}

QUEUE = "AWS::SQS::Queue"


class DataStack:
    """The stack of one stage."""

    def __init__(self, cloudformation: Any, stage: str) -> None:
        self._cloudformation = cloudformation
        self._name = f"hearth-data-{stage}"

    def bring_up(self) -> None:
        """Create or update the stack and wait for it; raise DeployError when it does not come to be."""
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
            raise DeployError(
                f"the stack {self._name} did not come to be; its events in CloudFormation say why"
            ) from error

    def names(self) -> dict[str, str]:
        """Give what references stand for: `Bucket`, `Bucket.Arn`, …, and the pseudo parameters."""
        [stack] = self._cloudformation.describe_stacks(StackName=self._name)["Stacks"]
        _, partition, _, region, account, *_ = stack["StackId"].split(":")
        place = {"partition": partition, "region": region, "account": account}
        pseudo = {"AWS::Partition": partition, "AWS::Region": region, "AWS::AccountId": account}
        return pseudo | dict(self._references(place))

    def queue_arns(self) -> dict[str, str]:
        """Give the ARN of every queue by its logical name."""
        names = self.names()
        queues = [row["LogicalResourceId"] for row in self._resources() if row["ResourceType"] == QUEUE]
        return {queue: names[f"{queue}.Arn"] for queue in queues}

    def _update(self, body: dict[str, str]) -> bool:
        """Start an update; False when there is nothing to do."""
        try:
            self._cloudformation.update_stack(**body)
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return False
            raise
        return True

    def _references(self, place: dict[str, str]) -> Iterator[tuple[str, str]]:
        for row in self._resources():
            logical, physical = row["LogicalResourceId"], row["PhysicalResourceId"]
            yield logical, physical
            if row["ResourceType"] in _ARNS:
                name = physical.rpartition("/")[2]  # a queue's physical name is its URL
                yield f"{logical}.Arn", _ARNS[row["ResourceType"]].format(name=name, **place)

    def _resources(self) -> list[dict[str, Any]]:
        answer = self._cloudformation.describe_stack_resources(StackName=self._name)
        rows: list[dict[str, Any]] = answer["StackResources"]
        return rows
