"""The figures of `bench promotion`: what counts, and what a stopped run keeps."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import promotion, replay


def judged(true: float, promoted: bool, n: int = 100, d: float = 0.1) -> dict[str, Any]:
    return {"true": true, "promoted": promoted, "n": n, "d": d, "kind": "candidate"}


def loop(*candidates: dict[str, Any], seed: int = 0) -> dict[str, Any]:
    regrets = {"regret": 0.004, "regret_always": 0.02, "regret_never": 0.1}
    regrets |= {"regret_own": 0.003, "regret_always_own": 0.001}
    told = {"dataset": "parts", "seed": seed, "variant": "plain", "judged": list(candidates)}
    return {**told, **regrets}


@pytest.mark.parametrize(
    ("errors", "of", "at_most"), [(0, 60, 0.0487), (1, 20, 0.2161), (10, 10, 1.0)]
)
def test_upper_bounds_are_clopper_and_pearsons(errors: int, of: int, at_most: float) -> None:
    assert promotion.upper_bound(errors, of) == pytest.approx(at_most, abs=1e-4)


def test_a_candidate_counts_from_what_so_many_images_can_tell() -> None:
    # 1.645 standard errors: 5.2 points for 100 images that differ on a tenth.
    told = promotion.summary(
        "parts",
        [
            loop(
                judged(0.06, promoted=False),
                judged(0.05, promoted=False),
                judged(-0.06, promoted=True),
                judged(-0.05, promoted=True),
                judged(0.025, promoted=True, n=10_000),
                judged(-0.019, promoted=True, n=10_000),
            )
        ],
    )
    assert (told["better"], told["refused_pct"]) == (2, 50.0)
    assert (told["worse"], told["promoted_pct"]) == (1, 100.0)
    assert (told["by_2_points"], told["errors_pct"]) == (5, 80.0)


def test_what_cannot_be_told_apart_is_a_toss_without_bias() -> None:
    told = promotion.summary("parts", [loop(judged(0.02, True, n=1, d=0.0))])
    assert told["unbiased_pct"] == 50.0
    told = promotion.summary("parts", [loop(judged(-0.1, False, n=100, d=0.25))])
    assert told["unbiased_pct"] == 2.3  # two standard errors


def test_finished_loops_are_kept_and_not_replayed(tmp_path: Path) -> None:
    kept = tmp_path / "promotion" / promotion.state_of_the_code()
    kept.mkdir(parents=True)
    for seed in range(2):
        told = json.dumps(loop(judged(0.06, promoted=True), seed=seed))
        promotion.kept_file(kept, "parts", seed).write_text(told)
    first, second, together = promotion.run(["parts"], 2, folder=tmp_path)
    assert (first["seed"], second["seed"]) == (0, 1)
    assert first["candidates"] == first["better"] == 1
    assert (together["loops"], together["better"], together["refused_pct"]) == (2, 2, 0.0)
    lines = (tmp_path / "promotion.jsonl").read_text().splitlines()
    assert [json.loads(line)["seed"] for line in lines] == [0, 1]


@pytest.mark.parametrize("name", promotion.SETS)
def test_each_variant_of_loops_is_replayed_as_often(name: str) -> None:
    assert promotion.LOOPS[name] >= 20
    assert promotion.LOOPS[name] % len(replay.VARIANTS) == 0
