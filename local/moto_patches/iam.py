"""What is changed of moto's IAM."""

from __future__ import annotations

from typing import Any

from moto.core.config import default_user_config
from moto.iam.models import IAMBackend

from local.moto_patches.around import Around, Patches


def know_managed_policies(_: Around) -> None:
    """moto has AWS's managed policies, and attaches them to nobody unless told to load them. It
    would do so for each of AWS's partitions, though nobody here is in another one.
    """
    default_user_config["iam"] = {"load_aws_managed_policies": True}
    load = IAMBackend._init_aws_policies

    def _init_aws_policies(self: Any) -> Any:
        return load(self) if self.region_name == "aws" else []

    IAMBackend._init_aws_policies = _init_aws_policies


PATCHES: Patches = (know_managed_policies,)
