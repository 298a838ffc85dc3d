"""A Rekognition Custom Labels emulator that trains a real, small image model."""

from local.rekognition.object_store import ObjectStore
from local.rekognition.resources import Durations
from local.rekognition.service import RekognitionService
from local.rekognition.service_error import ServiceError

__all__ = ["Durations", "ObjectStore", "RekognitionService", "ServiceError"]
