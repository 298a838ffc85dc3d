"""labelloop.services.api_images: counted in blocks, by several containers, over midnight."""

from typing import Any

import pytest

from labelloop.aws import daily_counts
from labelloop.domain.ceilings import block_of
from labelloop.domain.parameters import API_IMAGES
from labelloop.errors import ApiImagesSpentError, ThrottledError
from labelloop.services.api_images import ApiImages
from tests.unit.account import Account

TODAY = "2026-11-21"


@pytest.fixture
def counts(account: Account) -> list[str]:
    """The names of the calls that count."""
    calls: list[str] = []
    account.hook(
        "dynamodb", "before-call.dynamodb.UpdateItem", lambda model, **_: calls.append(model.name)
    )
    return calls


def _taken(container: ApiImages, most: int) -> int:
    """How many images it takes until it takes no more."""
    for number in range(most):
        try:
            container.take()
        except ApiImagesSpentError:
            return number
    return most


def test_a_block_is_one_call_however_many_images_it_has(
    account: Account, counts: list[str]
) -> None:
    container = ApiImages()
    block = block_of(20_000)
    assert _taken(container, block) == block
    assert len(counts) == 1
    container.take()
    assert len(counts) == 2
    assert daily_counts.api_images(TODAY) == 2 * block


def test_containers_together_take_as_many_as_the_ceiling_and_no_more(account: Account) -> None:
    account.set_parameter(API_IMAGES, "2500")
    assert daily_counts.count_api_images(TODAY, 2250, 2500) == 2250
    containers = [ApiImages() for _ in range(4)]
    taken = 0
    for _ in range(100):
        taken += sum(_taken(container, 1) for container in containers)
    assert taken == 250
    assert daily_counts.api_images(TODAY) == 2500


def test_containers_that_end_leave_no_more_unused_than_a_block_each(account: Account) -> None:
    """A container an image, of which the last ones find the day spent."""
    account.set_parameter(API_IMAGES, "20000")
    block, ended = block_of(20_000), 30
    assert daily_counts.count_api_images(TODAY, 20_000 - ended * block, 20_000)
    assert sum(_taken(ApiImages(), 1) for _ in range(2 * ended)) == ended


def test_on_the_next_day_more_are_taken_at_once(account: Account) -> None:
    account.set_parameter(API_IMAGES, "3")
    container = ApiImages()
    assert _taken(container, 10) == 3
    account.clock.advance(14 * 3600 + 44 * 60 + 32)  # 23:59:59
    assert _taken(container, 10) == 0
    account.clock.advance(1)
    assert _taken(container, 10) == 3


def test_what_is_left_at_midnight_is_not_taken_beside_the_next_days(account: Account) -> None:
    account.set_parameter(API_IMAGES, "20000")
    container = ApiImages()
    container.take()
    account.clock.advance(86_400)
    account.set_parameter(API_IMAGES, "2")
    assert _taken(container, 10) == 2


def test_a_day_that_is_spent_is_not_asked_for_each_image(
    account: Account, counts: list[str]
) -> None:
    account.set_parameter(API_IMAGES, "1")
    container = ApiImages()
    container.take()
    for _ in range(50):
        with pytest.raises(ApiImagesSpentError, match="One image came by the API today"):
            container.take()
    assert len(counts) == 2
    account.set_parameter(API_IMAGES, "2")
    account.clock.advance(60)
    container.take()


def test_without_a_ceiling_nothing_is_counted(account: Account, counts: list[str]) -> None:
    account.set_parameter(API_IMAGES, "0")
    assert _taken(ApiImages(), 500) == 500
    assert counts == []


def test_a_count_that_fails_takes_no_image_and_the_next_one_does(account: Account) -> None:
    failures = iter([ThrottledError("slower")])

    def fail(**_: Any) -> None:
        for error in failures:
            raise error

    account.hook("dynamodb", "before-call.dynamodb.UpdateItem", fail)
    container = ApiImages()
    with pytest.raises(ThrottledError):
        container.take()
    container.take()
    assert daily_counts.api_images(TODAY) == block_of(20_000)


def test_a_block_that_is_counted_twice_is_lost_and_no_image_is_too_many(account: Account) -> None:
    """The answer to the first call was lost, and the SDK made it again."""
    account.set_parameter(API_IMAGES, "10")
    assert daily_counts.count_api_images(TODAY, 4, 10) == 4
    container = ApiImages()
    assert _taken(container, 20) == 6


def test_what_was_not_needed_is_given_back(account: Account) -> None:
    account.set_parameter(API_IMAGES, "2")
    container = ApiImages()
    container.take()
    container.give_back()
    assert _taken(container, 10) == 2


def test_a_days_count_is_forgotten_after_a_month(account: Account) -> None:
    ApiImages().take()
    (item,) = account.items("ModelVersionsTable")
    assert int(item["expires"]["N"]) == 1_795_252_527 + 30 * 86_400
