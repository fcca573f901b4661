"""Makes the controller's package and its template, complete with the data, for CloudFormation to deploy."""

import json
import tempfile
from pathlib import Path

from infra import clean_tree, templates
from infra.chalice_cli import chalice


def package(stage: str, out: Path) -> Path:
    """Write `deployment.zip` and `sam.json` for a stage into `out`; give the template's path. Talks to no AWS."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hearth-package-") as work:
        api = clean_tree.copy_to(Path(work))
        overlay = Path(work) / "overlay.json"
        overlay.write_text(json.dumps(templates.overlay()))
        chalice(api, ["package", "--stage", stage, "--merge-template", str(overlay), str(out.resolve())])
    template = out / "sam.json"
    template.write_text(json.dumps(templates.with_queues(templates.load(template)), indent=2) + "\n")
    return template
