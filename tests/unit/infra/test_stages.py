"""Which stages there are."""

import pytest

from infra import stages
from infra.errors import DeployError


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_stages_of_the_template_are_stages(stage: str) -> None:
    stages.check(stage)


@pytest.mark.parametrize("stage", ["", "a b", "Dev", "dev_1", "1dev", "dev;", "-dev", "d" * 31, "../dev", "dév"])
def test_a_name_that_no_stack_could_have_is_no_stage(stage: str) -> None:
    with pytest.raises(DeployError, match="cannot be a stage: a name has lower-case letters, digits and hyphens"):
        stages.check(stage)


def test_a_stage_that_the_template_lacks_is_answered_with_those_that_it_has() -> None:
    with pytest.raises(
        DeployError, match=r"there is no stage test: api/\.chalice/config\.template\.json has dev, prod"
    ):
        stages.check("test")
