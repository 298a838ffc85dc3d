"""A Rekognition Custom Labels emulator that trains a real, small image model."""

from local.rekognition.errors import ServiceError
from local.rekognition.objects import ObjectStore
from local.rekognition.resources import Durations
from local.rekognition.service import RekognitionService

__all__ = ["Durations", "ObjectStore", "RekognitionService", "ServiceError"]
