"""Everything that is changed inside moto 5.2.5, each change with the reason for it.

``apply`` runs once a process, before the first request. Each patch is a function of its own; its
test in ``tests/unit/local/moto_patches/`` shows moto's own behaviour first and fails when moto
learns to do it. moto is pinned: a patch replaces whole functions of that version.
"""

from __future__ import annotations

from local.moto_patches import (
    cognito,
    dynamodb,
    eventbridge,
    every_service,
    iam,
    s3,
    sqs,
    ssm,
    stepfunctions,
    stepfunctions_definitions,
    stepfunctions_tasks,
)
from local.moto_patches.around import Around, Patches

PATCHES: Patches = (
    *every_service.PATCHES,
    *iam.PATCHES,
    *stepfunctions.PATCHES,
    *stepfunctions_definitions.PATCHES,
    *stepfunctions_tasks.PATCHES,
    *eventbridge.PATCHES,
    *s3.PATCHES,
    *ssm.PATCHES,
    *sqs.PATCHES,
    *cognito.PATCHES,
    *dynamodb.PATCHES,
)

_applied: list[Around] = []


def apply(around: Around) -> None:
    """Turns moto into a running system among these parts."""
    if _applied:
        vars(_applied[0]).update(vars(around))
        return
    _applied.append(around)
    for patch in PATCHES:
        patch(around)
