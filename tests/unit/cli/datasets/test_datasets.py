"""Data sets in the formats that people have them in: what each says, and what is named.

The files have the shapes that the formats' own tools write: pycocotools' and Roboflow's JSON,
ultralytics' ``data.yaml``, labelImg's XML, TensorFlow's CSV, Label Studio's JSON export.
"""

import json
from collections import Counter

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cli.datasets import recognise, yolo
from cli.datasets.values import DataSet, Files
from cli.failures import CommandError
from labelloop.domain.annotations import Annotation, Box, ModelType, training_line

SIZE = (200, 100)
CATS = [{"id": 7, "name": "cat", "supercategory": "pet"}, {"id": 9, "name": "dog"}]


def of(named: dict[str, bytes]) -> Files:
    return Files(named, named.__getitem__, lambda _: SIZE)


def read(named: dict[str, str]) -> DataSet:
    """What a folder of these files says."""
    found = recognise.folder(
        of({name: text.encode() for name, text in named.items()}), ModelType.DETECTION
    )
    assert found is not None
    return found.data_set()


def boxes(data_set: DataSet) -> dict[str, list[tuple[str, list[int]]]]:
    """The boxes of each image: label, left, top, width and height."""
    return {
        example.image: [(box.label, [round(side) for side in box[1:5]]) for box in example.boxes]
        for example in data_set.examples
    }


def reasons(data_set: DataSet) -> dict[str, str]:
    return {str(place): reason for place, reason in data_set.problems}


def coco(images: list[str], *annotations: dict[str, object]) -> str:
    entries = [
        {"id": number, "file_name": name, "width": SIZE[0], "height": SIZE[1]}
        for number, name in enumerate(images)
    ]
    return json.dumps(
        {"info": {}, "images": entries, "annotations": annotations, "categories": CATS}
    )


def annotation(number: int, image: int = 0, category: int = 7, **more: object) -> dict[str, object]:
    found: dict[str, object] = {"id": number, "image_id": image, "category_id": category}
    return found | {"bbox": [10.4, 20, 30, 40], "iscrowd": 0, "area": 1200} | more


class TestImages:
    """Which file an annotation means, however its program has written the path."""

    @pytest.mark.parametrize(
        ("named", "file"),
        [
            ("images\\1.jpg", "images/1.jpg"),
            ("./images/1.jpg", "images/1.jpg"),
            ("..\\..\\label-studio\\media\\upload\\4\\1.jpg", "images/1.jpg"),
            ("C:\\Users\\me\\pets\\images\\1.jpg", "images/1.jpg"),
            ("/home/me/pets/images/1.jpg", "images/1.jpg"),
            ("pets/images/1.jpg", "images/1.jpg"),
            ("/home/me/1.jpg", "images/1.jpg"),
            ("1.JPG", "images/1.jpg"),
            ("images/K%C3%A4fer%203.jpg", "images/Ka\u0308fer 3.jpg"),
            ("K\u00e4fer 3.jpg", "images/Ka\u0308fer 3.jpg"),
            ("https://example.com/a/b/1.jpg?X-Amz-Date=1", "images/1.jpg"),
            ("s3://bucket/pets/100%25.jpg", "images/100%.jpg"),
            ("/data/local-files/?d=a%20b/1.jpg", "images/1.jpg"),
            ("/data/local-files/?d=a/c+d.jpg", "images/c+d.jpg"),
            ("/data/upload/3/1.jpg", "images/1.jpg"),
            ("a%20b.jpg", "images/a%20b.jpg"),
        ],
    )
    def test_a_path_means_the_file_that_is_here(self, named: str, file: str) -> None:
        names = ("1.jpg", "Ka\u0308fer 3.jpg", "100%.jpg", "c+d.jpg", "a%20b.jpg", "a b.jpg")
        files = of({"a.json": b""} | {f"images/{name}": b"" for name in names})
        assert files.image(named, "a.json") == file

    @pytest.mark.parametrize(
        "named",
        ["train/1.jpg", "/home/me/pets/train/1.jpg", "other/images/2.jpg", "2.png"],
    )
    def test_a_file_of_the_same_name_is_not_taken_for_what_is_somewhere_else(
        self, named: str
    ) -> None:
        files = of({"val/a.json": b"", "val/1.jpg": b"", "val/pets/2.jpg": b""})
        assert files.image(named, "val/a.json") is None

    def test_of_names_that_differ_by_case_alone_the_same_one_counts(self) -> None:
        files = of({"1.jpg": b"", "1.JPG": b"", "x/2.JPG": b"", "y/2.JPG": b""})
        assert files.image("1.JPG", "a.json") == "1.JPG"
        assert files.image("2.jpg", "a.json") is None

    def test_of_many_files_of_one_name_that_counts_whose_folders_are_named(self) -> None:
        files = of({f"{number}/x/1.jpg": b"" for number in range(500)} | {"a.json": b""})
        found = [files.image(f"pets/{number}/x/1.jpg", "a.json") for number in range(500)]
        assert found == [f"{number}/x/1.jpg" for number in range(500)]
        assert files.image("pets/x/1.jpg", "a.json") is None

    def test_each_file_is_read_no_oftener_for_being_among_many(self) -> None:
        counted: Counter[str] = Counter()

        def count(name: str) -> bytes:
            counted[name] += 1
            return VOC.replace("1.jpg", f"{name[:-4]}.jpg").encode()

        names = [f"{number}.{end}" for number in range(300) for end in ("xml", "jpg")]
        files = Files(names, count, lambda _: SIZE)
        found = recognise.folder(files, ModelType.DETECTION)
        assert found is not None and len(found.data_set().examples) == 300
        assert set(counted.values()) == {2} and len(counted) == 300


