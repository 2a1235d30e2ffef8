"""A whole pretrained recogniser against ``transformers``' own generate on the same recordings.

    python benchmarks/recogniser.py lj32 en
    python benchmarks/recogniser.py aishell zh --rows 200

whisper-base lies below $SENSORIUM_MODELS, the recordings below $SENSORIUM_DATA.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import sets
import transformers
from tokenizers import Tokenizer
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

import sensorium as sm
from sensorium.core.faults import Ledger
from sensorium.metrics import hear, speech_scores

WHISPER = Path(os.environ["SENSORIUM_MODELS"]) / "whisper-base"
AT_ONCE, RATE = 4, 16_000


def main(name: str, language: str, count: int) -> None:
    model = sm.pretrained(str(WHISPER), audio="audio", target="text", language=language)
    theirs = transformers.WhisperForConditionalGeneration.from_pretrained(WHISPER).float().eval()
    listen = transformers.WhisperFeatureExtractor.from_pretrained(WHISPER)
    tokens = Tokenizer.from_file(str(WHISPER / "tokenizer.json"))
    rows = sets.rows_of(f"{name}/table.csv", "audio")[: count or None]
    said: dict[str, list[str]] = {"sensorium": [], "transformers": []}
    for start in range(0, len(rows), AT_ONCE):
        some = [{"audio": row["audio"]} for row in rows[start : start + AT_ONCE]]
        said["sensorium"] += model.predict(*some)
        clean = [model.prep.read(row, 0, Ledger())["audio"] for row in some]
        given = listen([np.float32(c) / 32_767 for c in clean], sampling_rate=RATE,
                       return_tensors="pt")  # fmt: skip
        ids = theirs.generate(**given, language=language, task="transcribe", num_beams=1)
        texts = (tokens.decode(row.tolist(), skip_special_tokens=True) for row in ids)
        said["transformers"] += [text.strip() for text in texts]
    same = sum(a == b for a, b in zip(*said.values(), strict=True))
    print(f"{name}: {same} of {len(rows)} texts are the same")
    truth = [row["text"] for row in rows]
    spelled = EnglishTextNormalizer({})
    for who, texts in said.items():
        scores = speech_scores(hear(truth, texts))
        told = ", ".join(f"{score} {float(value):.4f}" for score, value in scores.items())
        if language == "en":
            folded = speech_scores(hear(truth, texts, spelled))["wer"]
            told += f"; WER {float(folded):.4f} with numbers spelled as Whisper's authors do"
        print(f"  {who}: {told}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=["lj32", "aishell"])
    parser.add_argument("language")
    parser.add_argument("--rows", type=int, default=0)
    asked = parser.parse_args()
    main(asked.name, asked.language, asked.rows)
