"""What a stack may be called.

Its name is part of the names of other things, which have rules.
"""

LONGEST = 54
"""A schedule's name may have 64 letters, and the longest ending of ours is ``-selection``."""
RESERVED = ("aws", "ssm")
"""Parameter Store lets nobody's parameters begin so, in letters of either size."""


def refusal(name: str) -> str | None:
    """Why no stack can be deployed under this name, and what to do; None where one can."""
    if len(name) > LONGEST:
        why = (
            f"has {len(name)} letters, but may have {LONGEST}: names of schedules begin with it, "
            "and have 64 at the most"
        )
    elif name.lower().startswith(RESERVED):
        why = (
            f"begins with {name[:3]}, but names of parameters begin with it, and AWS keeps "
            f"{' and '.join(RESERVED)} for itself there"
        )
    else:
        return None
    return f"The stack's name {name!r} {why}. Deploy under another name: sam deploy --stack-name"
