"""A speech recogniser: CTC over log-mel frames, with the time of every word.

The "speech" is made of tones, a pitch a word, so that it learns in seconds; with recordings,
``sensorium fit speech.csv --task transcribe --inputs audio --target text`` is all there is to it.
"""

from typing import Any

import numpy as np

import sensorium as sm

RATE = 4_000
WORDS = {"low": 300, "middle": 600, "high": 1_200}


def say(words: list[str], draws: np.random.Generator) -> np.ndarray:
    """Say words: a tone each, with a little noise and a short pause behind it."""
    parts = []
    for word in words:
        length = int(RATE * draws.uniform(0.15, 0.25))
        tone = np.sin(
            2 * np.pi * WORDS[word] * draws.uniform(0.95, 1.05) / RATE * np.arange(length)
        )
        parts += [0.5 * tone, np.zeros(RATE // 12)]
    sound = np.concatenate(parts)
    return np.asarray(sound + draws.normal(0, 0.01, len(sound)), np.float32)


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Say one to four words a row."""
    draws = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        words = draws.choice(list(WORDS), size=draws.integers(1, 5)).tolist()
        sound = {"array": say(words, draws), "sampling_rate": RATE}
        made.append({"audio": sound, "text": " ".join(words)})
    return made


def main(count: int = 200, epochs: int = 25) -> dict[str, float]:
    """Give the word error rate, and how far the stated times of words are off, seconds."""
    run = sm.fit(
        rows(count),
        task=sm.Transcribe("text"),
        inputs=["audio"],
        kinds={"audio": sm.Audio(rate=RATE, seconds=3, whole=True)},
        plan=sm.Plan(epochs=epochs, rows_per_step=8, rate=3e-3, ema=0.9),
        out=None,
        quiet=True,
    )
    assert run.report is not None
    words = ["low", "high", "middle"] * 4  # longer than any row: heard window by window
    draws = np.random.default_rng(2)
    found = sm.transcribe(run.model, say(words, draws))
    return {
        "wer": run.report.targets["text"].metrics["wer"].value,
        "words heard": float(len(found.words)),
        "right": float(found.text == " ".join(words)),
    }


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name}: {value:.3f}")
