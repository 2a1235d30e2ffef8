"""Keywords by hand: phrases, counts, features, the ranking, both sources, saving, missing cells."""

import json

import numpy as np
import pytest
import torch

import sensorium as sm
from sensorium import encoders, fusion, tasks
from sensorium.core.errors import PartError
from sensorium.metrics.keywords import keyword_stems
from sensorium.preprocess import Preprocess
from sensorium.tasks import phrase_scorer
from sensorium.tasks.keyword_head import KeywordHead
from sensorium.tasks.phrase_counts import INSIDE, ROWS, TOTAL, WORDS, PhraseCounts, bucket
from sensorium.tasks.phrase_features import FEATURES, see
from sensorium.tasks.phrases import phrases_of, words_of_text
from sensorium.testing import check_task

WIDTH = 16
TEXT = "Neural nets\nThe Neural nets learn. A deep net, unlike trees, learns COVID-19 slowly."
NEVER = {"the", "a", "of", "unlike"}.__contains__


def phrases(text, stop=NEVER):
    return phrases_of(text, words_of_text(text), stop)


# --- phrases ----------------------------------------------------------------------------------


def test_words_stand_where_they_say_and_know_their_sentence():
    words = words_of_text(TEXT)
    assert all(TEXT[word.start : word.end] == word.text for word in words)
    assert [word.text for word in words if not word.joined] == ["Neural", "A", "unlike", "learns"]
    assert [word.sentence for word in words] == [0] * 2 + [1] * 4 + [2] * 8
    assert words[-2].text == "COVID-19"


def test_phrases_have_no_stop_word_at_an_end_and_no_sign_inside():
    found = {phrase.text: phrase for phrase in phrases(TEXT)}
    assert "Neural nets" in found
    assert "learn" in found
    assert "deep net" in found
    assert not {"The Neural", "net unlike", "learn A", "A deep"} & found.keys()
    assert found["Neural nets"].places == (0, 3)
    assert found["Neural nets"].key == ("neural", "net")
    assert found["learn"].places == (5, 11)  # learn and learns share a stem
    assert max(phrase.size for phrase in found.values()) == 4
    assert "heat of steel" in {phrase.text for phrase in phrases("the heat of steel")}


def test_chinese_phrases_are_made_of_words():
    found = {phrase.text for phrase in phrases("神经网络的训练方法，简单", {"的"}.__contains__)}
    assert {"神经网络", "神经网络的训练方法", "训练方法", "简单"} <= found
    assert not any("，" in text or text.endswith("的") for text in found)


def test_a_text_without_words_has_no_phrases():
    assert phrases("... !?") == []
    assert phrases("7 8") == []


# --- counts and features ----------------------------------------------------------------------

SAID = ("the deep net learns", "the deep tree", "the old tree", "the net", "the")
TEXTS = [(text,) for text in SAID] * 2
KEYS = [("deep nets",), ("tree", "absent one"), ("tree",), ("net",), ()] * 2


def counted():
    counts = PhraseCounts()
    counts.learn(TEXTS, KEYS)
    return counts


def test_counts_by_hand():
    counts = counted()
    table = counts.words.numpy()
    the, deep, tree = (table[bucket(word, WORDS)] for word in ("the", "deep", "tree"))
    assert the.tolist() == [10, 10, 0, 0, 0]
    assert deep.tolist() == [4, 4, 2, 0, 2]
    assert (tree[ROWS], tree[TOTAL], tree[INSIDE]) == (4, 4, 4)
    assert counts.stops()[bucket("the", WORDS)]
    assert not counts.stops()[bucket("deep", WORDS)]
    assert counts.keys.sum() == 10
    before = table.copy()
    counts.learn(TEXTS, KEYS)
    assert (counts.words.numpy() == before).all()


def test_a_training_row_does_not_give_itself_away():
    counts = counted()
    own = see("the old tree", counts, {keyword_stems("tree")})
    blind = PhraseCounts()
    keep = [i for i in range(10) if i != 2]
    blind.learn([TEXTS[i] for i in keep], [KEYS[i] for i in keep])
    other = see("the old tree", blind)
    texts = [phrase.text for phrase in own.phrases]
    assert texts == [phrase.text for phrase in other.phrases] == ["old", "old tree", "tree"]
    # Rarity and what is usual of all words still know of the row; nothing else may.
    known, place = slice(21, 23), texts.index("tree")
    assert own.features[:, known].tolist() == other.features[:, known].tolist()
    assert np.abs(own.features - other.features).max() < 0.1
    seen = see("the old tree", counts)
    assert seen.features[place, 21] > own.features[place, 21]


