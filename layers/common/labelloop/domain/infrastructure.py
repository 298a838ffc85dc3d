"""What is said where somebody has switched off or deleted a part of the stack by hand."""


def about_deleted(part: str, matters: str) -> str:
    """That the part is gone, what that means, and how it comes back: sentences."""
    return (
        f"{part} was deleted: {matters}. CloudFormation does not miss it: take it out of "
        "template.yaml, deploy, put it in again, and deploy once more."
    )


def about_disabled(part: str, matters: str, command: str) -> str:
    """That the part is switched off, what that means, and how to switch it on: a sentence."""
    return f"{part} is switched off: {matters}. To switch it on: {command}"
