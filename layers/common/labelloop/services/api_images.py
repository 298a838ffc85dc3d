"""How many images come by the API on a day, counted in blocks: a call for a block, not an image.

A container counts a block beforehand and takes images from it. So no more are taken than the
ceiling allows, however many containers there are, and whatever is counted twice; and as many fewer
as are left of the blocks of containers that have ended.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from labelloop import clock
from labelloop.aws import daily_counts, parameters
from labelloop.domain import ceilings
from labelloop.domain.ceilings import Allowance
from labelloop.domain.mails import about_ceilings
from labelloop.errors import ApiImagesSpentError

LOOK_AGAIN_AFTER = timedelta(minutes=1)
"""Whether the day has more by now is not asked for each image that is refused."""


@dataclass
class ApiImages:
    """What one container takes of a day's images."""

    _allowance: Allowance = field(default_factory=Allowance)
    _refused_until: datetime | None = None

    def take(self) -> None:
        """Count one image. Raises ApiImagesSpentError where the day has no more."""
        ceiling = parameters.settings().maximum_daily_api_images
        if not ceiling:
            return
        now = clock.now()
        day = ceilings.day_of(now)
        self._allowance = self._allowance.on(day)
        if not self._allowance.left:
            self._count(now, day, ceiling)
        self._allowance = self._allowance.changed_by(-1)

    def give_back(self) -> None:
        """Let another image have what was taken for one that needs it not."""
        self._allowance = self._allowance.changed_by(1)

    def _count(self, now: datetime, day: str, ceiling: int) -> None:
        if self._refused_until and now < self._refused_until:
            raise ApiImagesSpentError(about_ceilings.api_images_spent(ceiling))
        block = ceilings.block_of(ceiling)
        counted = daily_counts.count_api_images(day, block, ceiling)
        if counted is None:
            until_midnight = ceilings.until_next_day(now)
            self._refused_until = now + min(LOOK_AGAIN_AFTER, until_midnight)
            raise ApiImagesSpentError(about_ceilings.api_images_spent(ceiling))
        self._allowance = self._allowance.with_block(counted, block, ceiling)


this_container = ApiImages()
