"""The AWS SDK for JavaScript on the running application. `make test-programs` installs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.programs.conftest import LABELS, REGION, Pictures, client_of
from tests.programs.test_guide import delete, wait_for_dataset
from tests.unit.local.small_stack import SmallStack

HERE = Path(__file__).parent / "javascript"


@pytest.mark.skipif(
    shutil.which("node") is None or not (HERE / "node_modules").is_dir(),
    reason="the AWS SDK for JavaScript is not here: make test-programs installs it, with npm",
)
def test_the_sdk_for_javascript_trains_and_asks_a_model(
    application: SmallStack, pictures: Pictures
) -> None:
    folder = f"javascript-{uuid.uuid4()}"
    manifest = pictures.manifest(pictures.lines(folder, 5))
    name = manifest["GroundTruthManifest"]["S3Object"]["Name"]
    image = pictures.put(f"{folder}/image.jpg", "gear")
    ended = subprocess.run(
        ["node", str(HERE / "loop.mjs"), pictures.bucket, name, image],
        env={
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": application.endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "anything",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    project = found.pop("project")
    assert found == {
        "stacks": ["small"],
        "refusedAs": "ResourceInUseException",
        "f1IsNumber": True,
        "createdIsDate": True,
        "labels": list(LABELS),
        "statusMessageIsText": True,
        "isListed": True,
    }
    rekognition = client_of(application, "rekognition")
    (described,) = rekognition.describe_projects(ProjectNames=[project.split("/")[1]])[
        "ProjectDescriptions"
    ]
    wait_for_dataset(rekognition, described["Datasets"][0]["DatasetArn"], "CREATE")
    delete(rekognition, project)
