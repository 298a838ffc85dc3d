"""The trained part of a model that gives an image several labels: each label's own yes or no.

Every label has a logistic regression of its own against all other images, so their confidences do
not add up to anything. They are damped together when the image is unlike all training images
(``embedding_space`` says why): labels come in many combinations, and no image need resemble one
with the same. Called by ``label_model``; everything here is deterministic.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelvision.embedding_space import (
    Embeddings,
    FamiliarityRamp,
    Indices,
    Matrix,
    Space,
)

Flags = npt.NDArray[np.bool_]

FOLDS = 4
REGULARISATIONS = (0.003, 0.03, 0.3, 3.0)
TEMPERATURES = (0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 4.0)
SEARCH_STEPS, FINAL_STEPS = 150, 400
CONVERGED = 1e-5


@dataclass(frozen=True)
class MultiLabelClassifier:
    """Logistic regressions on embeddings that know what their training images looked like."""

    labels: tuple[str, ...]
    weights: Matrix
    bias: Matrix
    temperature: float
    references: Embeddings
    ramp: FamiliarityRamp

    def confidences(self, embeddings: Embeddings) -> Matrix:
        """Confidences from 0 to 1, a row an embedding, a column a label."""
        logits = embeddings.astype(np.float64) @ self.weights + self.bias
        nearest = (embeddings @ self.references.T).max(axis=1).astype(np.float64)
        damped: Matrix = _sigmoid(logits / self.temperature) * self.ramp.share(nearest)[:, None]
        return damped


def train(
    labels: Sequence[str],
    train_embeddings: Embeddings,
    train_flags: Flags,
    test_embeddings: Embeddings,
    test_flags: Flags,
) -> MultiLabelClassifier:
    """A classifier for ``labels``; the flags have a row an image and a column a label.

    The regularisation is chosen by cross validation on the training images. The temperature and the
    familiarity ramp are calibrated on those held-out answers and on the test images together. Every
    label needs at least one training image.
    """
    space = Space.of(train_embeddings)
    points = space.project(train_embeddings)
    targets = train_flags.astype(np.float64)
    regularisation, logits, truths = _cross_validate(points, targets)
    coefficients = _fit(points, targets, regularisation, FINAL_STEPS)
    evidence = np.concatenate([logits, _logits(space.project(test_embeddings), coefficients)])
    answers = np.concatenate([truths, test_flags.astype(np.float64)])
    weights, bias = space.unproject(coefficients)
    return MultiLabelClassifier(
        labels=tuple(labels),
        weights=weights,
        bias=bias,
        temperature=_best_temperature(evidence, answers),
        references=train_embeddings,
        ramp=_familiarity(train_embeddings, test_embeddings),
    )


def _cross_validate(points: Matrix, targets: Matrix) -> tuple[float, Matrix, Matrix]:
    """The regularisation whose held-out answers were likeliest; their logits and the truths."""
    folds = _deal_into_folds(targets)
    none = np.zeros((0, targets.shape[1]))
    best_loss, best = np.inf, (REGULARISATIONS[-1], none, none)
    splits = [
        (folds != fold, folds == fold)
        for fold in range(FOLDS)
        if (folds == fold).any() and targets[folds != fold].any(axis=0).all()
    ]
    for regularisation in REGULARISATIONS if splits else ():
        answers = [
            _logits(points[held], _fit(points[kept], targets[kept], regularisation, SEARCH_STEPS))
            for kept, held in splits
        ]
        logits = np.concatenate(answers)
        truths = np.concatenate([targets[held] for _, held in splits])
        loss = _loss(logits / _best_temperature(logits, truths), truths)
        if loss < best_loss - 1e-9:
            best_loss, best = loss, (regularisation, logits, truths)
    return best


def _deal_into_folds(targets: Matrix) -> Indices:
    """A fold number for each image, the images of each combination of labels dealt in turn."""
    folds = np.zeros(len(targets), dtype=np.intp)
    folds[np.lexsort(targets.T)] = np.arange(len(targets)) % FOLDS
    return folds


def _fit(points: Matrix, targets: Matrix, regularisation: float, steps: int) -> Matrix:
    """Coefficients of a logistic regression a column, the bias in the last row.

    Nesterov's accelerated gradient from zero.
    """
    count, label_count = targets.shape
    design = np.hstack([points, np.ones((count, 1))])
    step = 1.0 / (0.25 * np.linalg.norm(design, 2) ** 2 / count + regularisation)
    penalty = np.full((design.shape[1], 1), regularisation)
    penalty[-1] = 0.0
    current = ahead = np.zeros((design.shape[1], label_count))
    momentum = 1.0
    for _ in range(steps):
        surplus = _sigmoid(design @ ahead) - targets
        following = ahead - step * (design.T @ surplus / count + penalty * ahead)
        next_momentum = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = following + (momentum - 1) / next_momentum * (following - current)
        change = np.abs(following - current).max()
        current, momentum = following, next_momentum
        if change < CONVERGED:
            break
    return current


def _logits(points: Matrix, coefficients: Matrix) -> Matrix:
    logits: Matrix = points @ coefficients[:-1] + coefficients[-1]
    return logits


def _sigmoid(logits: Matrix) -> Matrix:
    result: Matrix = 1 / (1 + np.exp(-np.clip(logits, -40, 40)))
    return result


def _loss(logits: Matrix, targets: Matrix) -> float:
    likely = np.where(targets > 0, _sigmoid(logits), _sigmoid(-logits))
    return float(-np.log(likely + 1e-6).mean())


def _best_temperature(logits: Matrix, targets: Matrix) -> float:
    """The temperature that makes the right answers likeliest; 1 without evidence."""
    if not len(targets):
        return 1.0
    return min(TEMPERATURES, key=lambda temperature: _loss(logits / temperature, targets))


def _familiarity(train_embeddings: Embeddings, test_embeddings: Embeddings) -> FamiliarityRamp:
    """The ramp, from how alike the images are: training to each other, test to training."""
    among = train_embeddings @ train_embeddings.T
    np.fill_diagonal(among, -1.0)
    alike = [among.max(axis=1)] if len(among) > 1 else []
    if len(test_embeddings):
        alike.append((test_embeddings @ train_embeddings.T).max(axis=1))
    return FamiliarityRamp.of(np.concatenate([np.zeros(0), *alike]))
