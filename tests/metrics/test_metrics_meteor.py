"""METEOR where nltk and WordNet are on disk; everywhere, what is said where they are not."""

import sys
import types

import pytest

from sensorium.core.errors import ExtraError, SensoriumError
from sensorium.metrics import has_wordnet, meteors

GUIDE = "It is a guide to action which ensures that the military always obeys the party's commands"


def stand_in(monkeypatch, *, wordnet):
    """Put a small nltk in place whose METEOR is the share of the best reference's words."""

    def find(place):
        if not (wordnet and place == "corpora/wordnet.zip"):
            raise LookupError(place)

    def meteor_score(references, candidate):
        return max(len(set(candidate) & set(one)) / len(set(one)) for one in references)

    nltk = types.ModuleType("nltk")
    nltk.__spec__ = types.SimpleNamespace(name="nltk")
    nltk.__path__ = []
    nltk.data = types.SimpleNamespace(find=find)
    score = types.ModuleType("nltk.translate.meteor_score")
    score.meteor_score = meteor_score
    for module in (nltk, types.ModuleType("nltk.translate"), score):
        monkeypatch.setitem(sys.modules, module.__name__, module)


def test_without_nltk_the_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "nltk", None)
    monkeypatch.setitem(sys.modules, "nltk.translate.meteor_score", None)
    assert not has_wordnet()
    with pytest.raises(ExtraError, match="pip install nltk"):
        meteors(["a dog"], [["a dog"]])


def test_without_wordnet_the_command_is_named(monkeypatch):
    stand_in(monkeypatch, wordnet=False)
    assert not has_wordnet()
    with pytest.raises(SensoriumError, match=r"nltk\.downloader wordnet"):
        meteors(["a dog"], [["a dog"]])


def test_words_go_in_and_the_best_reference_comes_out(monkeypatch):
    stand_in(monkeypatch, wordnet=True)
    assert has_wordnet()
    assert meteors(["A dog.", "cat"], [["the big dog", "a, dog!"], ["a cat"]]).tolist() == [1, 0.5]


@pytest.mark.skipif(not has_wordnet(), reason="needs nltk and its WordNet")
def test_synonyms_and_order():
    candidates = ["the auto", "the tree", GUIDE, "a cat"]
    like, unlike, same, none = meteors(candidates, [["the car"]] * 2 + [[GUIDE], ["no such"]])
    assert none == 0 < unlike < like
    assert same == pytest.approx(1, abs=1e-3)
