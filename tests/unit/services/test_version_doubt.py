"""labelloop.services.version_doubt: read once a version, and done without where there is none."""

import pytest

from labelloop.domain.version_files import VersionFiles
from labelloop.errors import ServiceFailedError
from labelloop.services import version_doubt
from tests.unit import calibrated
from tests.unit.account import Account


def _count_reads(account: Account) -> list[str]:
    keys: list[str] = []

    def note(params: dict[str, object], **_: object) -> None:
        keys.append(str(params["url_path"]))

    account.hook("s3", "before-call.s3.GetObject", note)
    return keys


def test_it_is_read_once_a_version(account: Account) -> None:
    calibrated.keep(account, "v1")
    calibrated.keep(account, "v2")
    reads = _count_reads(account)
    for _ in range(3):
        assert version_doubt.calibration("v1") == calibrated.CALIBRATION
        account.clock.advance(3600)
        assert version_doubt.calibration("v2") == calibrated.CALIBRATION
    assert len(reads) == 2


@pytest.mark.parametrize(
    "content",
    [None, b"", b"[]", b"{}", b'{"calibration": null}', b'{"calibration": {"labels": 1}}'],
)
def test_without_one_that_can_be_read_it_is_looked_for_again_after_a_while(
    account: Account, content: bytes | None
) -> None:
    """A version that was evaluated by an earlier release may get one."""
    if content is not None:
        account.put(VersionFiles("v1").doubt, content)
    reads = _count_reads(account)
    assert version_doubt.calibration("v1") is None
    account.clock.advance(599)
    calibrated.keep(account)
    assert version_doubt.calibration("v1") is None
    assert len(reads) == 1
    account.clock.advance(1)
    assert version_doubt.calibration("v1") == calibrated.CALIBRATION


def test_a_bucket_that_fails_is_no_version_without(account: Account) -> None:
    calibrated.keep(account)

    def fail(**_: object) -> None:
        raise ServiceFailedError("Another time.")

    account.hook("s3", "before-call.s3.GetObject", fail)
    with pytest.raises(ServiceFailedError):
        version_doubt.calibration("v1")
    account.unhook()
    account._hooks.clear()
    assert version_doubt.calibration("v1") == calibrated.CALIBRATION