def test_features_are_finite_and_many():
    seen = see(TEXT, counted())
    assert seen.features.shape == (len(seen.phrases), FEATURES)
    assert np.isfinite(seen.features).all()
    assert see("...", counted()).features.shape == (0, FEATURES)


# --- the head ---------------------------------------------------------------------------------


def ranked(*rows):
    out = np.empty(len(rows), object)
    for place, row in enumerate(rows):
        out[place] = row
    return out


def test_scores_thresholds_and_errors_by_hand():
    head = KeywordHead(WIDTH, 1, ("a", "b", "c"), (3, 2, 1), 10)
    assert head.shared == ("a", "b")
    truth = ranked(("cats", "dogs"), ("birds",), None)
    decided = ranked((("cat", 0.9), ("cow", 0.5)), (("fish", 0.4), ("bird", 0.8)), ())
    known = head.known(truth)
    assert known.tolist() == [True, True, False]
    truth, decided = truth[known], decided[known]
    scores = head.metrics(truth, decided)
    assert scores["keyword_precision_at_5"] == 0.5
    assert scores["keyword_recall_at_5"] == 0.75
    assert scores["keyword_f1_at_5"] == pytest.approx((0.5 + 2 / 3) / 2)
    assert head.score(truth, decided) == scores["keyword_f1_at_5"]
    head.fit_thresholds(truth, decided)
    assert 0.5 < head.threshold.item() <= 0.8
    assert head.metrics(truth, decided)["keyword_f1_at_m"] == pytest.approx((2 / 3 + 1) / 2)
    assert head.errors(truth, decided).tolist() == [0.5, 1.0]
    assert head.in_words(decided[0]) == "cat, cow"
    assert head.in_words(()) == "none"


def test_keywords_of_one_row_only_are_shared_if_there_are_no_others():
    assert KeywordHead(WIDTH, 1, ("a", "b"), (1, 1), 10).shared == ("a", "b")


# --- the task ---------------------------------------------------------------------------------

CELLS = [
    {"the.words": "the red fox runs", "keys": ["red fox", "animal"]},
    {"the.words": "the blue fox sleeps", "keys": ["blue fox", "animal"]},
    {"the.words": "the red car", "keys": '["red car", "thing"]'},
    {"the.words": "the old lamp", "keys": "lamp|thing"},
    {"the.words": "a red lamp", "keys": ["red lamp", "thing"]},
]


def prepared():
    schema = sm.Schema({"the.words": sm.Text(tokenizer="words")}, {"keys": sm.Category(many=True)})
    prep = Preprocess.fit(sm.read(CELLS).with_schema(schema))
    return prep.steps, prep(CELLS).columns


def test_it_keeps_the_contract():
    steps, columns = prepared()
    inputs = {"the.words": columns["the.words"]}
    check_task(lambda: tasks.Keywords("keys"), steps, {"keys": columns["keys"]}, inputs)


def test_without_a_text_it_keeps_the_contract():
    steps, columns = prepared()
    check_task(
        lambda: tasks.Keywords("keys", top=3, auxiliary=0.0),
        {"keys": steps["keys"]},
        {"keys": columns["keys"]},
        new_process=False,
    )


def test_a_list_may_be_written_as_json():
    _, columns = prepared()
    assert columns["keys"].texts[2] == ("red car", "thing")


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: tasks.Keywords("keys", top=0), "top must be at least 1"),
        (lambda: tasks.Keywords("keys", auxiliary=-1), "auxiliary"),
    ],
)
def test_options_that_cannot_be_are_refused(make, hint):
    with pytest.raises(PartError, match=hint):
        make()


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: tasks.Keywords("the.words"), "many=True"),
        (lambda: tasks.Keywords("keys", "the.word"), "did you mean 'the.words'"),
    ],
)
def test_targets_that_do_not_fit_are_refused(make, hint):
    steps, _ = prepared()
    with pytest.raises(PartError, match=hint):
        make().setup(WIDTH, ("photo", "the.words"), steps)


