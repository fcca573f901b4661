"""The policy of a queue, which moto's CloudFormation lacks.

Importing this module before the first stack is made is enough: moto asks its base class for its subclasses. Updating
and deleting are left out, as moto leaves a resource alone that has neither; the policy goes with its queue.
"""

import json
from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.sqs.models import sqs_backends


class QueuePolicy(CloudFormationModel):
    """`AWS::SQS::QueuePolicy`: sets one policy on some queues."""

    def __init__(self, name: str) -> None:
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type() -> str:
        """Give the property that names the resource: it has none."""
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        """Give the type as templates spell it."""
        return "AWS::SQS::QueuePolicy"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> "QueuePolicy":
        """Set the policy on every queue that the resource names."""
        properties = cloudformation_json["Properties"]
        for url in properties["Queues"]:
            policy = {"Policy": json.dumps(properties["PolicyDocument"])}
            sqs_backends[account_id][region_name].set_queue_attributes(url.rpartition("/")[2], policy)
        return cls(resource_name)
