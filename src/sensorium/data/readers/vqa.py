"""Visual question answering as published: a questions file and an annotations file, joined by id.

Answer = the most frequent of the (ten) people's answers; all of them are kept in ``answers``.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sensorium.core.counted import counted
from sensorium.core.errors import TableError
from sensorium.data.column import store
from sensorium.data.readers.pictures import folder_of
from sensorium.data.table import Table

_NAMES = {
    "mscoco": "COCO_{part}_{number:012d}.jpg",
    "abstract_v002": "abstract_v002_{part}_{number:012d}.png",
}
_OTHER_NAMES = ("{number:012d}.jpg", "{number}.jpg", "{number}.png")


def is_questions(data: Any) -> bool:
    """Tell whether a JSON file's data are questions on pictures."""
    return isinstance(data, Mapping) and isinstance(data.get("questions"), list)


def annotations_beside(questions: Path) -> Path | None:
    """Find the annotations of a questions file: the same name but for what it says of the form."""
    wanted = _words(questions)
    for file in sorted(questions.absolute().parent.glob("*annotations.json")):
        if _words(file) == wanted:
            return file
    return None


def _words(file: Path) -> set[str]:
    form = {"openended", "multiplechoice", "questions", "annotations"}
    return set(re.split(r"[_\-.]", file.stem.lower())) - form


def read(questions: Any, annotations: Any, file: Path, folder: Path | None = None) -> Table:
    """Join questions and annotations.

    Columns: image, question, answer, answers, question_id, and question_type and answer_type if
    the annotations have them. Without annotations (a test set) there is no answer.

    Args:
        questions: what the questions file holds.
        annotations: what the annotations file holds; None if there is none.
        file: the questions file, beside which the pictures are looked for.
        folder: where the pictures lie, if that is known.

    Errors:
        TableError: not of this form, no questions, or questions without annotations.
    """
    if not is_questions(questions) or not questions["questions"]:
        msg = f"{file} holds no questions: a VQA questions file has a list 'questions'"
        raise TableError(msg)
    asked = questions["questions"]
    numbers = [question["image_id"] for question in asked]
    part = str(questions.get("data_subtype") or _part_of(file))
    form, place = _pictures(file, folder, str(questions.get("data_type", "mscoco")), part, numbers)
    columns = {
        "image": store([form.format(part=part, number=number) for number in numbers]),
        "question": store([question["question"] for question in asked]),
        "question_id": store([question["question_id"] for question in asked]),
    }
    if annotations is not None:
        columns |= _answers(asked, annotations, file)
    return Table(columns, folder=place)


def _part_of(file: Path) -> str:
    found = re.search(r"(train|val|test)(-dev)?\d{4}", file.stem)
    return found.group() if found else ""


def _pictures(
    file: Path, folder: Path | None, kind: str, part: str, numbers: Sequence[Any]
) -> tuple[str, Path]:
    """Find how the pictures are named, and where they lie."""
    usual = _NAMES.get(kind, _NAMES["mscoco"]) if part else _OTHER_NAMES[0]
    for form in (usual, *_OTHER_NAMES):
        first = form.format(part=part, number=numbers[0])
        place = folder or folder_of(file, part, [first])
        if (place / first).is_file():
            return form, place
    return usual, folder or file.absolute().parent


def _answers(asked: Sequence[Any], annotations: Any, file: Path) -> dict[str, Any]:
    notes = annotations.get("annotations") if isinstance(annotations, Mapping) else None
    if not isinstance(notes, list):
        msg = f"the annotations of {file} have no list 'annotations'"
        raise TableError(msg)
    by_id = {note["question_id"]: note for note in notes}
    lost = [question["question_id"] for question in asked if question["question_id"] not in by_id]
    if lost:
        msg = (
            f"{file}: of {counted(len(asked), 'question')}, {len(lost):,} without an annotation, "
            f"the first is question {lost[0]}; do the two files belong together?"
        )
        raise TableError(msg)
    joined = [by_id[question["question_id"]] for question in asked]
    answers = [[answer["answer"] for answer in note.get("answers", ())] for note in joined]
    columns: dict[str, Any] = {
        "answer": store([_commonest(note, of) for note, of in zip(joined, answers, strict=True)]),
        "answers": store(answers),
    }
    for name in ("question_type", "answer_type"):
        if any(name in note for note in joined):
            columns[name] = store([note.get(name) for note in joined])
    return columns


def _commonest(note: Mapping[str, Any], answers: Sequence[str]) -> str | None:
    """Give the most frequent answer; among equals the one that the annotation names."""
    named = note.get("multiple_choice_answer")
    if not answers:
        return named
    counts = Counter(answers)
    return max(counts, key=lambda answer: (counts[answer], answer == named))
