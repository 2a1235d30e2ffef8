"""Splits: exact, seeded, in proportion, by group, by time, by a column; errors that teach."""

from collections import Counter
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.core.errors import TableError
from sensorium.core.schema import Date, Number, Schema
from sensorium.data import read
from sensorium.data.split import at_random, by_groups, sizes, strata, stratified

SHARES = st.sampled_from([(0.8, 0.2), (0.8, 0.1, 0.1), (0.5, 0.5), (0.7, 0.2, 0.1)])


def table(**columns):
    return read(columns)


def all_rows(parts) -> list[int]:
    return sorted(int(row) for part in parts for row in part)


@given(st.integers(10, 500), SHARES)
def test_sizes_are_exact(count, shares):
    found = sizes(count, shares)
    assert sum(found) == count
    assert all(abs(size - share * count) < 1 for size, share in zip(found, shares, strict=True))


@given(st.integers(10, 300), SHARES, st.integers(0, 3))
def test_random_parts_hold_each_row_once(count, shares, seed):
    parts = at_random(count, shares, seed)
    assert all_rows(parts) == list(range(count))
    assert [part.tolist() for part in parts] == [
        part.tolist() for part in at_random(count, shares, seed)
    ]


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), min_size=20, max_size=200), SHARES, st.integers(0, 3))
def test_stratified_parts_keep_proportions_and_exact_sizes(labels, shares, seed):
    parts = stratified(labels, shares, seed)
    assert all_rows(parts) == list(range(len(labels)))
    assert [len(part) for part in parts] == sizes(len(labels), shares)
    counts = Counter(labels)
    trained = {labels[row] for row in parts[0]}
    assert len(trained) == min(len(counts), len(parts[0]))
    for part, share in zip(parts, shares, strict=True):
        for label, count in Counter(labels[row] for row in part).items():
            assert abs(count - share * counts[label]) <= 2 + 0.2 * counts[label]


@settings(deadline=None)
@given(st.lists(st.integers(0, 12), min_size=30, max_size=200), st.integers(0, 3))
def test_groups_are_never_split_apart(groups, seed):
    if len(set(groups)) < 2:
        return
    parts = by_groups(groups, (0.7, 0.3), seed)
    assert all_rows(parts) == list(range(len(groups)))
    left, right = ({groups[row] for row in part} for part in parts)
    assert left
    assert right
    assert not left & right


def test_groups_also_keep_labels_in_proportion():
    random = np.random.default_rng(0)
    groups = random.integers(0, 60, 1_200).tolist()
    labels = [group % 3 == 0 for group in groups]
    parts = by_groups(groups, (0.8, 0.2), 0, labels)
    shares = [np.mean([labels[row] for row in part]) for part in parts]
    assert abs(len(parts[0]) - 960) <= 20
    assert abs(shares[0] - shares[1]) < 0.05


def test_rows_without_a_group_are_alone():
    parts = by_groups([None, float("nan"), None, "a", "a"], (0.6, 0.4), 0)
    assert [len(part) for part in parts] == [3, 2]


def test_a_table_splits_into_tables_that_keep_their_row_ids():
    whole = table(n=list(range(100)), y=["a"] * 50 + ["b"] * 50)
    train, valid, test = whole.split(0.8, 0.1, 0.1, seed=3, stratify="y")
    assert [len(part) for part in (train, valid, test)] == [80, 10, 10]
    assert train.cells("n") == list(train.row_ids)
    assert Counter(test.cells("y")) == {"a": 5, "b": 5}
    assert whole.split(0.8, 0.2, seed=3)[1].row_ids != whole.split(0.8, 0.2, seed=4)[1].row_ids


