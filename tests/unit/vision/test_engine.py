"""The eye's parts on their own: drawing, weights, backbone, calibration, thresholds."""

import io
import os
import pickle
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from labelloop_pages import machine_parts
from labelvision import networks
from labelvision.backbone import EMBEDDING_SIZE, Backbone
from labelvision.classifier import train
from labelvision.conversion import convert_into
from labelvision.evaluation import evaluate
from labelvision.weights import read_torch_weights


@pytest.mark.parametrize("label", machine_parts.LABELS)
def test_a_drawing_is_the_same_for_the_same_seed_only(label: str) -> None:
    one, same, other = (machine_parts.draw(label, random.Random(seed)) for seed in (1, 1, 2))
    assert one.size == (machine_parts.DEFAULT_SIZE_PX, machine_parts.DEFAULT_SIZE_PX)
    assert one.mode == "RGB"
    assert one.tobytes() == same.tobytes()
    assert one.tobytes() != other.tobytes()


def test_only_known_labels_can_be_drawn_in_any_size() -> None:
    assert machine_parts.draw("nut", random.Random(1), size=256).size == (256, 256)
    assert machine_parts.draw_unrelated(random.Random(1), size=320).size == (320, 320)
    with pytest.raises(KeyError):
        machine_parts.draw("banana", random.Random(1))


def test_an_embedding_has_unit_length_and_is_the_same_every_time(converted: Path) -> None:
    image = machine_parts.draw("gear", random.Random(1))
    first, second = Backbone(converted).embed(image), Backbone(converted).embed(image)
    assert first.shape == (EMBEDDING_SIZE,)
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)
    assert np.allclose(first, second, atol=1e-6)


def test_two_may_convert_the_network_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(convert_into, [tmp_path / "new", tmp_path / "new"]))
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {networks.EMBEDDING, networks.GRID}


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1 + 1",)


def test_a_weights_file_cannot_run_code(tmp_path: Path) -> None:
    file = io.BytesIO()
    pickle.dump(Malicious(), file)
    path = tmp_path / "weights.pth"
    path.write_bytes(file.getvalue())
    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.eval"):
        read_torch_weights(path)


def unit_vectors(
    centre: npt.NDArray[np.float64], count: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    points = centre + 0.5 * rng.standard_normal((count, len(centre))) / np.sqrt(len(centre))
    unit: npt.NDArray[np.float64] = points / np.linalg.norm(points, axis=1, keepdims=True)
    return unit.astype(np.float32)


def test_confidence_falls_with_distance_from_the_labels_training_images() -> None:
    rng = np.random.default_rng(1)
    first, second, far = np.eye(64)[:3]
    images = np.concatenate([unit_vectors(first, 10, rng), unit_vectors(second, 10, rng)])
    labels = np.repeat([0, 1], 10)
    tests = np.concatenate([unit_vectors(first, 5, rng), unit_vectors(second, 5, rng)])
    trained = train(("a", "b"), images, labels, tests, np.repeat([0, 1], 5))
    near = trained.confidences(unit_vectors(first, 5, rng))
    assert (near.argmax(axis=1) == 0).all()
    assert np.median(near[:, 0]) > 0.7
    leaning = unit_vectors(far + 0.5 * first, 5, rng)
    assert trained.confidences(leaning).max() < 0.3


def test_the_assumed_threshold_is_where_f1_is_best() -> None:
    confidences = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]])
    result = evaluate(("a", "b"), ["a", "a", "b", "b"], confidences)
    first, second = result.results
    assert first.threshold == pytest.approx(0.7)
    assert second.threshold == pytest.approx(0.3)
    assert (first.f1, second.f1, result.f1) == (1.0, 1.0, 1.0)
    assert result.confusion == {("a", "a"): 1.0, ("b", "a"): 0.5, ("b", "b"): 0.5}


def test_figures_are_means_over_the_labels_that_have_test_images() -> None:
    confidences = np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.1, 0.2, 0.0]])
    result = evaluate(("a", "b", "c"), ["a", "a", "b"], confidences)
    assert [item.label for item in result.tested] == ["a", "b"]
    assert result.f1 == pytest.approx((1 + result.results[1].f1) / 2)
    assert all(0.1 <= item.threshold <= 0.9 for item in result.results)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted on Linux")
def test_matrices_are_multiplied_in_one_thread() -> None:
    program = (
        "import local, os, numpy; numpy.ones((400, 400)) @ numpy.ones((400, 400)); "
        "print(len(os.listdir('/proc/self/task')))"
    )
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=True
    )
    assert int(done.stdout) == 1
