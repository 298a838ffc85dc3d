"""What is said where somebody has switched off or deleted a part of the stack by hand."""

BRING_BACK = (
    "CloudFormation does not miss it: take it out of template.yaml, deploy, put it in again, and "
    "deploy once more."
)
NO_IMAGES = "new images are not detected; what came meanwhile is found by: labelloop missed"
NO_ANSWERS = "what people answer is not taken in"


def about_deleted(part: str, matters: str) -> str:
    """That the part is gone, what that means, and how it comes back: sentences."""
    return f"{part} was deleted: {matters}. {BRING_BACK}"


def about_rule_off(rule: str, matters: str) -> str:
    """That the rule is switched off, what that means, and how to switch it on: sentences."""
    return f"The rule {rule} is switched off: {matters}. To switch it on: {enable_rule(rule)}"


def enable_rule(rule: str) -> str:
    """The command that switches the rule on."""
    return f"aws events enable-rule --name {rule}"
