"""What all unit tests share."""

from hypothesis import settings

# A busy machine is no failure: time limits are pytest's.
settings.register_profile("labelloop", deadline=None)
settings.load_profile("labelloop")
