"""Likely leaks: each kind is suspected where it was planted, and not in sound columns."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from sensorium.data import leaks

COUNT = 400
RANDOM = np.random.default_rng(0)
LABELS = RANDOM.choice(["glad", "calm", "cross"], COUNT).tolist()
CODES = [["glad", "calm", "cross"].index(label) for label in LABELS]


def test_rows_sorted_by_label():
    labels = sorted(LABELS)
    assert leaks.of_order("id", list(range(COUNT)), labels)[0].kind == "order"
    hours = [datetime(2024, 1, 1) + timedelta(hours=i) for i in range(COUNT)]
    assert leaks.of_order("when", hours, labels)
    assert not leaks.of_order("id", list(range(COUNT)), LABELS)
    assert not leaks.of_order("constant", [8_000] * COUNT, labels)
    assert not leaks.of_order("id", list(range(COUNT)), ["glad"] * COUNT)
    assert not leaks.of_order("mixed", [1, "a"] * (COUNT // 2), labels)
    assert not leaks.of_order("few", list(range(20)), labels[:20])


def test_a_number_that_determines_the_label():
    exact = [10 * code + RANDOM.random() for code in CODES]
    noisy = [10 * code + 8 * RANDOM.normal() for code in CODES]
    assert leaks.of_order("score", exact, LABELS)
    assert not leaks.of_order("score", noisy, LABELS)


def test_values_that_go_with_one_label_only():
    finer = [f"{label}-{RANDOM.integers(8)}" for label in LABELS]
    found = leaks.of_value("subgroup", finer, LABELS)
    assert found[0].kind == "determines"
    assert "100.0%" in found[0].found
    assert not leaks.of_value("shop", RANDOM.choice(["n", "s", "w"], COUNT).tolist(), LABELS)
    pairs = [i // 2 for i in range(COUNT)]
    skewed = ["rare" if i % 100 == 0 else "usual" for i in range(COUNT)]
    assert not leaks.of_value("pair", pairs, skewed)


def test_a_number_that_rises_with_the_target():
    price = np.exp(RANDOM.normal(size=COUNT))
    assert leaks.of_rank("euros", (1.1 * price).tolist(), price.tolist())
    assert leaks.of_rank("debt", (-(price**2)).tolist(), price.tolist())
    near = (np.log(price) + 0.3 * RANDOM.normal(size=COUNT)).tolist()
    assert not leaks.of_rank("area", near, price.tolist())
    assert not leaks.of_rank("words", ["a"] * COUNT, price.tolist())


@pytest.mark.parametrize("file_name", [False, True])
def test_the_label_inside_words_or_file_names(file_name):
    mark = "/" if file_name else " "
    named = [f"photos{mark}{label.title()}{mark}{i}" for i, label in enumerate(LABELS)]
    found = leaks.of_names("x", named, LABELS, file_name=file_name)
    assert found[0].kind == ("file name" if file_name else "name")
    assert ("harmless" in found[0].advice) == file_name
    inside = [f"{label}ness" for label in LABELS]
    any_label = [f"the {LABELS[i - 1]} one" for i in range(COUNT)]
    seldom = [name if i % 10 == 0 else "nothing" for i, name in enumerate(named)]
    for cells in (inside, any_label, seldom):
        assert not leaks.of_names("x", cells, LABELS)


def test_duplicates_across_and_without_parts():
    groups = np.arange(100)
    groups[90:95] = groups[:5]
    parts = {"train": np.arange(80), "test": np.arange(80, 100)}
    found = leaks.of_duplicates("photo", groups, parts)
    assert [leak.found for leak in found] == [
        "test rows with a near-duplicate in train: 5 of 20"
    ]  # fmt: skip
    assert "10 of 100 rows" in leaks.of_duplicates("photo", groups, None)[0].found
    groups[90:95] = -1
    assert not leaks.of_duplicates("photo", groups, parts)
    assert not leaks.of_duplicates("photo", groups, None)
