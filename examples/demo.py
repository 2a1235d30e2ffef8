"""The main job on real data: questions about pictures, answered by a model trained here and now.

Pictures and questions come from the PyPI package easy-vqa (Victor Zhou, MIT): a shape of one
colour on a pale ground, a question in words, one of 13 answers. The program looks at the table,
learns from it, says whether seeing and reading together helped, saves the model, and lets a new
process answer three questions about three pictures.

    python examples/demo.py [FOLDER] [--rows 12000] [--minutes 2]
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import easy_vqa

import sensorium as sm

ASK = """
import json, sys
import sensorium

model = sensorium.load(sys.argv[1])
rows = json.loads(sys.argv[2])
for row, answer in zip(rows, model.answers(rows), strict=True):
    sure = max(answer.scores["answer"].values())
    print(f"  {row['question']:40} -> {answer.value} ({sure:.0%} sure), true: {row['answer']}")
"""


def rows_of(
    questions: tuple[Sequence[str], Sequence[str], Sequence[int]], pictures: dict[int, str]
) -> list[dict[str, str]]:
    """Lay questions, answers and the pictures that they are about out as rows."""
    return [
        {"picture": pictures[number], "question": words, "answer": answer}
        for words, answer, number in zip(*questions, strict=True)
    ]


def write(rows: Sequence[dict[str, str]], file: Path) -> None:
    """Write rows as JSON lines."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def main() -> None:
    """Run the whole job."""
    options = argparse.ArgumentParser(description="Questions about pictures, from table to model.")
    options.add_argument("folder", nargs="?", type=Path, default=Path("runs/demo"))
    options.add_argument("--rows", type=int, default=16_000, help="training questions")
    options.add_argument("--minutes", type=float, default=2.0, help="time budget of training")
    chosen = options.parse_args()
    folder: Path = chosen.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    train, test = folder / "train.jsonl", folder / "test.jsonl"
    write(
        rows_of(easy_vqa.get_train_questions(), easy_vqa.get_train_image_paths())[: chosen.rows],
        train,
    )
    asked = rows_of(easy_vqa.get_test_questions(), easy_vqa.get_test_image_paths())[:3_000]
    write(asked, test)

    print(f"$ sensorium inspect {train} --target answer\n")
    print(sm.inspect(train, targets=("answer",)).markdown())
    print(
        f"$ sensorium fit {train} --target answer --inputs picture,question --group picture "
        f"--test {test}\n"
    )
    run = sm.fit(
        train,
        "answer",
        inputs=("picture", "question"),
        group="picture",
        test=test,
        minutes=chosen.minutes,
        out=folder / "run",
    )
    if run.report is not None:
        print(run.report.summary())

    print("\nA new process loads the model and answers:")
    three = [asked[0], asked[1_000], asked[2_000]]
    model = folder / "run" / "model"
    subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", ASK, str(model), json.dumps(three)], check=True
    )
    print(f"\nmodel   {model}\nreport  {(folder / 'run' / 'report.html').resolve()}")


if __name__ == "__main__":
    main()