class TestCoco:
    def test_the_boxes_of_each_image_are_read_with_their_split(self) -> None:
        found = read(
            {
                "annotations/instances_train2017.json": coco(["1.jpg"], annotation(1)),
                "annotations/instances_val2017.json": coco(["2.jpg"], annotation(2, category=9)),
                "annotations/captions_val2017.json": json.dumps({"images": [], "annotations": []}),
                "train2017/1.jpg": "",
                "val2017/2.jpg": "",
            }
        )
        assert found.format == "COCO"
        assert boxes(found) == {
            "train2017/1.jpg": [("cat", [10, 20, 30, 40])],
            "val2017/2.jpg": [("dog", [10, 20, 30, 40])],
        }
        assert [example.split for example in found.examples] == ["train", "valid"]
        assert found.problems == []

    def test_images_of_one_name_are_those_beside_the_file(self) -> None:
        found = read(
            {
                "train/_annotations.coco.json": coco(["1.jpg"], annotation(1)),
                "test/_annotations.coco.json": coco(["1.jpg"], annotation(2)),
                "train/1.jpg": "",
                "test/1.jpg": "",
            }
        )
        assert {example.image: example.split for example in found.examples} == {
            "train/1.jpg": "train",
            "test/1.jpg": "test",
        }

    def test_an_outline_becomes_the_box_around_it(self) -> None:
        outline = [[10, 10, 50, 10, 50, 40], [5, 20, 8, 20, 8, 30]]
        entry = annotation(1, segmentation=outline)
        del entry["bbox"]
        found = read({"a.json": coco(["1.jpg"], entry), "1.jpg": ""})
        assert boxes(found)["1.jpg"] == [("cat", [5, 10, 45, 30])]
        assert found.outlines == 1

    def test_what_cannot_be_used_is_named(self) -> None:
        text = coco(
            ["1.jpg", "gone.jpg"],
            annotation(1, image=1),
            annotation(2, image=5),
            annotation(3, category=1),
            annotation(4, iscrowd=1),
            annotation(5, bbox=[1, 2, None, 4]),
            annotation(6, image_id=[]),
            annotation(7),
        )
        found = read({"a.json": text, "1.jpg": ""})
        told = reasons(found)
        assert "gone.jpg is not there" in told.pop("a.json, image 1")
        assert told.pop("a.json, annotation 2") == "There is no image 5."
        assert told.pop("a.json, annotation 3") == "There is no category 1."
        assert "crowd" in told.pop("a.json, annotation 4")
        assert "bbox of four numbers" in told.pop("a.json, annotation 5")
        assert "There is no image" in told.pop("a.json, annotation 6")
        assert told == {}
        assert len(boxes(found)["1.jpg"]) == 1

    def test_an_id_that_two_images_have_is_named(self) -> None:
        content = json.loads(coco(["1.jpg", "2.jpg"], annotation(1)))
        content["images"][1]["id"] = 0
        found = read({"a.json": json.dumps(content), "1.jpg": "", "2.jpg": ""})
        assert reasons(found) == {"a.json, image 0": "Another image has this id."}
        assert boxes(found) == {"1.jpg": [("cat", [10, 20, 30, 40])]}

    @pytest.mark.parametrize("number", ["1e999", "NaN", "-Infinity", "1" + "0" * 400])
    def test_numbers_without_an_end_are_none(self, number: str) -> None:
        text = coco(["1.jpg"], annotation(1)).replace("10.4", number)
        found = read({"a.json": text.replace('"width": 200', f'"width": {number}'), "1.jpg": ""})
        assert list(reasons(found)) == ["a.json, annotation 1"]
        assert [example.size_px for example in found.examples] == [SIZE]


