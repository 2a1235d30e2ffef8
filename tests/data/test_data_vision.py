"""COCO captions and VQA as published: joined by id, pictures found, faults named."""

import json

import pytest
from PIL import Image as Pillow

from sensorium.core.errors import TableError
from sensorium.data import infer, read

CAPTIONS = {
    "info": {"year": 2014},
    "images": [
        {"id": 9, "file_name": "COCO_val2014_000000000009.jpg", "height": 8, "width": 8},
        {"id": 25, "file_name": "COCO_val2014_000000000025.jpg"},
        {"id": 30, "file_name": "COCO_val2014_000000000030.jpg"},
    ],
    "annotations": [
        {"image_id": 25, "id": 1, "caption": " A giraffe eats. "},
        {"image_id": 9, "id": 2, "caption": "A plate."},
        {"image_id": 25, "id": 3, "caption": "Two giraffes."},
    ],
}
QUESTIONS = {
    "data_type": "mscoco",
    "data_subtype": "val2014",
    "questions": [
        {"image_id": 9, "question": "What is on it?", "question_id": 90},
        {"image_id": 25, "question": "How many?", "question_id": 251},
    ],
}
NOTES = {
    "data_subtype": "val2014",
    "annotations": [
        {
            "question_id": 251,
            "image_id": 25,
            "question_type": "how many",
            "answer_type": "number",
            "multiple_choice_answer": "2",
            "answers": [{"answer": a, "answer_id": i} for i, a in enumerate(["1", "2", "2", "1"])],
        },
        {
            "question_id": 90,
            "image_id": 9,
            "question_type": "what",
            "answer_type": "other",
            "multiple_choice_answer": "cake",
            "answers": [{"answer": a, "answer_id": i} for i, a in enumerate(["cake", "pie"])],
        },
    ],
}


def save(file, data):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(data))
    return file


def draw(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    Pillow.new("RGB", (8, 8)).save(file)


def test_coco_one_row_a_picture_or_one_a_caption(tmp_path):
    file = save(tmp_path / "annotations" / "captions_val2014.json", CAPTIONS)
    draw(tmp_path / "val2014" / "COCO_val2014_000000000009.jpg")
    table = read(file)
    assert table.folder == tmp_path / "val2014"
    assert table.cells("captions") == [["A plate."], ["A giraffe eats.", "Two giraffes."], None]
    assert table.cells("image_id") == [9, 25, 30]
    pairs = read(file, form="coco-pairs")
    assert [(row["image_id"], row["caption"]) for row in pairs] == [
        (9, "A plate."), (25, "A giraffe eats."), (25, "Two giraffes.")
    ]  # fmt: skip
    assert list(table.explode("captions").cells("captions")) == pairs.cells("caption")
    assert infer(pairs, ["caption"], kinds={"caption": "text"}).findings["image"].kind == "image"


def test_coco_faults_are_all_named(tmp_path):
    wrong = {**CAPTIONS, "annotations": [{"image_id": 9}, {"image_id": 7, "caption": "x"}]}
    with pytest.raises(TableError, match=r"(?s)annotation 0 has no caption.*unknown picture 7"):
        read(save(tmp_path / "a.json", wrong))
    with pytest.raises(TableError, match="it has no captions"):
        read(save(tmp_path / "b.json", {**CAPTIONS, "annotations": []}))
    with pytest.raises(TableError, match="no COCO captions file"):
        read(save(tmp_path / "c.json", {"images": []}), form="coco")


@pytest.mark.parametrize("pair", [True, False])
def test_vqa_joins_questions_and_answers(tmp_path, pair):
    questions = save(tmp_path / "v2_OpenEnded_mscoco_val2014_questions.json", QUESTIONS)
    notes = save(tmp_path / "v2_mscoco_val2014_annotations.json", NOTES)
    draw(tmp_path / "images" / "val2014" / "COCO_val2014_000000000009.jpg")
    table = read([questions, notes] if pair else questions)
    assert table.folder == tmp_path / "images" / "val2014"
    assert table.cells("image") == [f"COCO_val2014_{n:012d}.jpg" for n in (9, 25)]
    assert table.cells("answer") == ["cake", "2"]
    assert table.cells("answers") == [["cake", "pie"], ["1", "2", "2", "1"]]
    assert table.cells("answer_type") == ["other", "number"]


def test_vqa_with_other_picture_names_and_no_answers(tmp_path):
    questions = save(tmp_path / "questions.json", QUESTIONS)
    draw(tmp_path / "pictures" / "000000000009.jpg")
    table = read(questions, folder=tmp_path / "pictures")
    assert table.cells("image") == ["000000000009.jpg", "000000000025.jpg"]
    assert "answer" not in table


def test_vqa_files_that_do_not_belong_together(tmp_path):
    questions = save(tmp_path / "q.json", QUESTIONS)
    notes = save(tmp_path / "a.json", {"annotations": NOTES["annotations"][:1]})
    said = "of 2 questions, 1 without an annotation, the first is question 90"
    with pytest.raises(TableError, match=said):
        read([questions, notes])
