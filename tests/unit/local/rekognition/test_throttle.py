"""How many images a model takes."""

from local.rekognition.throttle import TokenBucket
from tests.unit.local.rekognition.support import ManualClock


def test_a_token_bucket_is_one_second_deep() -> None:
    clock = ManualClock()
    bucket = TokenBucket(3, clock)
    clock.advance(100)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.advance(0.34)
    assert [bucket.take() for _ in range(2)] == [True, False]