class TestYolo:
    YAML = "path: ../datasets/pets\ntrain: ../train/images\nval: ../valid/images\ntest: # none\n"

    @pytest.mark.parametrize(
        "names",
        [
            "nc: 2\nnames: ['cat', \"dog\"]\n",
            "names:\n  0: cat # small\n  1: dog\n",
            "names:\n- cat\n- dog\n",
            "names: {0: cat, 1: 'dog'}\n",
            "names: [\n  'cat',\n  'dog']\n",
        ],
    )
    def test_the_names_are_read_however_they_are_listed(self, names: str) -> None:
        found = yolo.parse(self.YAML + names)
        assert found.names == {0: "cat", 1: "dog"}
        assert found.parts["valid"] == ["../valid/images"]

    @pytest.mark.parametrize(
        "names",
        [
            "names: ['cat', 'big, grey', 'dog #3', 'it''s [one', \"K\\xE4fer\"]\n",
            "names: ['cat','big, grey','dog #3','it''s [one',Käfer]\n",
            "names:\n- cat # one\n- big, grey\n- 'dog #3'\n- it's [one # of\n- \"K\\xE4fer\"\n",
            "names: ['cat', # the first ]\n  'big, grey', 'dog #3',\n"
            "  'it''s [one', \"K\\U000000E4fer\"]\n",
            "names: {0: cat, 1: 'big, grey', '2': 'dog #3', 3: 'it''s [one', 4: Käfer}\n",
        ],
    )
    def test_names_may_have_what_else_ends_them_where_they_are_in_quotes(self, names: str) -> None:
        found = yolo.parse(self.YAML + names).names
        assert list(found.values()) == ["cat", "big, grey", "dog #3", "it's [one", "Käfer"]

    @given(
        st.lists(st.text("ab ä轮😀#'\"[]{},:-\\&*!|>%@?1", min_size=1, max_size=9), min_size=1),
        st.booleans(),
        st.booleans(),
    )
    def test_names_are_read_as_a_writer_of_yaml_writes_them(
        self, names: list[str], flow: bool, unicode: bool
    ) -> None:
        wanted = dict(enumerate(name.strip() or "x" for name in names))
        for listed in (wanted, list(wanted.values())):
            text = yaml.safe_dump(
                listed if flow else {"names": listed},
                default_flow_style=flow,
                allow_unicode=unicode,
                width=10_000,
            )
            found = yolo.parse(self.YAML + ("names: " if flow else "") + text)
            assert found.names == wanted

    def test_boxes_and_outlines_are_read(self) -> None:
        found = read(
            {
                "data.yaml": f"{self.YAML}names: [cat, dog]",
                "train/images/1.jpg": "",
                "train/labels/1.txt": "1 0.5 0.5 0.25 0.5\n0 0.1 0.1 0.2 0.1 0.2 0.4\n",
                "valid/images/2.jpg": "",
                "valid/labels/2.txt": "0 0.5 0.5 1.000001 1\n",
                "valid/images/nothing.jpg": "",
            }
        )
        assert boxes(found) == {
            "train/images/1.jpg": [("dog", [75, 25, 50, 50]), ("cat", [20, 10, 20, 30])],
            "valid/images/2.jpg": [("cat", [0, 0, 200, 100])],
            "valid/images/nothing.jpg": [],
        }
        assert [example.split for example in found.examples] == ["train", "valid", "valid"]
        assert (found.outlines, found.problems) == (1, [])

    def test_classes_txt_beside_the_labels_is_enough(self) -> None:
        found = read(
            {
                "pets/images/1.jpg": "",
                "pets/labels/1.txt": "1 0.5 0.5 0.5 0.5",
                "pets/labels/classes.txt": "cat\ndog\n",
            }
        )
        assert boxes(found) == {"pets/images/1.jpg": [("dog", [50, 25, 100, 50])]}

    @pytest.mark.parametrize("labels", ["{}/labels", "labels/{}"])
    def test_the_same_classes_in_each_folder_of_labels_are_those_of_one_data_set(
        self, labels: str
    ) -> None:
        named = {}
        for split, line in (("train", "0 0.5 0.5 0.5 0.5"), ("val", "1 0.5 0.5 0.5 0.5")):
            folder = labels.format(split)
            named[f"{folder.replace('labels', 'images')}/{split}.jpg"] = ""
            named |= {f"{folder}/{split}.txt": line, f"{folder}/classes.txt": "cat\ndog\n"}
        found = read(named)
        assert {
            example.split: [box.label for box in example.boxes] for example in found.examples
        } == {"train": ["cat"], "valid": ["dog"]}
        assert found.problems == []

    def test_what_cannot_be_used_is_named_by_its_line(self) -> None:
        lines = [
            "7 0.5 0.5 0.1 0.1",
            "0 10 20 30 40",
            "0 0.5 0.5",
            "0 a b c d",
            "",
            "0 .5 .5 .1 .1",
        ]
        found = read(
            {
                "images/1.jpg": "",
                "labels/1.txt": "\n".join(lines),
                "labels/2.txt": "0 0.5 0.5 0.1 0.1",
                "labels/classes.txt": "cat",
            }
        )
        told = reasons(found)
        assert told.pop("labels/1.txt, line 1") == "There is no name for class 7."
        assert "not shares of the image" in told.pop("labels/1.txt, line 2")
        assert "It has 2 numbers" in told.pop("labels/1.txt, line 3")
        assert "not a line of numbers" in told.pop("labels/1.txt, line 4")
        assert told.pop("labels/2.txt") == "There is no image of this name."
        assert told == {}
        assert boxes(found)["images/1.jpg"] == [("cat", [90, 45, 20, 10])]

    @pytest.mark.parametrize(
        ("text", "splits"),
        [
            ("train: images/a\nval: images/a\n", {"images/a/1.jpg": "train", "images/b/2.jpg": ""}),
            (
                "train: images\ntest: images/b\n",
                {"images/a/1.jpg": "train", "images/b/2.jpg": "test"},
            ),
            (
                "train: images/a\nvalidation: .\\images\\b\\\n",
                {"images/a/1.jpg": "train", "images/b/2.jpg": "valid"},
            ),
            (
                "path: C:\\pets\ntrain: [images/a, images/b]\nval: images/b\n",
                {"images/a/1.jpg": "train", "images/b/2.jpg": "train"},
            ),
            (
                "train: lists/train.txt\nval: lists/val.txt\n",
                {"images/a/1.jpg": "train", "images/b/2.jpg": "valid"},
            ),
        ],
    )
    def test_what_trains_does_not_test_whatever_else_is_said_of_it(
        self, text: str, splits: dict[str, str]
    ) -> None:
        found = read(
            {
                "data.yaml": f"{text}names: [cat]\n",
                "images/a/1.jpg": "",
                "images/b/2.jpg": "",
                "labels/a/1.txt": "0 0.5 0.5 0.5 0.5",
                "labels/b/2.txt": "0 0.5 0.5 0.5 0.5",
                "lists/train.txt": "/home/me/pets/images/a/1.jpg\n",
                "lists/val.txt": "./images/b/2.jpg\r\n",
            }
        )
        assert {example.image: example.split for example in found.examples} == splits

    @pytest.mark.parametrize("name", ["Ka\u0308fer", "K\u00e4fer", "K%C3%A4fer"])
    def test_labels_go_with_their_image_however_an_umlaut_is_written(self, name: str) -> None:
        found = read(
            {
                "classes.txt": "Ka\u0308fer\n",
                "images/Ka\u0308fer.jpg": "",
                f"labels/{name}.txt": "0 0.5 0.5 0.5 0.5",
                "images/empty.jpg": "",
                "labels/empty.txt": "\n",
            }
        )
        assert [len(example.boxes) for example in found.examples] == [1, 0]
        assert found.problems == []


