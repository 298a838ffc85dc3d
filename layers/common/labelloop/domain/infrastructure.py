"""What is said where somebody has deleted a part of the stack by hand."""

BRING_BACK = (
    "CloudFormation does not miss it: take it out of template.yaml, deploy, put it in again, and "
    "deploy once more."
)


def about_deleted(part: str, matters: str) -> str:
    """That the part is gone, what that means, and how it comes back: sentences."""
    return f"{part} was deleted: {matters}. {BRING_BACK}"
