"""Adds the policy of a queue to moto's CloudFormation, which lacks it.

It is enough to import this module before the first stack is created: moto asks its base class for its subclasses.
Without methods for updates and deletions moto skips the resource then; the policy is deleted with its queue.
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
        """Returns the property that names the resource, of which there is none."""
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        """Returns the type's name in templates."""
        return "AWS::SQS::QueuePolicy"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> "QueuePolicy":
        """Sets the policy on every queue that the resource names."""
        properties = cloudformation_json["Properties"]
        for url in properties["Queues"]:
            policy = {"Policy": json.dumps(properties["PolicyDocument"])}
            sqs_backends[account_id][region_name].set_queue_attributes(url.rpartition("/")[2], policy)
        return cls(resource_name)