def test_the_schema_names_the_group():
    whole = table(n=list(range(40)), who=[i // 4 for i in range(40)])
    grouped = whole.with_schema(Schema(inputs={"n": Number()}, group="who"))
    left, right = grouped.split(0.5, 0.5)
    assert not set(left.cells("who")) & set(right.cells("who"))


def test_by_time_the_latest_rows_come_last():
    days = [datetime(2024, 1, 1) + timedelta(days=(7 * i) % 20) for i in range(20)]
    train, test = table(t=days, n=list(range(20))).split(0.75, 0.25, time="t")
    assert max(train.cells("t")) < min(test.cells("t"))
    with pytest.raises(TableError, match="no time in 1 row, the first is row 1"):
        table(t=[1, None, 2, 3]).split(0.5, 0.5, time="t")
    with pytest.raises(TableError, match="holds no dates to put rows in order by, such as 'a'"):
        table(t=[1, "a", 2, 3]).split(0.5, 0.5, time="t")
    with pytest.raises(TableError, match="cannot be put in order"):
        table(t=[1, datetime(2024, 1, 1), 2, 3]).split(0.5, 0.5, time="t")


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%m/%d/%Y", "%d %B %Y", "%Y-%m-%d", "%d-%m-%Y"])
def test_dates_in_words_are_put_in_order_of_time_not_of_letters(form):
    days = [datetime(2023, 12, 20) + timedelta(days=(7 * i) % 40) for i in range(40)]
    whole = table(t=[day.strftime(form) for day in days])
    train, test = whole.split(0.75, 0.25, time="t")
    read = [[datetime.strptime(cell, form) for cell in part.cells("t")] for part in (train, test)]
    assert max(read[0]) < min(read[1])
    forms = {"%Y-%m-%d": "", "%d %B %Y": "%d %B %Y"}
    if form in forms:
        schema = Schema(inputs={"t": Date(form=forms[form])})
        assert whole.with_schema(schema).split(0.75, 0.25, time="t")[1].row_ids == test.row_ids


@pytest.mark.parametrize(
    "words",
    [
        ("2021-Q4", "2020-Q1", "2021-Q1"),
        ("2024", "1999", "2001"),
        ("18:30", "06:05", "12:00"),
        ("2024-W05", "2023-W50", "2024-W01"),
    ],
)
def test_quarters_weeks_and_hours_in_words_are_in_order(words):
    rows = read([{"when": word, "x": i} for word in words for i in range(4)])
    train, test = rows.split(2 / 3, 1 / 3, time="when")
    assert set(test.cells("when")) == {words[0]}
    assert set(train.cells("when")) == set(words[1:])


def test_times_that_are_no_dates_are_named():
    with pytest.raises(TableError, match=r"no dates .* such as 'dog'"):
        table(t=["dog", "cat"] * 10).split(0.5, 0.5, time="t")
    days = [f"{day:02}.01.2024" for day in range(1, 31)]
    with pytest.raises(
        TableError, match=r"no date of the form %d.%m.%Y in:\n  - row 3: '31.31.2024'"
    ):
        table(t=[*days[:3], "31.31.2024", *days[3:]]).split(0.5, 0.5, time="t")
    with pytest.raises(TableError, match="no time in 1 row, the first is row 1"):
        table(t=["2024-01-01", " ", "2024-01-02"]).split(0.5, 0.5, time="t")
    zones = ["2024-01-01T23:30-05:00", "2024-01-02T00:30+01:00"]
    early, late = table(t=zones).split(0.5, 0.5, time="t")
    assert (early.row_ids, late.row_ids) == ((1,), (0,))


def test_by_a_column_with_its_synonyms():
    whole = table(s=["Training", "dev", "test", "train", " val "], n=[0, 1, 2, 3, 4])
    train, valid, test = whole.split(by="s")
    assert (train.cells("n"), valid.cells("n"), test.cells("n")) == ([0, 3], [1, 4], [2])
    assert len(table(s=["train", "test"]).split(by="s")) == 2
    with pytest.raises(TableError, match=r"'extra' in 1 row$"):
        table(s=["train", "extra"]).split(by="s")


def test_numbers_are_stratified_in_bins():
    values = np.random.default_rng(0).lognormal(size=1_000).tolist()
    train, test = table(v=values).split(0.9, 0.1, stratify="v")
    assert abs(np.median(train.cells("v")) - np.median(test.cells("v"))) < 0.1
    assert strata([1.0, float("nan"), None, 2.0]) == [1.0, None, None, 2.0]


@pytest.mark.parametrize(
    ("shares", "ways", "said"),
    [
        ((0.8,), {}, "two or more shares"),
        ((0.8, 0.1), {}, r"0\.8 \+ 0\.1 = 0\.9"),
        ((1.1, -0.1), {}, "above 0, found -0.1"),
        ((0.99, 0.01), {}, "give at least 100 rows"),
        ((0.5, 0.5), {"by": "s"}, "leave shares"),
        ((0.5, 0.5), {"time": "n", "group": "s"}, "time= orders the rows"),
        ((0.3, 0.3, 0.4), {"group": "s"}, "2 groups cannot be split into 3 parts"),
        ((0.5, 0.5), {"stratify": "z"}, "no column 'z'"),
    ],
)
def test_what_cannot_be_split_says_why(shares, ways, said):
    with pytest.raises(TableError, match=said):
        table(n=list(range(6)), s=list("aabbaa")).split(*shares, **ways)
