"""Deploys the controller by `chalice deploy`: data stack first, then Chalice with its names, then the bucket's word.

It makes no network, no Redis and no worker host: docs/deploy.md.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from chalicelib.config import Settings

from infra import clean_tree, surroundings, templates
from infra.chalice_cli import chalice
from infra.data_stack import DataStack
from infra.deployed import Record
from infra.literals import literal
from infra.notification import Notification

Names = dict[str, Any]


class Deployment:
    """One stage in the account and region of `session`."""

    def __init__(self, session: boto3.session.Session, stage: str) -> None:
        self._session = session
        self._stage = stage
        self._data = DataStack(session.client("cloudformation"), stage)
        self._record = Record(stage)

    def deploy(self, environ: Mapping[str, str]) -> None:
        """Bring everything to what the tree says; raise DeployError or SettingsError before anything half done."""
        given = surroundings.parameters(environ)
        self._data.bring_up()
        names = self._data.names() | given
        names["BucketName"] = names["Bucket"]
        with self._tree() as api:
            self._fill_in(api / ".chalice", names)
            chalice(api, ["deploy", "--stage", self._stage], self._queues())
        self._notification(names).set()

    def delete(self) -> None:
        """Take away what `deploy` has made; the data stays."""
        self._notification(self._data.names()).clear()
        with self._tree() as api:
            chalice(api, ["delete", "--stage", self._stage], self._queues())

    @contextmanager
    def _tree(self) -> Iterator[Path]:
        """Give a copy of the controller, and keep what Chalice recorded there even when it failed half way."""
        with tempfile.TemporaryDirectory(prefix="hearth-deploy-") as work:
            api = clean_tree.copy_to(Path(work))
            self._record.give_to(api)
            try:
                yield api
            finally:
                self._record.take_from(api)

    def _fill_in(self, folder: Path, names: Names) -> None:
        """Write values over the references: `chalice deploy` talks to the services, which know no reference."""
        for policy in folder.glob("policy-*.json"):
            policy.write_text(json.dumps(literal(json.loads(policy.read_text()), names)))
        config = json.loads((folder / "config.json").read_text())
        stage = config["stages"][self._stage]
        wanted = literal(templates.controller()["Globals"]["Function"], names)
        stage["environment_variables"] |= wanted["Environment"]["Variables"]
        stage["subnet_ids"] = wanted["VpcConfig"]["SubnetIds"]
        stage["security_group_ids"] = wanted["VpcConfig"]["SecurityGroupIds"]
        Settings.from_env(stage["environment_variables"] | {"AWS_REGION": names["AWS::Region"]})
        (folder / "config.json").write_text(json.dumps(config))

    def _queues(self) -> dict[str, str]:
        return {f"HEARTH_QUEUE_ARN_{queue}": arn for queue, arn in self._data.queue_arns().items()}

    def _notification(self, names: Names) -> Notification:
        known = names | self._record.functions()
        return Notification(self._session.client("s3"), self._session.client("lambda"), known)
