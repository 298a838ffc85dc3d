"""What is said of costs before a command begins something that is billed."""

import sys
from datetime import timedelta
from typing import Any

from labelloop.aws import hosting_state, rekognition
from labelloop.domain.hosting import cost_usd
from labelloop.domain.mails.about_training import TRAINING_HOUR_USD
from labelloop.errors import RefusedError
from labelloop.settings import TAG

from . import models, terminal
from .failures import REFUSED
from .params import effective_values
from .stack import Stack

UPLOAD_USD = 5.00 / 1_000_000
"""For each object that is put into S3, as in ``benchmarks/prices.json``."""
STORED_GB_MONTH_USD = 0.023
TABLE_GB_MONTH_USD = 0.25
TABLE_BACKUP_GB_MONTH_USD = 0.20
LOG_GB_MONTH_USD = 0.03
ALARM_MONTH_USD = 0.10
CLIENT_MONTH_USD = 6.00
"""What is stored in S3, in DynamoDB and for its point-in-time recovery, and in CloudWatch Logs, and
what an alarm and a program's client cost a month, from there as well."""
HOURS_A_MONTH = 730
START = timedelta(minutes=20)
"""It usually takes ten to twenty. Whether these are billed the service does not say."""
_DAY = timedelta(days=1)


def of_training() -> str:
    """What a training costs, and that it cannot be stopped."""
    return (
        f"A training costs about US${TRAINING_HOUR_USD:.2f} an hour where it succeeds, and usually "
        "takes from half an hour to a few hours. Nobody can stop it once it has begun."
    )


def of_running(stack: Stack, name: str) -> str:
    """What a version costs while it serves, as the parameters have it; empty where these cannot be
    read: it is started or not, whatever else whoever asks may not read.
    """
    try:
        values, price = effective_values(), models.unit_hour_usd(stack)
    except REFUSED:
        return ""
    units = int(values["Minimum-Inference-Units"])
    of = "one inference unit" if units == 1 else f"{units} inference units"
    told = (
        f"{name} is billed for as long as it runs, about US${units * price:.2f} an hour with {of}"
    )
    if values["Model-Hosting"] == "always-on":
        day = cost_usd(_DAY, units, price)
        return f"{told}: US${day:.2f} a day, since Model-Hosting is always-on."
    minutes = int(values["Idle-Minutes-Before-Stop"])
    least = cost_usd(START + timedelta(minutes=minutes), units, price)
    return (
        f"{told}. It is stopped when it has had no work for {minutes} minutes: about "
        f"US${least:.2f} at least, its start counted in."
    )


def of_import(images: int) -> list[str]:
    """What taking so many images in costs, and what follows by itself."""
    told = []
    if images * UPLOAD_USD >= 0.01:
        told.append(
            f"To bring {images:,} images in costs up to US${images * UPLOAD_USD:.2f} for requests "
            "to S3, and their storage."
        )
    try:
        values = effective_values()
    except REFUSED:
        return told
    trains = values["Enable-Automatic-Training"] == "true"
    if trains and images >= int(values["Minimum-Untrained-Images"]):
        told.append(
            "The next look by schedule trains on what is new. To let it not: labelloop params set "
            f"Enable-Automatic-Training false. {of_training()}"
        )
    return told


def by_tag(stack: Stack) -> dict[str, Any]:
    """By which tag AWS tells the stack's costs, and what in Rekognition does not have it."""
    arns = [rekognition.project_arn(), *(version.arn for version in rekognition.listed())]
    without = [arn for arn in arns if not _is_tagged(arn)]
    return {"tag": TAG, "value": stack.name, "without": without}


def _is_tagged(arn: str) -> bool:
    """Whether it is seen to be: the service may tell nothing of tags that it does not take."""
    try:
        return rekognition.is_tagged(arn)
    except RefusedError:
        return False


def by_tag_in_words(found: dict[str, Any]) -> list[str]:
    """The same, and how to see them: lines."""
    tag, without = found["tag"], found["without"]
    told = [
        f"AWS tells the stack's costs by the tag {tag} = {found['value']}: in Cost Explorer, by "
        "Filters, Tag. The tag is activated once for the account, and counts from then on: aws ce "
        "update-cost-allocation-tags-status --cost-allocation-tags-status "
        f"TagKey={tag},Status=Active"
    ]
    if without:
        names = ", ".join(arn.partition(":project/")[2].rpartition("/")[0] for arn in without)
        told.append(
            f"Without the tag, so that what they cost is not in it: {names}. A deployment tags "
            "what Rekognition takes a tag for."
        )
    return told


def say_what_starts(stack: Stack) -> None:
    """Say what images that come in start, where the deployed model does not run."""
    try:
        name = models.serving()
        if name is None or hosting_state.is_paused():
            return
        runs = {one.name for one in rekognition.listed() if rekognition.is_active(one.status)}
    except REFUSED:
        return
    told = of_running(stack, name)
    if name not in runs and told:
        terminal.say(f"Images start the model. {told}", err=True)


def can_ask() -> bool:
    """Whether somebody sits at a terminal: a script is told, and not asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