VOC = """<annotation verified="yes"><folder>x</folder><filename>1.jpg</filename>
<size><width>200</width><height>100</height><depth>3</depth></size>
<object><name>cat</name><bndbox><xmin>10</xmin><ymin>20</ymin><xmax>40</xmax><ymax>60</ymax>
</bndbox></object><object><name>dog</name></object></annotation>"""


class TestVoc:
    def test_boxes_are_read_with_the_lists_of_the_splits(self) -> None:
        found = read(
            {
                "Annotations/1.xml": VOC,
                "JPEGImages/1.jpg": "",
                "SegmentationClass/1.png": "",
                "ImageSets/Main/test.txt": "1\n",
            }
        )
        assert boxes(found) == {"JPEGImages/1.jpg": [("cat", [10, 20, 30, 40])]}
        assert found.examples[0].split == "test"
        assert list(reasons(found)) == ["Annotations/1.xml, object 2"]

    def test_one_of_its_files_means_all_in_its_folder(self) -> None:
        named = {"1.jpg": b"", "2.jpg": b"", "a.json": coco(["1.jpg"]).encode()}
        for name in ("Annotations/1.xml", "Annotations/2.xml", "old/1.xml"):
            named[name] = VOC.replace("1.jpg", name[-5] + ".jpg").encode()
        found = recognise.file(of(named), "Annotations/2.xml", ModelType.DETECTION)
        assert boxes(found.data_set()).keys() == {"1.jpg", "2.jpg"}
        assert len(found.data_set().examples) == 2

    def test_a_document_type_of_its_own_is_not_read(self) -> None:
        bomb = f'<!DOCTYPE a [<!ENTITY b "b"><!ENTITY c "&b;&b;">]>{VOC.replace("dog", "&c;")}'
        with pytest.raises(CommandError):
            recognise.file(of({"1.xml": bomb.encode(), "1.jpg": b""}), "1.xml", ModelType.DETECTION)

    def test_what_is_no_xml_is_named(self) -> None:
        found = read({"1.xml": VOC[:-20], "1.jpg": "", "2.xml": VOC.replace("1.jpg", "no.jpg")})
        told = reasons(found)
        assert "no XML" in told["1.xml"]
        assert "no.jpg is not there" in told["2.xml"]

    def test_what_the_challenge_calls_difficult_is_taken_and_a_size_of_0_is_looked_up(self) -> None:
        text = VOC.replace("<name>cat</name>", "<name>cat</name><difficult>1</difficult>")
        text = text.replace(
            "<width>200</width><height>100</height>", "<width>0</width><height>0</height>"
        )
        text = text.replace("<xmin>10</xmin>", "<xmin>10.4</xmin>").replace("1.jpg", "C:\\x\\1")
        found = read({"sub/labels/1.xml": text, "sub/1.jpg": ""})
        assert boxes(found) == {"sub/1.jpg": [("cat", [10, 20, 30, 40])]}
        assert found.examples[0].size_px == SIZE


