"""Voice commands: what is wanted, with which things, or that it is no command at all.

"Set the heating in the kitchen to twenty degrees" becomes an intent and slots. Sentences that ask
for nothing the house can do are among the training rows, so that the model learns to refuse.
Sentences come as text here; from sound, give an Audio column and slots that are categories.
"""

import random
from typing import Any

import sensorium as sm
from sensorium import encoders

ROOMS = ("kitchen", "hall", "bedroom", "living room", "bathroom")
DEGREES = ("eighteen degrees", "twenty degrees", "twenty two degrees", "25 degrees")
LIGHTS = ("lamp", "lights", "ceiling light")
SONGS = ("some jazz", "the news", "bird song")
OTHER = (
    "how far is the moon from the {}",
    "my brother was in the {} all day",
    "who painted {}",
    "do you like {} in the morning",
    "the {} is too small for us",
)


def spoken(draws: random.Random) -> dict[str, Any]:
    """Make up one sentence, its intent and its slots."""
    room, degrees = draws.choice(ROOMS), draws.choice(DEGREES)
    light, song = draws.choice(LIGHTS), draws.choice(SONGS)
    polite = draws.choice(("", "please ", "could you "))
    match draws.randrange(4):
        case 0:
            said = draws.choice((f"set the heating in the {room} to {degrees}",
                                 f"make it {degrees} in the {room}"))  # fmt: skip
            return _row(polite + said, "heating", {"room": room, "degrees": degrees})
        case 1:
            said = draws.choice((f"turn the {light} in the {room} on", f"{light} on, {room}"))
            return _row(polite + said, "light", {"room": room, "light": light})
        case 2:
            return _row(f"{polite}play {song} in the {room}", "play", {"room": room, "what": song})
    said = draws.choice(OTHER).format(draws.choice((room, light, song)))
    return _row(said, "other", {})


def _row(said: str, intent: str, slots: dict[str, str]) -> dict[str, Any]:
    return {"said": said, "intent": intent, "slots": slots}


def main(count: int = 400, epochs: int = 8) -> dict[str, float]:
    """Give the scores of sentences that were never heard, and print one command."""
    draws = random.Random(0)  # noqa: S311  made-up sentences
    rows = [spoken(draws) for _ in range(count)]
    known = {row["said"] for row in rows}
    others = [row for row in (spoken(draws) for _ in range(200)) if row["said"] not in known]
    run = sm.fit(
        rows,
        task=sm.Command("intent", slots="slots", outside="other"),
        inputs=["said"],
        kinds={
            "said": sm.Text(tokenizer="words", lowercase=True),
            "slots": sm.Spans(),
            "intent": sm.Category(),
        },
        encoders={"said": encoders.TextLSTM(width=64)},
        plan=sm.Plan(epochs=epochs, rows_per_step=16, rate=5e-3),
        out=None,
        quiet=True,
    )
    print(run.model.predict({"said": "please set the heating in the hall to twenty degrees"})[0])
    print(run.model.predict({"said": "who painted the ceiling of the hall"})[0])
    report = sm.evaluate(run.model, sm.read(others))
    intent, slots = report.targets["intent"].metrics, report.targets["slots"].metrics
    return {
        "in scope": intent["in_scope_accuracy"].value,
        "out of scope": intent["out_of_scope_recall"].value,
        "slots": slots["slot_f1"].value,
    }


if __name__ == "__main__":
    print(main())
