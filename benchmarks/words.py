"""What ends in words, on real sets: answers, captions, speech. Prints figures with intervals.

    python benchmarks/words.py easy_vqa nlvr flickr flickr_zh digits

The packs lie below $SENSORIUM_DATA; ``sets.py`` says where. ``--minutes`` is the budget of a fit.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sets
import soundfile

import sensorium as sm
from sensorium import decoders, encoders
from sensorium.evaluate import Report
from sensorium.metrics import overlap, overlap_scores

Rows = list[dict[str, Any]]
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def shown(name: str, report: Report, seconds: float) -> None:
    """Print the scores of a report's only target."""
    (found,) = report.targets.values()
    print(f"{name}: {found.rows} rows, {seconds:.0f} s")
    for score, value in found.metrics.items():
        print(f"  {score:14} {value}")
    print(f"  {found.fusion.sentence}", flush=True)


def fitted(rows: Rows, test: Rows, minutes: float, seed: int, **options: Any) -> sm.Run:
    """Fit and judge, writing nothing."""
    return sm.fit(rows, test=test, minutes=minutes, seed=seed, out=None, quiet=True, **options)


def easy_vqa(minutes: float, seed: int) -> None:
    """Answers of easy_vqa written token by token."""
    (fold,) = sets.easy_vqa()
    start = time.perf_counter()
    task = sm.Answer("answer", free=True)
    run = fitted(fold.train, fold.test, minutes, seed, task=task, inputs=["image", "question"])
    shown("easy_vqa, written", run.report, time.perf_counter() - start)


def nlvr(minutes: float, seed: int) -> None:
    """Sentences about rendered pictures: true or false; learned on dev, judged on test."""
    rows = sets.rows_of("nlvr/table.csv", "image")
    train, test = ([r for r in rows if r["split"] == part] for part in ("dev", "test"))
    start = time.perf_counter()
    task = sm.Answer("label")
    inputs = ["image", "sentence"]  # a sentence is said of four pictures, true of half of them
    run = fitted(train, test, minutes, seed, task=task, inputs=inputs, group="sentence")
    shown("nlvr", run.report, time.perf_counter() - start)


def photos(language: str, seed: int) -> tuple[Rows, Rows]:
    """Deal the photos of flickr8k: 150 held out."""
    rows = sets.rows_of("flickr8k_train/table.csv", "image")
    kept = [{"image": r["image"], "caption": json.loads(r[f"captions_{language}"])} for r in rows]
    order = np.random.default_rng(seed).permutation(len(kept)).tolist()
    return [kept[i] for i in order[150:]], [kept[i] for i in order[:150]]


def flickr(language: str, minutes: float, seed: int) -> None:
    """Captions on frozen picture features, beside the nearest photo's and a blind decoder's."""
    train, test = photos(language, seed)
    start = time.perf_counter()
    run = fitted(train, test, minutes, seed, task=sm.Caption("caption"), inputs=["image"])
    shown(f"flickr8k {language}", run.report, time.perf_counter() - start)
    truth = [tuple(row["caption"]) for row in test]
    written = run.model.predict(*({"image": row["image"]} for row in test))
    blind = [{"nothing": 1.0 + (n % 2), "caption": row["caption"]} for n, row in enumerate(train)]
    alone = fitted(
        blind, blind[:2], minutes, seed, task=sm.Caption("caption"), inputs=["nothing"]
    ).model.predict(*({"nothing": 1.0} for _ in test))
    for name, texts in (
        ("written", written), ("nearest photo's", nearest(train, test)), ("blind", alone)
    ):  # fmt: skip
        scores = overlap_scores(overlap(texts, truth))
        print(f"  {name:16}", ", ".join(f"{k} {float(v):.3f}" for k, v in scores.items()))
    for row, text in list(zip(test, written, strict=True))[:5]:
        print(f"    {text}   |   {row['caption'][0]}")


