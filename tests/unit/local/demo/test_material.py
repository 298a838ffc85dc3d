from pathlib import Path

import pytest

from labelloop.domain.annotations import ModelType
from labelloop.domain.parameters import BY_NAME
from local.demo.__main__ import main
from local.demo.material import drawn, photos


@pytest.mark.parametrize("model_type", list(ModelType))
def test_the_operator_may_set_what_drawn_pictures_need(model_type: ModelType) -> None:
    for name, value in drawn(model_type).parameters.items():
        assert BY_NAME[name].accepts(value)


def test_photographs_are_for_a_stack_with_nothing_but_defaults(tmp_path: Path) -> None:
    material = photos(tmp_path)
    assert not material.parameters and not material.deployed_with
    assert material.model_type is ModelType.CLASSIFICATION


def test_photographs_are_not_there_for_other_model_types(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--pictures", "photos", "--model-type", "detection"])
    assert ended.value.code == 2
    assert "is for classification" in capsys.readouterr().err
