"""labelloop.aws.sampling_position: it moves from where it was read."""

import pytest

from labelloop.aws import sampling_position
from labelloop.domain.origins import Stratum
from labelloop.domain.sampling import START, LogCounts, Position
from labelloop.errors import ChangedMeanwhileError
from tests.unit.account import Account


def test_the_sampling_position_moves_from_where_it_was_read(account: Account) -> None:
    assert sampling_position.read() == START
    log = LogCounts({Stratum("v1", accepted=True): 7}, {"v1": 2}, 1)
    one, two = Position("2026#a", 3), Position("2026#b", 1, 5, log)
    sampling_position.move(START, one)
    sampling_position.move(one, two)
    for before in (START, one):
        with pytest.raises(ChangedMeanwhileError):
            sampling_position.move(before, one)
    assert sampling_position.read() == two
    assert sampling_position.log_shares() == log.shares