class TestCsv:
    @pytest.mark.parametrize(
        "text",
        [
            "1.jpg,cat\n2,dog\n3.jpg,cat\n",
            "label;image\r\ncat;pics/1.jpg\r\ndog;2.jpg\r\ncat;3.jpg",
            "\ufeffid,breed,class\n1,x,cat\n2,y,dog\n3.jpg,z,cat\n",
        ],
    )
    def test_a_label_for_each_image_with_a_header_or_without(self, text: str) -> None:
        found = read({"labels.csv": text, "pics/1.jpg": "", "pics/2.jpg": ""})
        told = {example.image: example.labels for example in found.examples}
        assert told == {"pics/1.jpg": ["cat"], "pics/2.jpg": ["dog"]}
        ((where, reason),) = reasons(found).items()
        assert where in {"labels.csv, line 3", "labels.csv, line 4"}
        assert "3.jpg is not there" in reason

    @pytest.mark.parametrize(
        "text",
        [
            "1.jpg,cat,10,20,30,40\n1.jpg,dog,0,0,5,5\n",
            "image,label,left,top,width,height\n1.jpg,cat,10,20,30,40\n1.jpg,dog,0,0,5,5\n",
            "filename,width,height,class,xmin,ymin,xmax,ymax\n"
            "1.jpg,200,100,cat,10,20,40,60\n1.jpg,200,100,dog,0,0,5,5\n",
        ],
    )
    def test_a_row_for_each_box(self, text: str) -> None:
        found = read({"boxes.csv": text, "1.jpg": ""})
        assert boxes(found) == {"1.jpg": [("cat", [10, 20, 30, 40]), ("dog", [0, 0, 5, 5])]}

    def test_a_table_in_each_folder_says_of_which_split_its_images_are(self) -> None:
        named: dict[str, str] = {}
        for split in ("train", "valid", "test"):
            named |= {f"{split}/_annotations.csv": "filename,class\n1.jpg,cat\n"}
            named |= {f"{split}/1.jpg": ""}
        found = read(named)
        assert {example.image: example.split for example in found.examples} == {
            f"{split}/1.jpg": split for split in ("train", "valid", "test")
        }

    def test_a_table_without_images_is_none(self) -> None:
        texts = {"cat/1.jpg": b"", "docs/list.csv": b"name,label\nx,y\n"}
        assert recognise.folder(of(texts), ModelType.CLASSIFICATION) is None

    @pytest.mark.parametrize(
        "content",
        [
            b"sep=;\r\nimage;label;left;top;width;height\r\n1.jpg;cat;10,4;20;30;40\r\n",
            "\ufeffimage\tlabel\tleft\ttop\twidth\theight\n1.jpg\tcat\t10.4\t20\t30\t40\n".encode(
                "utf-16-le"
            ),
            b'image,label,left,top,width,height,note\n1.jpg,cat,"10.4",20,30,40,"two\nlines"\n',
        ],
        ids=["german Excel", "Unicode text of Excel", "line break in a cell"],
    )
    def test_tables_are_read_as_spreadsheets_save_them(self, content: bytes) -> None:
        files = {"boxes.csv": content, "1.jpg": b""}
        found = recognise.folder(of(files), ModelType.DETECTION)
        assert found is not None
        assert boxes(found.data_set()) == {"1.jpg": [("cat", [10, 20, 30, 40])]}
        assert found.data_set().problems == []

    def test_a_row_that_breaks_off_is_named(self) -> None:
        text = "note,breed,split,image,label\nx,y,train,1.jpg,cat\nx,y,train\n"
        found = read({"labels.csv": text, "1.jpg": ""})
        assert reasons(found) == {
            "labels.csv, line 3": "It has 3 columns: others have more.",
        }
        assert [example.labels for example in found.examples] == [["cat"]]

    def test_text_that_is_not_utf_8_is_refused_with_what_to_do(self) -> None:
        files = {"labels.csv": "1.jpg,Käfer\n".encode("cp1252"), "1.jpg": b""}
        found = recognise.folder(of(files), ModelType.CLASSIFICATION)
        assert found is not None
        with pytest.raises(CommandError, match=r"labels\.csv is not UTF-8 text: save it so"):
            found.data_set()

    def test_a_column_for_each_label_is_taken_for_no_label(self) -> None:
        texts = {"_classes.csv": b"filename, cat\n1.jpg, 1\n", "1.jpg": b""}
        assert recognise.folder(of(texts), ModelType.CLASSIFICATION) is None

    def test_an_image_without_a_label_is_one_of_which_nothing_is_said(self) -> None:
        found = read({"labels.csv": "image,label\n1.jpg,\n2.jpg,cat\n", "1.jpg": "", "2.jpg": ""})
        assert [example.labels for example in found.examples] == [[], ["cat"]]
        assert found.problems == []


