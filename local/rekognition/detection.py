"""The operation DetectCustomLabels; ``service`` hands it its requests."""

import base64
from collections.abc import Callable, Sequence

from labelvision import images
from labelvision.boxes import Finding
from local.rekognition.account_resources import Account, invalid
from local.rekognition.resources import Json
from local.rekognition.service_error import ServiceError
from local.rekognition.trainers import TrainedModel

MAXIMUM_REQUEST_BYTES = 4 * 1024 * 1024


class DetectionOperations:
    """Asks running models."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.operations: dict[str, Callable[[Json], Json]] = {
            "DetectCustomLabels": self._detect_custom_labels,
        }

    def _detect_custom_labels(self, request: Json) -> Json:
        model = self._running_model(request["ProjectVersionArn"])
        content, maximum_bytes = self._image_content(request["Image"])
        try:
            image = images.decode(content, maximum_bytes, model.decoded_side_px)
        except images.UnusableImageError as error:
            raise ServiceError(_image_error_code(error.problem), str(error)) from error
        # Boxes are told as they are in the image as its metadata want it shown:
        # https://docs.aws.amazon.com/rekognition/latest/dg/images-orientation.html
        upright = images.upright(image)
        found = model.find(content, upright, self._account.backbone())
        return {"CustomLabels": _select_labels(found, model, request)}

    def _running_model(self, arn: str) -> TrainedModel:
        with self._account.lock:
            version = self._account.version(arn)
            status = version.status(self._account.clock())
            model, hosting = version.model, version.hosting
        if status != "RUNNING" or model is None or hosting is None:
            message = f"ProjectVersion {arn} is not in a RUNNING state: its status is {status}."
            raise ServiceError("ResourceNotReadyException", message)
        if not hosting.bucket.take():
            per_second = hosting.minimum_units * self._account.tps_per_inference_unit
            raise ServiceError(
                "ProvisionedThroughputExceededException",
                f"{hosting.minimum_units} inference units take {per_second:g} images a second.",
            )
        return model

    def _image_content(self, image: Json) -> tuple[bytes, int]:
        """The image's bytes, and how many of them are allowed."""
        if set(image) == {"Bytes"}:
            return base64.b64decode(image["Bytes"]), MAXIMUM_REQUEST_BYTES
        if set(image) != {"S3Object"} or not {"Bucket", "Name"} <= set(image["S3Object"]):
            raise invalid("Image must have either Bytes or an S3Object with Bucket and Name.")
        return self._account.read_s3(image["S3Object"]), images.MAXIMUM_S3_BYTES


def _select_labels(found: Sequence[Finding], model: TrainedModel, request: Json) -> list[Json]:
    """The labels above MinConfidence, or else above their own assumed thresholds; surest first."""
    minimum_pct = request.get("MinConfidence")
    thresholds = model.evaluation.thresholds
    kept = [
        finding
        for finding in found
        if finding.confidence * 100
        >= (thresholds[finding.label] * 100 if minimum_pct is None else minimum_pct)
    ]
    kept.sort(key=lambda finding: -finding.confidence)
    return [_custom_label(finding) for finding in kept[: request.get("MaxResults")]]


def _custom_label(finding: Finding) -> Json:
    label: Json = {"Name": finding.label, "Confidence": finding.confidence * 100}
    if finding.box:
        left, top, width, height = finding.box
        box = {"Width": width, "Height": height, "Left": left, "Top": top}
        label["Geometry"] = {"BoundingBox": box}
    return label


def _image_error_code(problem: images.Problem) -> str:
    return {
        images.Problem.TOO_MANY_BYTES: "ImageTooLargeException",
        images.Problem.TOO_LARGE: "ImageTooLargeException",
        images.Problem.NOT_AN_IMAGE: "InvalidImageFormatException",
        images.Problem.CUT_OFF: "InvalidImageFormatException",
        images.Problem.BROKEN: "InvalidImageFormatException",
        images.Problem.TOO_SMALL: "InvalidParameterException",
        images.Problem.TOO_LONG: "InvalidParameterException",
    }[problem]
