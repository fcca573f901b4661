"""The stage of a REST API, which moto's CloudFormation lacks.

Importing this module is enough: moto asks its base class for its subclasses.
"""

from typing import Any

from moto.apigateway.models import apigateway_backends
from moto.core.common_models import CloudFormationModel


class Stage(CloudFormationModel):
    """`AWS::ApiGateway::Stage`."""

    def __init__(self, name: str) -> None:
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type() -> str:
        return "StageName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::ApiGateway::Stage"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> "Stage":
        api_id = cloudformation_json["Properties"]["RestApiId"]
        backend = apigateway_backends[account_id][region_name]
        [deployment] = backend.get_deployments(api_id)
        backend.create_stage(api_id, resource_name, deployment.id)
        return cls(resource_name)