def region(kind: str, **value: object) -> dict[str, object]:
    return {"type": kind, "original_width": 200, "original_height": 100, "value": value}


class TestLabelStudio:
    def test_boxes_outlines_and_choices_are_read(self) -> None:
        result = [
            region("rectanglelabels", x=5, y=10, width=50, height=20, rectanglelabels=["cat"]),
            region("polygonlabels", points=[[10, 10], [20, 10], [20, 50]], polygonlabels=["dog"]),
            region("choices", choices=["indoor"]),
            region("brushlabels", format="rle", rle=[1], brushlabels=["cat"]),
        ]
        old = {"result": [], "updated_at": "2026-01-01T00:00:00Z"}
        new = {"result": result, "updated_at": "2026-02-01T00:00:00Z"}
        skipped = {"result": [], "was_cancelled": True, "updated_at": "2026-03-01T00:00:00Z"}
        tasks = [
            {
                "id": 1,
                "data": {"image": "/data/upload/3/0a1b2c3d-1.jpg"},
                "annotations": [new, old, skipped],
            },
            {"id": 2, "data": {"image": "/data/local-files/?d=x/2.jpg"}, "annotations": [skipped]},
        ]
        found = read({"export.json": json.dumps(tasks), "images/1.jpg": "", "images/2.jpg": ""})
        assert boxes(found) == {
            "images/1.jpg": [("cat", [10, 10, 100, 20]), ("dog", [20, 10, 20, 40])]
        }
        assert found.examples[0].labels == ["indoor"]
        assert found.outlines == 1
        told = [(str(place), reason) for place, reason in found.problems]
        assert [place for place, _ in told] == ["export.json, task 1", "export.json, task 2"]
        assert "brushlabels" in told[0][1] and "Nobody has labelled it" in told[1][1]

    def test_a_turned_box_becomes_the_box_around_it(self) -> None:
        turned = region(
            "rectanglelabels", x=50, y=0, width=10, height=40, rotation=90, rectanglelabels=["cat"]
        )
        task = {"id": 1, "data": {"image": "1.jpg"}, "annotations": [{"result": [turned]}]}
        found = read({"export.json": json.dumps([task]), "1.jpg": ""})
        assert boxes(found) == {"1.jpg": [("cat", [60, 0, 40, 20])]}

    def test_boxes_in_an_image_whose_size_nobody_knows_have_none(self) -> None:
        drawn = region("rectanglelabels", x=5, y=10, width=50, height=20, rectanglelabels=["cat"])
        drawn |= {"original_width": 0}
        task = {"id": 1, "data": {"image": "1.jpg"}, "annotations": [{"result": [drawn]}]}
        named = {"export.json": json.dumps([task]).encode(), "1.jpg": b""}
        files = Files(named, named.__getitem__, lambda _: None)
        found = recognise.folder(files, ModelType.DETECTION)
        assert found is not None
        assert [example.size_px for example in found.data_set().examples] == [None]


