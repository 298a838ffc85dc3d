"""labelloop.domain.messages: what SNS takes."""

import re

from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import messages


@given(st.text(min_size=1))
def test_any_text_becomes_a_subject_that_sns_takes(text: str) -> None:
    subject = messages.subject_line(f"File {text}: cat")
    assert re.fullmatch(r"[\x20-\x7e]{1,99}", subject)
