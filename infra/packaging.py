"""Makes the controller's package and its template, with the data in it, for CloudFormation to deploy."""

import json
import os
from pathlib import Path

from infra import clean_tree, stage_files, templates
from infra.chalice_cli import chalice


def package(stage: str, out: Path) -> Path:
    """Write `deployment.zip` and `sam.json` for a stage into `out` and give the template's path; talks to no AWS."""
    out.mkdir(parents=True, exist_ok=True)
    with clean_tree.copied() as api:
        stage_files.write_template(api)
        overlay = api.parent / "overlay.json"
        overlay.write_text(json.dumps(templates.overlay()))
        arguments = ["package", "--stage", stage, "--merge-template", str(overlay), str(out.resolve())]
        # Chalice wants a region even where it talks to no AWS.
        chalice(api, arguments, {"AWS_DEFAULT_REGION": os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"})
    template = out / "sam.json"
    template.write_text(json.dumps(templates.with_queues(templates.load(template)), indent=2) + "\n")
    return template