class TestManifest:
    def test_paths_are_those_of_files_and_the_newest_line_counts(self) -> None:
        old = Annotation.of_boxes([Box("cat", 1, 2, 30, 40)], SIZE)
        new = Annotation.of_boxes([Box("dog", 1, 2, 30, 40)], SIZE)
        lines = [
            training_line("images/1.jpg", new, "2026-02-01T00:00:00"),
            training_line("images/1.jpg", old, "2026-01-01T00:00:00"),
            training_line("images/2.jpg", old, "2026-01-01T00:00:00"),
            "{}",
        ]
        found = read({"a.manifest": "\n".join(lines), "images/1.jpg": ""})
        assert boxes(found) == {"images/1.jpg": [("dog", [1, 2, 30, 40])]}
        assert list(reasons(found)) == ["a.manifest, line 3", "a.manifest, line 4"]


class TestRecognition:
    def test_folders_of_labels_are_none_of_these(self) -> None:
        texts = {"cat/1.jpg": b"", "dog/2.jpg": b"", "dog/notes.txt": b"x", "a.yaml": b"a: 1"}
        texts |= {"settings.json": b'{"images": []}', "bad.json": b"{", "b.yml": b"\xff"}
        assert recognise.folder(of(texts), ModelType.CLASSIFICATION) is None

    def test_names_without_labels_are_no_data_set(self) -> None:
        texts = {"images/1.jpg": b"", "data.yaml": b"names: [cat]"}
        assert recognise.folder(of(texts), ModelType.DETECTION) is None

    def test_two_data_sets_at_once_are_told_apart_by_their_files(self) -> None:
        texts = {"1.jpg": b"", "1.xml": VOC.encode(), "a.json": coco(["1.jpg"]).encode()}
        with pytest.raises(CommandError, match=r"COCO \(a.json\), Pascal VOC \(1.xml\)"):
            recognise.folder(of(texts), ModelType.DETECTION)

    def test_the_same_settings_under_two_names_are_one_data_set(self) -> None:
        texts = {"images/1.jpg": "", "labels/1.txt": "0 0.5 0.5 1 1"}
        texts |= dict.fromkeys(("data.yaml", "dataset.yaml"), "names: [cat]")
        assert boxes(read(texts)) == {"images/1.jpg": [("cat", [0, 0, 200, 100])]}

    def test_an_archive_is_to_be_unpacked(self) -> None:
        packed = of({"pets.zip": b"PK"})
        with pytest.raises(CommandError, match=r"pets\.zip is an archive: unpack it"):
            recognise.folder(packed, ModelType.DETECTION)
        with pytest.raises(CommandError, match=r"pets\.zip is an archive: unpack it"):
            recognise.file(packed, "pets.zip", ModelType.DETECTION)

    @pytest.mark.parametrize("named", ["../1.jpg", "/etc/1.jpg", "x/../1.jpg", "", "other/1.jpg"])
    def test_no_other_file_is_taken_for_an_image_that_is_not_there(self, named: str) -> None:
        assert of({"a.json": b"", "x/1.jpg": b""}).image(named, "a.json") is None


def test_a_table_of_numbers_beside_folders_of_labels_is_no_data_set() -> None:
    texts = {"cat/1.jpg": b"", "dog/2.jpg": b"", "losses.csv": b"epoch,loss\n1,0.5\n2,0.3\n"}
    assert recognise.folder(of(texts), ModelType.CLASSIFICATION) is None


CAMERAS = {"camera1/1.jpg": b"", "camera2/2.jpg": b""}


