"""Deploys one stage's controller: the data stack, the files that Chalice reads, `chalice deploy`.

The network, Redis and the workers are made elsewhere: docs/deploy.md.
"""

from collections.abc import Mapping
from pathlib import Path

import boto3
from botocore.config import Config

from infra import clean_tree, data_stack, stage_files, surroundings
from infra.chalice_cli import chalice
from infra.data_stack import DataStack

#: Without a network the first answer is an error after a quarter of a minute, not after five.
_PATIENCE = Config(connect_timeout=5, retries={"total_max_attempts": 3})


def stack(session: boto3.session.Session, name: str) -> DataStack:
    """Give the stack of that name, in the account and region of `session`."""
    return DataStack(session.client("cloudformation", config=_PATIENCE), name)


class Deployment:
    """One stage in the account and region of `session`."""

    def __init__(self, session: boto3.session.Session, stage: str) -> None:
        self._stage = stage
        self._data = stack(session, data_stack.name_of(stage))
        self._sts = session.client("sts", config=_PATIENCE)

    def bring_up_data(self) -> None:
        """Create or update the stage's data."""
        self._data.bring_up()

    def write(self, environ: Mapping[str, str]) -> Path:
        """Write what `chalice deploy` reads and give the configuration's path; changes nothing in the account."""
        return stage_files.write(self._stage, surroundings.parameters(environ) | self._data.names())

    def deploy(self, environ: Mapping[str, str]) -> None:
        """Bring data and controller to what the tree says; raise DeployError before anything when a setting lacks."""
        surroundings.parameters(environ)
        self.bring_up_data()
        self.write(environ)
        with clean_tree.copied() as api:
            chalice(api, ["deploy", "--stage", self._stage])

    def delete(self) -> None:
        """Delete what `chalice deploy` has made; the data stays."""
        self._sts.get_caller_identity()  # asked first: of bad credentials Chalice would make a traceback
        with clean_tree.copied() as api:
            # Chalice goes by its own record, but does not start without a configuration, and this tree may have none.
            stage_files.write_template(api)
            chalice(api, ["delete", "--stage", self._stage])
