"""The trained part of a model that gives an image one label: which, and how sure that is.

A label's confidence is its calibrated probability, damped when the image is less like that label's
training images than training images are like each other (``embedding_space`` says why). Called by
``label_model``; everything here is deterministic.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelvision.embedding_space import (
    Embeddings,
    FamiliarityRamp,
    Indices,
    Matrix,
    Space,
)

FOLDS = 4
REGULARISATIONS = (0.003, 0.03, 0.3, 3.0)
TEMPERATURES = (0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 4.0)
SEARCH_STEPS, FINAL_STEPS = 150, 400
CONVERGED = 1e-5


@dataclass(frozen=True)
class Classifier:
    """A logistic regression on embeddings that knows what its training images looked like."""

    labels: tuple[str, ...]
    weights: Matrix
    bias: Matrix
    temperature: float
    references: Embeddings
    reference_labels: Indices
    ramp: FamiliarityRamp

    def confidences(self, embeddings: Embeddings) -> Matrix:
        """Confidences from 0 to 1, a row an embedding, a column a label; rows sum to 1 or less."""
        logits = embeddings.astype(np.float64) @ self.weights + self.bias
        probabilities = _softmax(logits / self.temperature)
        similarities = _nearest(
            embeddings, self.references, self.reference_labels, len(self.labels)
        )
        damped: Matrix = probabilities * self.ramp.share(similarities)
        return damped


def train(
    labels: Sequence[str],
    train_embeddings: Embeddings,
    train_labels: Indices,
    test_embeddings: Embeddings,
    test_labels: Indices,
) -> Classifier:
    """A classifier for ``labels``; images are given as unit embeddings and indices into ``labels``.

    The regularisation is chosen by cross validation on the training images. The temperature and the
    familiarity ramp are calibrated on those held-out answers and on the test images together, since
    either alone is often only a handful. Every label needs at least one training image.
    """
    space = Space.of(train_embeddings)
    points = space.project(train_embeddings)
    targets = np.eye(len(labels))[train_labels]
    regularisation, held_out = _cross_validate(points, targets, train_labels)
    coefficients = _fit(points, targets, regularisation, FINAL_STEPS)
    test_logits = _logits(space.project(test_embeddings), coefficients)
    evidence = np.concatenate([held_out.logits, test_logits])
    answers = np.concatenate([held_out.labels, test_labels])
    weights, bias = space.unproject(coefficients)
    return Classifier(
        labels=tuple(labels),
        weights=weights,
        bias=bias,
        temperature=_best_temperature(evidence, answers),
        references=train_embeddings,
        reference_labels=train_labels,
        ramp=_familiarity(
            train_embeddings, train_labels, test_embeddings, test_labels, len(labels)
        ),
    )


@dataclass(frozen=True)
class _HeldOut:
    """Answers of models that had not seen the image."""

    logits: Matrix
    labels: Indices


def _cross_validate(points: Matrix, targets: Matrix, labels: Indices) -> tuple[float, _HeldOut]:
    """The regularisation whose held-out answers were likeliest, and those answers."""
    folds = _deal_into_folds(labels)
    best_loss, best = (
        np.inf,
        (REGULARISATIONS[-1], _HeldOut(np.zeros((0, targets.shape[1])), labels[:0])),
    )
    for regularisation in REGULARISATIONS:
        answers: list[Matrix] = []
        truths: list[Indices] = []
        for fold in range(FOLDS):
            held, kept = folds == fold, folds != fold
            every_label_is_kept = bool(kept.any() and targets[kept].any(axis=0).all())
            if not held.any() or not every_label_is_kept:
                continue
            coefficients = _fit(points[kept], targets[kept], regularisation, SEARCH_STEPS)
            answers.append(_logits(points[held], coefficients))
            truths.append(labels[held])
        if not answers:
            break
        held_out = _HeldOut(np.concatenate(answers), np.concatenate(truths))
        temperature = _best_temperature(held_out.logits, held_out.labels)
        loss = _loss(held_out.logits / temperature, held_out.labels)
        if loss < best_loss - 1e-9:
            best_loss, best = loss, (regularisation, held_out)
    return best


def _deal_into_folds(labels: Indices) -> Indices:
    """A fold number for each image, each label's images dealt round in turn."""
    folds = np.zeros(len(labels), dtype=np.intp)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        folds[members] = np.arange(len(members)) % FOLDS
    return folds


def _fit(points: Matrix, targets: Matrix, regularisation: float, steps: int) -> Matrix:
    """Coefficients of a multinomial logistic regression, the bias in the last row.

    Nesterov's accelerated gradient from zero; every label weighs the same, whatever its images.
    """
    count, label_count = targets.shape
    design = np.hstack([points, np.ones((count, 1))])
    balance = targets @ (count / (label_count * targets.sum(axis=0)))
    step = 1.0 / (0.5 * balance.max() * np.linalg.norm(design, 2) ** 2 / count + regularisation)
    penalty = np.full((design.shape[1], 1), regularisation)
    penalty[-1] = 0.0
    current = ahead = np.zeros((design.shape[1], label_count))
    momentum = 1.0
    for _ in range(steps):
        surplus = (_softmax(design @ ahead) - targets) * balance[:, None]
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


def _softmax(logits: Matrix) -> Matrix:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Matrix = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares


def _loss(logits: Matrix, labels: Indices) -> float:
    right = _softmax(logits)[np.arange(len(labels)), labels]
    return float(-np.log(right + 1e-6).mean())


def _best_temperature(logits: Matrix, labels: Indices) -> float:
    """The temperature that makes the right answers likeliest; 1 without evidence."""
    if not len(labels):
        return 1.0
    return min(TEMPERATURES, key=lambda temperature: _loss(logits / temperature, labels))


def _nearest(
    embeddings: Embeddings, references: Embeddings, reference_labels: Indices, label_count: int
) -> Matrix:
    """The cosine to the most similar reference: a row an embedding, a column a label."""
    cosines = embeddings @ references.T
    columns = [cosines[:, reference_labels == label].max(axis=1) for label in range(label_count)]
    return np.stack(columns, axis=1).astype(np.float64)


def _familiarity(
    train_embeddings: Embeddings,
    train_labels: Indices,
    test_embeddings: Embeddings,
    test_labels: Indices,
    label_count: int,
) -> FamiliarityRamp:
    """The ramp, from how alike a label's images are: training to each other, test to training."""
    same = train_labels[:, None] == train_labels[None, :]
    np.fill_diagonal(same, False)
    among = np.where(same, train_embeddings @ train_embeddings.T, -1.0).max(axis=1)
    of_tests = _nearest(test_embeddings, train_embeddings, train_labels, label_count)
    to_tests = of_tests[np.arange(len(test_labels)), test_labels]
    alike = np.concatenate([among[same.any(axis=1)], to_tests])
    return FamiliarityRamp.of(alike.astype(np.float64))
