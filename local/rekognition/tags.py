"""The operations on tags; ``service`` hands them their requests."""

from collections.abc import Callable

from local.rekognition.account_resources import Account, not_found
from local.rekognition.resources import Json


class TagOperations:
    """Puts tags on projects, datasets and models, and shows and takes them."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.operations: dict[str, Callable[[Json], Json]] = {
            "TagResource": self._tag_resource,
            "UntagResource": self._untag_resource,
            "ListTagsForResource": self._list_tags_for_resource,
        }

    def _tag_resource(self, request: Json) -> Json:
        with self._account.lock:
            self._tags_of(request).update(request["Tags"])
        return {}

    def _untag_resource(self, request: Json) -> Json:
        with self._account.lock:
            tags = self._tags_of(request)
            for key in request["TagKeys"]:
                tags.pop(key, None)
        return {}

    def _list_tags_for_resource(self, request: Json) -> Json:
        with self._account.lock:
            return {"Tags": dict(self._tags_of(request))}

    def _tags_of(self, request: Json) -> dict[str, str]:
        """The resource's tags, to be changed. Raises ResourceNotFoundException."""
        arn, account = request["ResourceArn"], self._account
        account.forget_the_gone()
        for resources in (account.projects, account.datasets, account.versions):
            if arn in resources:
                return account.tags.setdefault(arn, {})
        raise not_found("resource", arn)
