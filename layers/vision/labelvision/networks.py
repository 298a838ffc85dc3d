"""The networks' files: ``conversion`` writes them, ``backbone`` and ``feature_grid`` run them.

A converted network that would differ gets a new name: caches keep those that they have.
"""

from pathlib import Path

EMBEDDING = "efficientnet-lite0-v1.onnx"
"""From an image to its embedding."""
GRID = "efficientnet-lite0-grid-v1.onnx"
"""To the last blocks of the stages whose maps are 1/8, 1/16 and 1/32 of the image."""
FOLDER = Path(__file__).parent / "networks"
"""Where the layer's build puts them."""
