"""Images that came while no model served: sent round again, each about once.

How far the waiting records have been sent is kept by their dates. An image that is looked at in
vain once more gets a new date, and is sent again; one that was sent lies in the queue till then.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from itertools import islice

from labelloop import clock
from labelloop.aws import detections_by_time, queues, told_news, waiting_mark
from labelloop.clock import iso
from labelloop.domain.mails.about_hosting import IMAGES_WAITING_ONCE
from labelloop.settings import Variable

SETTLED_AFTER = timedelta(seconds=30)
"""An index may lag, and clocks differ: younger records are looked at again."""
_AT_ONCE = 1000
_PARALLEL_SENDS = 8


def any_wait() -> bool:
    """Whether there are any that have not been sent round."""
    return next(detections_by_time.waiting(_sent_to()), None) is not None


def any_since(moment: str) -> bool:
    """Whether any waits, sent round or not, that was looked at in vain since that moment."""
    return next(detections_by_time.waiting(moment), None) is not None


def _sent_to() -> str:
    """Up to which ``date_id`` they have been sent.

    A mark that is still to come was made by a clock that was ahead: then nobody knows, and all are
    sent that still wait.
    """
    mark = waiting_mark.read()
    return mark if mark <= f"{iso(clock.now())}~" else ""


def send_round(most: int | None = None) -> int:
    """Give the images of waiting records back to the detection queue; how many there were.

    Not more than ``most``, where that is given.
    """
    # Told again should it come to that again.
    told_news.forget(IMAGES_WAITING_ONCE)
    settled = iso(clock.now() - SETTLED_AFTER)
    records = islice(detections_by_time.waiting(_sent_to()), most)
    sent = 0
    with ThreadPoolExecutor(_PARALLEL_SENDS) as threads:
        while group := list(islice(records, _AT_ONCE)):
            size = -(-len(group) // _PARALLEL_SENDS)
            parts = [
                [record.image.event("Image Waiting") for record in group[start : start + size]]
                for start in range(0, len(group), size)
            ]
            list(threads.map(partial(queues.send, Variable.DETECTION_QUEUE_URL), parts))
            sent += len(group)
            # A run that dies here goes on from here, not from the beginning.
            waiting_mark.move(min(group[-1].date_id, settled))
    return sent
