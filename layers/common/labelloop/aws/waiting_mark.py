"""How far images that wait for a model have been sent round."""

from labelloop.aws import model_versions_table as table


def read() -> str:
    """Up to which ``date_id`` of the log the waiting images have been sent; empty for none."""
    values = table.get("state", "waiting_images")
    return values["sent_to"] if values else ""


def move(to: str) -> None:
    """Note up to which ``date_id`` of the log the waiting images have been sent round."""
    table.overwrite("waiting_images", {"sent_to": to})