def flickr_lm(minutes: float, seed: int) -> None:
    """English captions by SmolLM2-135M with adapters, from one vector a photo."""
    train, test = photos("en", seed)
    folder = Path(os.environ["SENSORIUM_MODELS"]) / "smollm2-135m"
    writer = decoders.LanguageModel(str(folder), lora=8, pace=0.2)
    task = sm.Caption("caption", decoder=writer, sampling=sm.Sampling(max_tokens=24))
    plan = sm.Plan(epochs=4, minutes=minutes, rows_per_step=8, rate=3e-3, modality_dropout=0.0)
    start = time.perf_counter()
    run = fitted(
        train, test, minutes, seed, task=task, inputs=["image"], plan=plan,
        encoders={"image": encoders.Pretrained("efficientnet-lite0", width=128)},
    )  # fmt: skip
    shown("flickr8k en, SmolLM2", run.report, time.perf_counter() - start)


def nearest(train: Rows, test: Rows) -> list[str]:
    """Give each photo the first caption of the photo whose frozen features are nearest."""
    schema = sm.Schema(inputs={"image": sm.Image(size=224)}, targets={})
    tower = encoders.Pretrained("efficientnet-lite0", width=1280, project=False)
    fields = {"image": tower.suited(schema.inputs["image"])}
    table = sm.read(train).with_schema(sm.Schema(inputs=fields))
    prep = sm.Preprocess.fit(table)
    tower.setup(prep.steps["image"].layout)
    tower.eval()

    def vectors(rows: Rows) -> np.ndarray:
        found = [tower(prep(rows[i : i + 32]).columns["image"]).pooled().detach().numpy()
                 for i in range(0, len(rows), 32)]  # fmt: skip
        stacked = np.concatenate(found)
        return stacked / np.linalg.norm(stacked, axis=1, keepdims=True)

    near = (vectors(test) @ vectors(train).T).argmax(1)
    return [train[i]["caption"][0] for i in near.tolist()]


def spoken_rows(rows: Rows, count: int, seed: int) -> Rows:
    """Join three to seven digits of one speaker to a row each."""
    draws = np.random.default_rng(seed)
    by_speaker: dict[str, Rows] = {}
    for row in rows:
        by_speaker.setdefault(row["speaker"], []).append(row)
    names = sorted(by_speaker)
    joined = []
    for number in range(count):
        own = by_speaker[names[number % len(names)]]
        some = [own[i] for i in draws.integers(len(own), size=draws.integers(3, 8)).tolist()]
        sound = np.concatenate([soundfile.read(r["audio"], dtype="int16")[0] for r in some])
        joined.append({"audio": {"array": sound, "sampling_rate": 8_000},
                       "text": " ".join(DIGITS[int(r["digit"])] for r in some)})  # fmt: skip
    return joined


def digits(minutes: float, seed: int, speakers: str = "") -> None:
    """Digits spoken in rows, by CTC; every speaker held out in turn."""
    rows = sets.rows_of("fsdd/table.csv", "audio")
    rates = []
    for speaker in speakers.split(",") if speakers else sorted({row["speaker"] for row in rows}):
        train = spoken_rows([r for r in rows if r["speaker"] != speaker], 1_000, seed)
        test = spoken_rows([r for r in rows if r["speaker"] == speaker], 100, seed + 1)
        start = time.perf_counter()
        run = fitted(train, test, minutes, seed, task=sm.Transcribe("text"), inputs=["audio"])
        shown(f"digits, {speaker} held out", run.report, time.perf_counter() - start)
        rates.append(run.report.targets["text"].metrics["wer"].value)
    print(f"digits: WER {np.mean(rates):.3f}, each {[round(rate, 3) for rate in rates]}")


PROGRAMS: dict[str, Callable[[float, int], None]] = {
    "easy_vqa": easy_vqa,
    "nlvr": nlvr,
    "flickr": lambda minutes, seed: flickr("en", minutes, seed),
    "flickr_lm": flickr_lm,
    "flickr_zh": lambda minutes, seed: flickr("zh", minutes, seed),
    "digits": digits,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*PROGRAMS, []], default=list(PROGRAMS))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for name in asked.names:
        PROGRAMS[name](asked.minutes, asked.seed)
