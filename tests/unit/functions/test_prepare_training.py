"""PrepareTraining: manifests from which the version has its name."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from functions.check_new_images import app as check_new_images
from functions.prepare_training.app import lambda_handler
from labelloop import clock
from labelloop.aws import objects, review_day
from labelloop.domain import fitness, inspections, manifests, origins, splits
from labelloop.domain.annotations import Annotation, training_line
from labelloop.domain.detections import Outcome
from labelloop.domain.imports import IMPORTED_MANIFESTS
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.origins import GIVEN, Origin, Provenance
from labelloop.domain.selection import Day
from labelloop.domain.splits import Split
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import InconsistentError, TrainingInProgressError, UntrainableError
from labelloop.services import training_data
from labelloop.settings import Variable
from tests import cases
from tests.unit import inference_log, version_records
from tests.unit.account import Account, Context, Json, event, version
from tests.unit.functions.preparation import inspect, png, prepare, upload

FOLDER = manifests.LABELLED_FOLDER
THEN = "2026-11-21T10:00:00.000Z"


@pytest.fixture
def images(account: Account) -> Account:
    """Ten images each of two labels."""
    for label in ("cat", "dog"):
        upload(account, label, range(10))
    account.set_parameter("Enable-Automatic-Training", "true")
    return account


def _check(force: bool = False) -> Json:
    return check_new_images.lambda_handler({"force": force}, Context())


def _sources(account: Account, manifest: str) -> set[str]:
    return {json.loads(line)["source-ref"] for line in account.read(manifest).splitlines()}


def _data_report(account: Account, output: Json) -> Json:
    content: Json = json.loads(account.read(VersionFiles(output["version"]).data_report))
    return content


def test_each_image_is_in_one_of_the_manifests(images: Account) -> None:
    output = prepare()
    assert output["proceed"] is True
    assert (output["train_images"], output["test_images"]) == (16, 4)
    train, test = (_sources(images, output[f"{kind}_manifest"]) for kind in ("train", "test"))
    assert not train & test
    assert train | test == {f"s3://{images.bucket}/{key}" for key in images.keys(FOLDER)}
    assert output["version"].startswith("v1-")


def test_16_folder_with_the_reserved_name(images: Account) -> None:
    upload(images, "None of the Above", range(4))
    output = prepare()
    assert (output["train_images"], output["test_images"]) == (16, 4)
    (label,) = _data_report(images, output)["labels_left_out"]
    assert (label["label"], label["images"]) == ("None of the Above", 4)
    assert "it is none of the labels, so no label can have that name" in label["reason"]


@pytest.mark.parametrize(
    ("name", "box"),
    [("portrait", (30, 60, 50, 40)), ("upside_down", (100, 40, 40, 50))],
)
def test_05_turned_photographs_in_box_manifests(
    account: Account, monkeypatch: pytest.MonkeyPatch, name: str, box: tuple[int, ...]
) -> None:
    monkeypatch.setenv(Variable.MODEL_TYPE, "detection")
    for file in cases.folder("05").glob("images/*"):
        account.put(f"incoming/{file.name}", file.read_bytes())
    text = cases.read("05", f"{name}.manifest").replace(b"BUCKET", account.bucket.encode())
    account.put(f"{IMPORTED_MANIFESTS}{name}.manifest", text)
    output = prepare()
    assert output["train_images"] + output["test_images"] == 10
    for image in training_data.index(output["version"]):
        assert fitness.shape_of(account.read(image.key)).orientation == fitness.UPRIGHT
        (found,) = image.annotation.boxes
        assert image.annotation.size_px == (160, 120)
        assert (found.left, found.top, found.width, found.height) == box
    assert _check()["new_images"] == 10
    # Looked at again, each is what it was.
    before = [
        (one.key, one.content, one.annotation) for one in training_data.index(output["version"])
    ]
    for key in account.keys(inspections.INSPECTED_FOLDER):
        account.boto3("s3").delete_object(Bucket=account.bucket, Key=key)
    again = prepare(force=True)
    assert _known(again) == before


def _known(output: Json) -> list[tuple[str, str, Annotation]]:
    images = training_data.index(output["version"])
    return [(image.key, image.content, image.annotation) for image in images]


def test_the_same_picture_under_two_labels_is_told(images: Account) -> None:
    images.put(f"{FOLDER}dog/again.png", png("cat 3"))
    output = prepare()
    pair = [f"{FOLDER}cat/3.png", f"{FOLDER}dog/again.png"]
    assert _data_report(images, output)["under_several_labels"] == {"count": 1, "examples": [pair]}
    assert f"such as {pair[0]} and {pair[1]}" in output["left_out"][-1]


def test_09_junk_folders_become_labels_and_choices(images: Account) -> None:
    upload(images, ".ipynb_checkpoints", range(4))
    upload(images, "__MACOSX", range(4))
    upload(images, "cat/.ipynb_checkpoints", range(1))
    before = _check()["new_images"]
    output = prepare()
    assert (before, output["train_images"], output["test_images"]) == (20, 16, 4)
    report = _data_report(images, output)
    assert report["labels"].keys() == {"cat", "dog"}
    assert report["left_out"]["images"] == 0
    named = {one["key"].split("/")[1] for one in report["passed_over"]["examples"]}
    assert named == {".ipynb_checkpoints", "__MACOSX", "cat"}
    assert any("another program has left it" in sentence for sentence in output["left_out"])


@pytest.mark.parametrize("name", ["dataset", "deeper"])
def test_07_data_set_folder_taken_as_labels(images: Account, name: str) -> None:
    root = cases.folder("07") / name
    files = [path for path in root.glob("**/*.jpg") if path.is_file()]
    for path in files:
        images.put(f"{FOLDER}{path.relative_to(root).as_posix()}", path.read_bytes())
    output = prepare()
    report = _data_report(images, output)
    assert report["labels"].keys() == {"cat", "dog"}
    assert report["left_out"]["images"] == len(files)
    assert all("part of a data set" in one["reason"] for one in report["left_out"]["examples"])
    assert _check()["new_images"] == 20 + len(files)


def test_07_data_set_folder_taken_as_labels_where_there_is_nothing_else(account: Account) -> None:
    for kind in ("train", "val"):
        upload(account, f"images/{kind}", range(6))
        account.put(f"{FOLDER}labels/{kind}/0.txt", b"0 0.5 0.5 0.1 0.1")
    with pytest.raises(UntrainableError, match=r"images/, which is part of a data set .* import"):
        prepare()


def test_a_line_says_what_an_image_shows_that_lies_in_a_data_sets_folder(images: Account) -> None:
    upload(images, "images", range(2))
    shown = Annotation(("cat",))
    line = training_line(f"s3://{images.bucket}/{FOLDER}images/0.png", shown, "2026-11-21T10:00:00")
    images.put(f"{IMPORTED_MANIFESTS}cats.manifest", line.encode())
    output = prepare()
    known = {key: annotation.labels for key, _, annotation in _known(output)}
    assert known[f"{FOLDER}images/0.png"] == ("cat",)
    assert f"{FOLDER}images/1.png" not in known


def test_08_one_label_in_two_unicode_forms(images: Account) -> None:
    for number in range(10):
        name = "Ka\u0308fer" if number % 2 else "K\u00e4fer"
        images.put(f"{FOLDER}{name}/{number}.png", png(f"beetle {number}"))
    labels = _data_report(images, prepare())["labels"]
    assert labels.keys() == {"K\u00e4fer", "cat", "dog"}
    assert sum(labels["K\u00e4fer"].values()) == 10


def test_01_cut_off_image_blocks_every_deployment(account: Account) -> None:
    folder = cases.folder("01") / "images_labeled_by_folder"
    for file in folder.glob("*/*.jpg"):
        account.put(f"{FOLDER}{file.relative_to(folder).as_posix()}", file.read_bytes())
    output = prepare()
    (left_out,) = _data_report(account, output)["left_out"]["examples"]
    assert left_out == {
        "key": f"{FOLDER}warm/cut_off.jpg",
        "reason": "The file is cut off: its end is missing.",
    }
    assert "cut off" in " ".join(output["left_out"])
    tests = _sources(account, output["test_manifest"])
    assert tests and not any("cut_off" in source for source in tests)


def test_10_force_tells_the_wrong_reason(images: Account) -> None:
    for file in cases.folder("10").glob("images/*"):
        images.put(f"incoming/{file.name}", file.read_bytes())
    text = cases.read("10", "bad.manifest").replace(b"BUCKET", images.bucket.encode())
    images.put(f"{IMPORTED_MANIFESTS}bad.manifest", text)
    with pytest.raises(UntrainableError, match=r"4 of the 10 lines .* are bad \(40 %\)"):
        prepare(force=True)


def test_13_names_decide_at_one_door_only(images: Account) -> None:
    for file in cases.folder("13").glob("images/*"):
        images.put(f"{FOLDER}warm/{file.name}", file.read_bytes())
    output = prepare()
    assert _data_report(images, output)["labels"]["warm"] == {"train": 3, "test": 1}


def test_18_whole_output_folder_of_a_labelling_job(images: Account) -> None:
    root = cases.folder("18")
    for file in root.glob("images/*"):
        images.put(f"incoming/{file.name}", file.read_bytes())
    for file in root.glob("job/**/*"):
        if file.is_file():
            content = file.read_bytes().replace(b"BUCKET", images.bucket.encode())
            images.put(f"{IMPORTED_MANIFESTS}{file.relative_to(root).as_posix()}", content)
    output = prepare()
    report = _data_report(images, output)
    assert report["images"] == 20 + 8
    assert (report["bad_lines"]["count"], report["no_manifests"]["count"]) == (0, 9)
    assert any("not a manifest" in sentence for sentence in output["left_out"])


def test_17_uploads_that_nobody_mentions(images: Account) -> None:
    picture = cases.read("17", "images/a.jpg")
    odd = {
        f"{FOLDER}root.jpg": "It is in no label's folder.",
        "images_labeled_by_folder\\bird\\win.jpg": "has backslashes where S3 has slashes",
        "\\bird\\back.jpg": "has backslashes where S3 has slashes",
    }
    for key in odd:
        images.put(key, picture)
    for name in ("labels.manifest.txt", "labels.ndjson"):
        odd[f"{IMPORTED_MANIFESTS}{name}"] = "It is no manifest by its name"
        images.put(f"{IMPORTED_MANIFESTS}{name}", cases.read("17", name))
    output = prepare()
    passed_over = _data_report(images, output)["passed_over"]
    told = {one["key"]: one["reason"] for one in passed_over["examples"]}
    assert told.keys() == odd.keys()
    assert all(reason in told[key] for key, reason in odd.items())
    assert _check()["new_images"] == 20


@pytest.mark.parametrize(
    ("folder", "meant"),
    [
        ("images_labelled_by_folder/", FOLDER),
        ("Images_For_Detection/", "images_for_detection/"),
        ("image_to_label/", "images_to_label/"),
    ],
)
def test_a_folder_whose_name_is_misspelt_is_named(images: Account, folder: str, meant: str) -> None:
    for key in (f"{folder}cat/1.png", "incoming/1.png", "my images/1.png", "images_to_label/1.png"):
        images.put(key, png(key))
    (passed_over,) = _data_report(images, prepare())["passed_over"]["examples"]
    reason = f"Nothing looks into it. Was it meant to be {meant}?"
    assert passed_over == {"key": folder, "reason": reason}


def test_a_folder_without_a_name_is_named(images: Account) -> None:
    images.put(f"/{FOLDER}cat/1.png", png("1"))
    (passed_over,) = _data_report(images, prepare())["passed_over"]["examples"]
    reason = "Nothing looks into it: the keys of its objects begin with a slash."
    assert passed_over == {"key": "/", "reason": reason}


def test_twice_comes_to_the_same_as_once(images: Account) -> None:
    first = prepare()
    before = images.items("ModelVersionsTable")
    images.clock.advance(60)
    assert prepare() == first
    assert images.items("ModelVersionsTable") == before


def test_a_crash_before_the_version_was_noted_leads_to_the_same_version(images: Account) -> None:
    first = prepare()
    images.boto3("dynamodb").delete_item(
        TableName="label-loop-ModelVersionsTable",
        Key={"kind": {"S": "version"}, "name": {"S": first["version"]}},
    )
    assert prepare() == first


def test_images_that_were_trained_on_are_not_trained_on_again(images: Account) -> None:
    first = prepare()
    version_records.note(first["version"], {"ended": "2026-11-21T10:00:00.000Z"})
    again = prepare()
    assert (again["version"], again["proceed"]) == (first["version"], False)


def test_an_operator_may_have_the_same_images_trained_on_again(images: Account) -> None:
    first = prepare()
    version_records.note(first["version"], {"ended": "2026-11-21T10:00:00.000Z"})
    again = prepare(force=True)
    assert again["proceed"] is True
    assert again["version"] == f"v2-{first['version'].removeprefix('v1-')}-2"
    assert prepare(force=True) == again


def test_a_candidate_that_could_not_be_compared_is_gone_on_with_when_the_operator_asks(
    images: Account,
) -> None:
    first = prepare()
    facts = {"ended": "2026-11-21T10:00:00.000Z", "promote": False, "uncompared": "No model ran."}
    version_records.note(first["version"], facts)
    images.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [version(first["version"], "TRAINING_COMPLETED")]
    }
    assert prepare()["proceed"] is False
    assert prepare(force=True) == {**first, "begun": True}
    version_records.note(first["version"], {"uncompared": None})
    assert prepare(force=True)["version"].startswith("v2-")


def test_a_version_knows_how_many_candidates_on_its_images_were_judged_before(
    images: Account,
) -> None:
    ended = {"ended": "2026-11-21T10:00:00.000Z"}
    first = prepare()["version"]
    version_records.note(first, {**ended, "failure": "The service refused it."})
    second = prepare(force=True)["version"]
    version_records.note(second, {**ended, "promote": False})
    prepare(force=True)
    assert [version["attempt"] for version in version_records.known()] == [1, 1, 2]


def test_what_nothing_more_can_be_made_of_is_not_looked_at_again(images: Account) -> None:
    assert _check()["train"] is True
    first = prepare()
    failed = {"ended": "2026-11-21T10:00:00.000Z", "failure": "The service refused it."}
    version_records.note(first["version"], failed)
    assert _check()["train"] is True
    assert prepare()["proceed"] is False
    assert _check()["train"] is False
    assert _check(force=True)["train"] is True
    upload(images, "cat", range(10, 20))
    assert _check()["train"] is True


def test_a_version_whose_training_was_begun_is_gone_on_with(images: Account) -> None:
    first = prepare()
    assert first["begun"] is False
    images.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [version(first["version"], "TRAINING_IN_PROGRESS")]
    }
    assert prepare() == {**first, "begun": True}


def test_a_training_that_somebody_began_by_hand_is_waited_for(images: Account) -> None:
    images.rekognition.answers["DescribeProjectVersions"] = lambda _: {
        "ProjectVersionDescriptions": [version("by-hand", "TRAINING_IN_PROGRESS")]
    }
    with pytest.raises(TrainingInProgressError, match="by-hand"):
        prepare()


def test_a_picture_keeps_its_split_under_another_name_and_after_it_was_away(
    images: Account,
) -> None:
    first = prepare()
    tested = _sources(images, first["test_manifest"])
    key = sorted(tested)[0].removeprefix(f"s3://{images.bucket}/")
    body = images.read(key)
    images.boto3("s3").delete_object(Bucket=images.bucket, Key=key)
    upload(images, "cat", range(10, 14))
    prepare()
    label = key.removeprefix(FOLDER).split("/")[0]
    images.put(f"{FOLDER}{label}/back again.png", body)
    upload(images, "dog", range(10, 14))
    third = prepare()
    back = f"s3://{images.bucket}/{FOLDER}{label}/back again.png"
    assert back in _sources(images, third["test_manifest"])
    assert training_data.ledger().splits[splits.content_id(body, len(body))] is Split.TEST


def test_what_the_service_would_refuse_is_left_out_and_named(images: Account) -> None:
    images.put(f"{FOLDER}cat/page.jpg", b"<html>not found</html>")
    images.put(f"{FOLDER}cat/empty.jpg", b"")
    images.put(f"{FOLDER}dog/small.png", png("small", 63, 200))
    images.put(f"{FOLDER}dog/long.png", png("long", 4000, 150))
    output = prepare()
    assert output["train_images"] + output["test_images"] == 20
    left_out = {one.key: one.reason for one in training_data.left_out(output["version"])}
    assert left_out.keys() == {
        f"{FOLDER}cat/page.jpg",
        f"{FOLDER}cat/empty.jpg",
        f"{FOLDER}dog/small.png",
        f"{FOLDER}dog/long.png",
    }
    assert "63 x 200" in left_out[f"{FOLDER}dog/small.png"]
    report = _data_report(images, output)
    assert report["left_out"]["images"] == 4
    assert {example["key"] for example in report["left_out"]["examples"]} == left_out.keys()
    assert any("cat/page.jpg" in sentence for sentence in output["left_out"])


def test_what_was_left_out_is_not_new_at_the_next_look(images: Account) -> None:
    images.put(f"{FOLDER}cat/page.jpg", b"<html>not found</html>")
    output = prepare()
    version_records.note(output["version"], {"trained": "2026-11-21T10:00:00.000Z"})
    assert _check()["new_images"] == 0


def test_a_label_with_too_few_images_waits_for_more(images: Account) -> None:
    upload(images, "cow", range(2))
    output = prepare()
    assert output["train_images"] + output["test_images"] == 20
    assert [entry["label"] for entry in _data_report(images, output)["labels_left_out"]] == ["cow"]
    upload(images, "cow", range(2, 6))
    output = prepare()
    assert output["train_images"] + output["test_images"] == 26


def test_fewer_than_two_labels_are_not_trainable_and_the_message_counts(account: Account) -> None:
    with pytest.raises(UntrainableError, match="Images by label now: none"):
        prepare()
    upload(account, "cat", range(30))
    upload(account, "dog", range(1))
    account.put(f"{FOLDER}dog/small.png", png("small", 63, 64))
    with pytest.raises(UntrainableError, match="cat: 30, dog: 1") as raised:
        prepare()
    assert "One image left out, such as images_labeled_by_folder/dog/small.png" in str(raised.value)
    assert _check()["train"] is False, "polls pass by until something changes"


# --- How images came ------------------------------------------------------------------------------

DETECTION = "0f" * 16
DOUBTED = Provenance(Origin.DOUBTFUL, DETECTION, "v1-0a1b2c3d", False, 1.0)
NAMED = f"{FOLDER}cat/{DETECTION}-gear.png"


def _copied(account: Account, key: str = NAMED, **metadata: str) -> None:
    """What human review puts there; without metadata, what its first versions put there."""
    objects.write(key, png("gear"), "image/png", metadata)


def _log(outcome: Outcome = Outcome.REVIEW, **facts: object) -> None:
    version_id = objects.write_new("images_for_detection/gear.png", png("gear"), "image/png")
    known = {"version": "v1-0a1b2c3d", "etag": version_id.etag, **facts}
    inference_log.record(DETECTION, outcome, known, clock.now())


def _came(output: Json) -> dict[str, Provenance]:
    """How images came by their keys, but those of which nothing is known."""
    index = training_data.index(output["version"])
    return {image.key: image.provenance for image in index if image.provenance != GIVEN}


def test_how_images_came_is_in_the_index_wherever_they_were_moved_to(images: Account) -> None:
    _copied(images, **origins.as_metadata(DOUBTED, images.bucket))
    assert _came(prepare()) == {NAMED: DOUBTED}
    moved = f"{FOLDER}dog/by hand/it is a dog.png"
    s3 = images.boto3("s3")
    source = {"Bucket": images.bucket, "Key": NAMED}
    s3.copy_object(Bucket=images.bucket, Key=moved, CopySource=source)
    s3.delete_object(**source)
    assert _came(prepare()) == {moved: DOUBTED}


def test_the_log_tells_how_a_file_came_that_was_uploaded_again_under_its_name(
    images: Account,
) -> None:
    _log(chance=1)
    _copied(images)
    images.put(f"{FOLDER}cat/renamed.png", png("gear"))
    assert _came(prepare()) == {NAMED: DOUBTED}


def test_what_its_sender_has_labelled_is_given_by_the_log_too(images: Account) -> None:
    _log(chance=1, answered_by_sender=True)
    _copied(images)
    assert _came(prepare()) == {NAMED: Provenance(Origin.GIVEN, DETECTION)}


def test_another_picture_under_that_name_is_one_that_was_given(images: Account) -> None:
    _log(chance=1)
    images.put(NAMED, png("somebody's own"))
    assert _came(prepare()) == {}


@pytest.mark.parametrize("budget", [False, True])
def test_copies_of_early_versions_begin_with_what_the_log_tells_and_it_is_asked_once(
    images: Account, budget: bool
) -> None:
    if budget:
        review_day.keep(Day(""), Day("2026-11-20", revision=1))
    _log()
    _copied(images)
    forgotten = f"{FOLDER}dog/{'1e' * 16}-x.png"
    images.put(forgotten, png("forgotten"))
    asked: list[Json] = []
    images.hook("dynamodb", "before-call.dynamodb.BatchGetItem", lambda **_: asked.append({}))
    for _ in range(2):
        assert _came(prepare()) == {
            NAMED: replace(DOUBTED, chance=None if budget else 1.0),
            forgotten: Provenance(Origin.DOUBTFUL, "1e" * 16),
        }
    assert len(asked) == 1


def test_any_number_of_early_copies_is_looked_up(images: Account) -> None:
    for number in range(205):
        images.put(f"{FOLDER}cat/{number:032x}-x.png", png(f"early {number}"))
    inference_log.record(f"{204:032x}", Outcome.REVIEW, {"etag": "in-parts"}, clock.now())
    came = _came(prepare())
    assert len(came) == 205
    known = Provenance(Origin.DOUBTFUL, f"{204:032x}", "", False, 1.0)
    assert came[f"{FOLDER}cat/{204:032x}-x.png"] == known


def _sampled(account: Account, numbers: range, *, chance: float | None = 0.01) -> None:
    """Copies of sampled images to which people gave a label."""
    for number in numbers:
        provenance = Provenance(Origin.SAMPLED, f"{number:032x}", "v1", True, chance)
        metadata = origins.as_metadata(provenance, account.bucket)
        key = manifests.labelled_key("cat", f"{number:032x}", "x.png", sampled=True)
        objects.write(key, png(f"sample {number}"), "image/png", metadata)


def _of_sampled(output: Json) -> list[manifests.SplitImage]:
    index = training_data.index(output["version"])
    return [image for image in index if manifests.is_sampled(image.key)]


def test_sampled_answers_test_and_never_train(images: Account) -> None:
    _sampled(images, range(15))
    output = prepare(force=True)
    assert (output["train_images"], output["test_images"]) == (16, 4 + 15)
    assert {image.provenance.chance for image in _of_sampled(output)} == {0.01}
    images.set_parameter("Train-On-Sampled-Answers", "true")
    assert {image.split for image in _of_sampled(prepare(force=True))} == {Split.TEST}


def test_where_sampled_answers_train_their_share_tests_with_more_weight(images: Account) -> None:
    images.set_parameter("Train-On-Sampled-Answers", "true")
    _sampled(images, range(60))
    first = _of_sampled(prepare())
    tests = [image for image in first if image.split is Split.TEST]
    assert 4 <= len(tests) <= 24, "12 are expected"
    assert {image.provenance.chance for image in tests} == {0.01 * 0.2}
    images.set_parameter("Train-On-Sampled-Answers", "false")
    assert _of_sampled(prepare()) == first, "what is decided stays decided"


def test_a_sampled_image_that_trains_already_goes_on_training(images: Account) -> None:
    first = prepare()
    trained = sorted(_sources(images, first["train_manifest"]))[0]
    body = images.read(trained.removeprefix(f"s3://{images.bucket}/"))
    provenance = Provenance(Origin.SAMPLED, DETECTION, "v1", True, 0.01)
    key = manifests.labelled_key("cat", DETECTION, "x.png", sampled=True)
    objects.write(key, body, "image/png", origins.as_metadata(provenance, images.bucket))
    (image,) = _of_sampled(prepare(force=True))
    assert image.split is Split.TRAIN


def test_samples_of_an_unknown_chance_test_too_and_estimate_nothing(images: Account) -> None:
    _sampled(images, range(1), chance=None)
    (image,) = _of_sampled(prepare())
    assert (image.split, image.provenance.estimates) == (Split.TEST, False)


def _nones(account: Account, numbers: range) -> None:
    for number in numbers:
        account.put(f"{manifests.NONE_IMAGES}{number:032x}-x.png", png(f"none {number}"))


def _of_nones(output: Json) -> list[manifests.SplitImage]:
    index = training_data.index(output["version"])
    return [image for image in index if image.annotation.labels == (NONE_OF_THEM,)]


def test_what_is_none_of_the_labels_trains_as_much_as_the_median_label(images: Account) -> None:
    _nones(images, range(30))
    output = prepare()
    nones = _of_nones(output)
    by_split = Counter(image.split for image in nones)
    assert by_split == {Split.TRAIN: 8, Split.TEST: 6}
    assert all(image.key.startswith(manifests.NONE_IMAGES) for image in nones)
    reasons = Counter(one.reason for one in training_data.left_out(output["version"]))
    assert reasons == {
        "As many that are none of the labels train already as images of the median label.": 16
    }


def test_switched_off_what_is_none_of_the_labels_leaves_and_comes_back(images: Account) -> None:
    _nones(images, range(5))
    first = prepare()
    kept = _of_nones(first)
    assert len(kept) == 5
    version_records.note(first["version"], {"trained": "2026-11-21T10:00:00.000Z"})
    assert _check()["new_images"] == 0
    images.set_parameter("Train-None-Of-The-Above", "false")
    assert _check()["new_images"] == 5
    second = prepare()
    assert _of_nones(second) == []
    assert list(training_data.left_out(second["version"])) == []
    images.set_parameter("Train-None-Of-The-Above", "true")
    assert _of_nones(prepare(force=True)) == kept


# --- What is told of it ---------------------------------------------------------------------------


def test_the_report_says_what_has_changed_since_the_last_training(images: Account) -> None:
    first = prepare()
    version_records.note(first["version"], {"trained": "2026-11-21T10:00:00.000Z"})
    upload(images, "dog", range(10, 13))
    images.put(f"{FOLDER}cat/0.png", png("another cat"))
    s3 = images.boto3("s3")
    s3.delete_object(Bucket=images.bucket, Key=f"{FOLDER}cat/1.png")
    body = images.read(f"{FOLDER}cat/2.png")
    s3.delete_object(Bucket=images.bucket, Key=f"{FOLDER}cat/2.png")
    images.put(f"{FOLDER}dog/was a cat.png", body)
    assert _check()["new_images"] == 6
    assert _data_report(images, prepare())["changes"] == {
        "added": 3,
        "replaced": 1,
        "removed": 1,
        "moved": 1,
    }


def test_images_that_come_while_others_are_inspected_wait_for_the_next_training(
    images: Account,
) -> None:
    digest = _check()["digest"]
    inspect(digest)
    upload(images, "cat", range(10, 15))
    output = lambda_handler({"force": False, "digest": digest}, Context())
    assert output["train_images"] + output["test_images"] == 20
    version_records.note(output["version"], {"trained": "2026-11-21T10:00:00.000Z"})
    assert _check()["new_images"] == 5


def test_a_broken_ledger_stops_everything(images: Account) -> None:
    prepare()
    images.put(splits.LEDGER_KEY, b"\xff\xfe")
    upload(images, "cat", range(10, 12))
    with pytest.raises(InconsistentError, match="Restore the object's former version"):
        prepare()


def test_what_was_read_once_is_remembered_in_one_file(images: Account) -> None:
    prepare()
    upload(images, "cat", range(10, 12))
    prepare()
    (key,) = images.keys(inspections.INSPECTED_FOLDER)
    assert len(images.read(key).splitlines()) == 22
    assert images.keys(inspections.INSPECTION_FOLDER) == []


def _boxes(source: str, labels: list[str], size: tuple[int, int] = (320, 240)) -> str:
    names = sorted(set(labels))
    annotations = [
        {"class_id": names.index(label), "left": 10, "top": 10, "width": 50, "height": 40}
        for label in labels
    ]
    metadata = {
        "objects": [{"confidence": 1} for _ in labels],
        "class-map": {str(number): name for number, name in enumerate(names)},
        "type": "groundtruth/object-detection",
        "human-annotated": "yes",
        "creation-date": "2026-11-20T08:00:00.000000",
    }
    size_px = [{"width": size[0], "height": size[1], "depth": 3}]
    return json.dumps(
        {
            "source-ref": source,
            "boxes": {"image_size": size_px, "annotations": annotations},
            "boxes-metadata": metadata,
        }
    )


def test_a_detection_model_learns_from_imported_boxes(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(Variable.MODEL_TYPE, "detection")
    lines = []
    for number in range(10):
        key = f"scenes/{number}.png"
        account.put(key, png(key))
        lines.append(_boxes(f"s3://{account.bucket}/{key}", ["bolt", "nut", "bolt"]))
    account.put("scenes/odd.png", png("odd", 640, 480))
    lines.append(_boxes(f"s3://{account.bucket}/scenes/odd.png", ["bolt"]))
    account.put(f"{IMPORTED_MANIFESTS}scenes.manifest", "\n".join(lines).encode())
    upload(account, "bolt", range(2))
    output = prepare()
    assert (output["train_images"], output["test_images"]) == (8, 2)
    line = json.loads(account.read(output["test_manifest"]).splitlines()[0])
    assert line["source-ref"].startswith(
        f"s3://{account.bucket}/images_imported/{account.bucket}/scenes/"
    )
    assert len(line["bounding-box"]["annotations"]) == 3
    reasons = Counter(one.reason.split(",")[0] for one in training_data.left_out(output["version"]))
    assert reasons == {
        "It has no bounding boxes": 2,
        "Its boxes are for an image of 320 x 240 px": 1,
    }


def test_the_sample_events_are_taken(images: Account) -> None:
    inspect()
    for case in ("schedule", "operator"):
        assert lambda_handler(event(f"prepare_training.{case}"), Context())["proceed"] is True


# --- What somebody deleted of ours ----------------------------------------------------------------


def _delete(account: Account, *keys: str) -> None:
    for key in keys:
        account.boto3("s3").delete_object(Bucket=account.bucket, Key=key)


def test_a_version_whose_files_were_deleted_before_it_was_trained_gets_them_again(
    images: Account,
) -> None:
    first = prepare()
    files = VersionFiles(first["version"])
    before = {key: images.read(key) for key in (files.train_manifest, files.index)}
    _delete(images, *before)
    again = prepare()
    assert (again["version"], again["proceed"]) == (first["version"], True)
    assert {key: images.read(key) for key in before} == before


@pytest.mark.parametrize("force", [False, True])
def test_the_index_of_the_last_version_is_not_needed_for_the_next_one(
    images: Account, force: bool
) -> None:
    first = prepare()["version"]
    version_records.note(first, {"trained": THEN, "ended": THEN, "promote": True})
    _delete(images, *images.keys(f"manifests/training/{first}/"))
    # All images count as new, and a training of the same ones is not begun.
    assert _check()["new_images"] == 20
    assert prepare(force=force)["proceed"] is force
    upload(images, "cat", range(10, 14))
    assert prepare()["version"] != first


def test_a_ledger_that_was_deleted_is_made_anew_of_what_versions_had(images: Account) -> None:
    first = prepare()
    tested = _sources(images, first["test_manifest"])
    _delete(images, splits.LEDGER_KEY)
    # By themselves, these would change which of the images test.
    upload(images, "cat", range(10, 40))
    second = prepare()
    assert tested <= _sources(images, second["test_manifest"])
    assert not tested & _sources(images, second["train_manifest"])