class TestWhatIsNothingThatIsKnown:
    """Folders beside what may say what their images show are taken for no labels."""

    @pytest.mark.parametrize("model_type", ModelType)
    @pytest.mark.parametrize("images", [["1.jpg"], ["camera1/1.jpg", "camera2/2.jpg"]])
    def test_json_that_breaks_off_is_named_with_its_line(
        self, model_type: ModelType, images: list[str]
    ) -> None:
        text = coco(images, annotation(1)).replace('"annotations"', '\n"annotations"')[:-9]
        files = of({"b.json": text.encode()} | dict.fromkeys(images, b""))
        with pytest.raises(CommandError, match=r"b\.json, line 2: No JSON: Expecting"):
            recognise.folder(files, model_type)
        with pytest.raises(CommandError, match=r"b\.json, line 2: No JSON: Expecting"):
            recognise.file(files, "b.json", model_type)

    def test_to_a_detection_model_it_is_named_whatever_it_speaks_of(self) -> None:
        with pytest.raises(CommandError, match=r"b\.json, line 1: No JSON"):
            recognise.folder(of({**CAMERAS, "b.json": b'{"images": ['}), ModelType.DETECTION)

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("x.json", '{"pictures": [{"of": "camera1/1.jpg", "shows": "cat"}]}'),
            ("camera1/1.json", '{"imagePath": "1.JPG", "shapes": []}'),
            ("x.xml", "<dataset><image file='C:\\pets\\camera1\\1.jpg'/></dataset>"),
            ("_classes.csv", "filename, cat\ncamera1/1.jpg, 1\n"),
            ("x.jsonl", '{"file_name": "2.jpg", "text": "cat"}'),
            ("x.yaml", "image: 2.jpg\n"),
            ("annotations", '\n{"2.jpg": "cat"}'),
            ("camera2/labels", '<pet file="2.jpg">cat</pet>'),
        ],
    )
    def test_what_speaks_of_the_images_is_refused_with_the_way_out(
        self, name: str, text: str
    ) -> None:
        with pytest.raises(CommandError, match=rf"^{name} speaks of the images.*--label NAME"):
            recognise.folder(of({**CAMERAS, name: text.encode()}), ModelType.CLASSIFICATION)

    @pytest.mark.parametrize("code", ["K\\u00e4fer.jpg", "K%C3%A4fer.jpg", "Ka\u0308fer.jpg"])
    def test_however_it_writes_their_names(self, code: str) -> None:
        texts = {"camera1/K\u00e4fer.jpg": b"", "x.json": f'["{code}"]'.encode()}
        with pytest.raises(CommandError, match=r"x\.json speaks of the images"):
            recognise.folder(of(texts), ModelType.CLASSIFICATION)

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("package.json", '{"name": "pets", "logo": "logo.jpg"}'),
            ("README.md", "![a cat](camera1/1.jpg)"),
            ("look.ipynb", '{"cells": [{"source": "open(\'camera1/1.jpg\')"}]}'),
            ("LICENSE", "1.jpg is by somebody"),
            ("annotations", '{"3.jpg": "cat"}'),
            ("camera1/1.txt", "a cat on a mat"),
            ("sources.jsonl", '{"image": "camera1/1.jpg"}'),
        ],
    )
    def test_what_is_by_the_way_refuses_no_labels(self, name: str, text: str) -> None:
        files = of({**CAMERAS, name: text.encode()})
        assert recognise.folder(files, ModelType.CLASSIFICATION) is None

    @pytest.mark.parametrize("model_type", ModelType)
    @pytest.mark.parametrize("file", ["camera1/1.txt", "camera1/labels/1.txt"])
    def test_labels_of_yolo_without_names_say_which_file_is_missing(
        self, model_type: ModelType, file: str
    ) -> None:
        with pytest.raises(CommandError, match=rf"{file} is written as YOLO.*classes\.txt.*data\."):
            recognise.folder(of({**CAMERAS, file: b"0 0.5 0.5 0.1 0.1\n"}), model_type)

    def test_json_that_cannot_be_opened_may_say_anything(self) -> None:
        def opened(name: str) -> bytes:
            if name == "x.json":
                raise PermissionError(13, "Permission denied")
            return b""

        files = Files([*CAMERAS, "x.json"], opened, lambda _: SIZE)
        with pytest.raises(CommandError, match=r"x\.json cannot be read: Permission denied\."):
            recognise.folder(files, ModelType.CLASSIFICATION)

    def test_a_manifest_whose_first_line_is_bad_is_one(self) -> None:
        text = b'{"source-ref\n{"source-ref": "1.jpg", "label": 1}\n'
        found = recognise.file(of({"1.jpg": b"", "a.json": text}), "a.json", ModelType.DETECTION)
        assert found.format == "manifest"


class TestFilesBesideThoseThatAreRead:
    """What cannot be read of a data set is named: a split may be missing with it."""

    def test_json_that_breaks_off(self) -> None:
        texts = {"train/1.jpg": "", "test/2.jpg": ""}
        texts["instances_train.json"] = coco(["1.jpg"], annotation(1))
        texts["instances_test.json"] = coco(["2.jpg"], annotation(1))[:-9]
        found = read(texts)
        assert list(boxes(found)) == ["train/1.jpg"]
        assert list(reasons(found)) == ["instances_test.json, line 1"]

    def test_an_annotation_without_content(self) -> None:
        text = "<annotation><filename>1.jpg</filename></annotation>"
        texts = {"Annotations/1.xml": text, "Annotations/2.xml": "", "build.xml": ""}
        found = read({**texts, "JPEGImages/1.jpg": "", "JPEGImages/2.jpg": ""})
        assert list(reasons(found)) == ["Annotations/2.xml"]

    def test_a_table_whose_images_are_not_there(self) -> None:
        tables = {"train.csv": "image,label\n1.jpg,cat\n", "test.csv": "image,label\n2.jpg,cat\n"}
        found = read({**tables, "1.jpg": "", "prices.csv": "day,price\n1,2\n"})
        assert list(reasons(found)) == ["test.csv"]