def test_a_category_becomes_one_of_many():
    task = tasks.Keywords("keys")
    assert task.wanted == {"keys": sm.Category}
    assert task.suited("keys", sm.Category(separator=";")) == sm.Category(many=True, separator=";")


def abstracts(count, seed):
    """Keywords are what stands in quotation: two words after "about"; colour tells the field."""
    draws = np.random.default_rng(seed)
    made = []
    nouns = ["steel", "bread", "glass", "paper", "cloth", "stone", "wood", "clay", "silk", "wool"]
    for _ in range(count):
        first, second, other = draws.choice(nouns, 3, replace=False)
        warm = bool(draws.random() < 0.5)
        made.append({
            "said": f"This is about {first} {second} and not of {other}.",
            "warmth": 30.0 + draws.normal() if warm else draws.normal(),
            "keys": [f"{first} {second}", "summer" if warm else "winter"],
        })  # fmt: skip
    return made


def test_phrases_and_what_is_not_in_the_text_are_ranked_together(tmp_path):
    schema = sm.Schema(
        {"said": sm.Text(tokenizer="words"), "warmth": sm.Number()},
        {"keys": sm.Category(many=True)},
    )
    cells = abstracts(120, 0)
    cells[3]["keys"], cells[4]["said"] = None, None
    table = sm.read(cells).with_schema(schema)
    valid = sm.read(abstracts(40, 1)).with_schema(schema)
    model = sm.Model(
        Preprocess.fit(table),
        encoders={"said": encoders.NGrams(width=WIDTH), "warmth": encoders.Numbers(width=WIDTH)},
        fusion=fusion.Concat(width=WIDTH),
        task=tasks.Keywords("keys", top=3),
    )
    plan = sm.Plan(epochs=12, rows_per_step=12, rate=1e-2, precision="fp32")
    run = sm.train(model, table, valid=valid, plan=plan, quiet=True)
    assert run.history[-1]["valid"]["keys"]["keyword_f1_at_o"] > 0.9
    asked = [
        {"said": "This is about bread glass and not of clay.", "warmth": 30.0},
        {"said": None, "warmth": 0.0},
        {"said": "!", "warmth": None},
    ]
    first, second, third = model.predict(*asked)
    assert {one["keyword"] for one in first[:2]} == {"bread glass", "summer"}
    assert len(first) == 3
    assert first[0]["score"] >= first[1]["score"] >= first[2]["score"]
    assert second[0]["keyword"] == "winter"
    assert len(third) == 3
    json.dumps(first)
    again = sm.load(model.save(tmp_path / "model"))
    assert again.predict(*asked) == [first, second, third]
    report = sm.evaluate(model, valid, train=table)
    fusion_help = report.targets["keys"].fusion
    assert {standing.name for standing in fusion_help.standings} >= {"said alone", "warmth alone"}
    assert "always the usual keywords" in report.markdown()
    assert report.html()


def test_the_loss_by_hand():
    steps, columns = prepared()
    task = tasks.Keywords("keys", auxiliary=0.0)
    task.setup(8, ("the.words",), steps)
    head = task.heads["keys"]
    assert head.shared == ("animal", "thing")
    logits = torch.zeros(5, 2)
    assert head.loss(logits, columns["keys"]).item() == pytest.approx(np.log(2) * 2**0.5)


def test_what_is_remembered_of_texts_is_bounded_by_their_phrases(monkeypatch):
    monkeypatch.setattr(phrase_scorer, "REMEMBERED", 40)
    scorer = phrase_scorer.PhraseScorer(4)
    texts = [(" ".join(f"{letter}{n}" for letter in "abcde"),) for n in range(8)]
    for row in (*texts, *texts):
        (found,) = scorer.see((row,), [None])
        again = see(row[0], scorer.counts)
        assert found.phrases == again.phrases
        assert len(found.phrases) == 14
        assert scorer.see((row,), [None])[0] is found
        assert sum(len(its.phrases) for its in scorer._seen.values()) <= 40
