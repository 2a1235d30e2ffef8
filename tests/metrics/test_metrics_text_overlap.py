"""All scores of written text together: names, one counting, draws at once."""

import numpy as np
import pytest
from written_rows import (
    CANDIDATES,
    CHINESE,
    CHINESE_REFERENCES,
    REFERENCES,
    draws,
)

from sensorium.metrics import (
    Cider,
    bleu,
    bleu_counts,
    caption_tokens,
    chrf,
    chrf_counts,
    overlap,
    overlap_scores,
    rouge_l,
)

EXACT = 1e-12


def test_each_score_is_the_one_computed_alone():
    scores = overlap_scores(overlap(CANDIDATES, REFERENCES))
    assert scores == pytest.approx(
        {
            "bleu_4": bleu(bleu_counts(CANDIDATES, REFERENCES)),
            "chrf": chrf(chrf_counts(CANDIDATES, REFERENCES)),
            "rouge_l": rouge_l(CANDIDATES, REFERENCES),
            "cider_d": 1.230070188661085,
        },
        abs=1e-8,
    )


def test_many_draws_at_once_are_the_draws_one_by_one():
    found, drawn = overlap(CANDIDATES, REFERENCES), draws(len(CANDIDATES))
    at_once = overlap_scores(found, drawn)
    for place, draw in enumerate(drawn):
        for name, score in overlap_scores(found, draw).items():
            assert at_once[name][place] == pytest.approx(score, abs=EXACT), name


def test_chinese_needs_no_setting():
    scores = overlap_scores(overlap(CHINESE, CHINESE_REFERENCES))
    assert all(score > 0.1 for score in scores.values())
    perfect = overlap_scores(
        overlap([given[0] for given in CHINESE_REFERENCES], CHINESE_REFERENCES)
    )
    assert perfect["bleu_4"] == pytest.approx(1, abs=1e-9)
    assert perfect["rouge_l"] == 1


def test_rarity_can_come_from_training_rows():
    cider = Cider.fit([[caption_tokens(text) for text in given] for given in REFERENCES])
    few = overlap(CANDIDATES[:2], REFERENCES[:2], cider=cider)
    assert few.cider_d == pytest.approx([2.133640985, 1.448740137], abs=1e-8)


def test_meteor_is_averaged_where_it_was_asked_for(monkeypatch):
    monkeypatch.setattr(
        "sensorium.metrics.text_overlap.meteors", lambda left, _: np.arange(len(left)) / 10
    )
    found = overlap(CANDIDATES, REFERENCES, meteor=True)
    assert overlap_scores(found)["meteor"] == pytest.approx(0.35, abs=EXACT)
