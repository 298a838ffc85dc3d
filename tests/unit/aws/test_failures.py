"""labelloop.aws.failures: AWS's errors as ours."""

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from labelloop import errors
from labelloop.aws.failures import BY_CODE, translated


def _error(code: str, status: int = 400, message: str = "No.") -> ClientError:
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "Operation")  # type: ignore[arg-type]


@pytest.mark.parametrize("code", BY_CODE)
def test_a_known_error_is_raised_as_ours_in_the_services_words_and_chained(code: str) -> None:
    with pytest.raises(BY_CODE[code], match=r"^Busy today\.$") as raised, translated():
        raise _error(code, message="Busy today.")
    assert isinstance(raised.value.__cause__, ClientError)


def test_an_unknown_error_passes_through_as_it_is() -> None:
    with pytest.raises(ClientError, match="Unheard"), translated():
        raise _error("UnheardOfException")


@pytest.mark.parametrize("status", [500, 502, 503, 529])
def test_an_unknown_failure_on_the_services_side_may_be_tried_again(status: int) -> None:
    with pytest.raises(errors.ServiceFailedError), translated():
        raise _error("UnheardOfException", status)


@pytest.mark.parametrize("unreachable", [ConnectTimeoutError, ReadTimeoutError])
def test_a_service_that_cannot_be_reached_may_be_tried_again(unreachable: type[Exception]) -> None:
    with pytest.raises(errors.ServiceFailedError), translated():
        raise unreachable(endpoint_url="https://example.com")  # type: ignore[call-arg]


def test_errors_of_our_own_are_left_alone() -> None:
    with pytest.raises(KeyError), translated():
        raise KeyError("x")
