"""Which rows train, choose and judge."""

import pytest

import sensorium as sm
from sensorium.auto.parts import Ways, find_split_column, has_few_groups, split_parts
from sensorium.core.errors import TableError

SCHEMA = sm.Schema(inputs={"x": sm.Number()}, targets={"y": sm.Category()})


def table(count: int = 100, **columns: list[object]) -> sm.Table:
    rows = [
        {"x": float(i), "y": "ab"[i % 2], **{name: cells[i] for name, cells in columns.items()}}
        for i in range(count)
    ]
    return sm.read(rows, SCHEMA)


def test_at_random_in_proportion() -> None:
    parts = split_parts(table(), SCHEMA, Ways())
    assert [len(t) for t in (parts.train, parts.valid, parts.test)] == [80, 10, 10]
    assert parts.test.cells("y").count("a") == 5
    again = split_parts(table(), SCHEMA, Ways())
    assert parts.test.row_ids == again.test.row_ids
    assert parts.test.row_ids != split_parts(table(), SCHEMA, Ways(seed=1)).test.row_ids


def test_a_rare_class_or_a_row_without_its_class_leaves_the_others_in_proportion() -> None:
    kinds = [*["a"] * 60, *["b"] * 30, *["rare"] * 9, None]
    parts = split_parts(table(y=list(kinds)), SCHEMA, Ways())
    for part, size in ((parts.valid, 10), (parts.test, 10)):
        assert abs(part.cells("y").count("a") - 0.6 * size) <= 1
        assert abs(part.cells("y").count("b") - 0.3 * size) <= 1
    assert "rare" in parts.train.cells("y")


def test_a_split_column_is_found_and_obeyed() -> None:
    names = ["train"] * 70 + ["dev"] * 10 + ["test"] * 20
    rows = table(split=list(names))
    assert find_split_column(rows, SCHEMA) == "split"
    parts = split_parts(rows, SCHEMA, Ways())
    assert [len(t) for t in (parts.train, parts.valid, parts.test)] == [70, 10, 20]
    assert parts.how == "by the column 'split'"
    parts = split_parts(rows, SCHEMA, Ways(by=""))
    assert len(parts.train) == 80


def test_train_and_test_only_take_the_validation_from_train() -> None:
    rows = table(split=["train"] * 80 + ["test"] * 20)
    parts = split_parts(rows, SCHEMA, Ways())
    assert [len(t) for t in (parts.train, parts.valid, parts.test)] == [72, 8, 20]
    assert "validates" in parts.how


def test_other_words_in_a_split_column_do_not_split() -> None:
    odd = table(split=["banana", "train"] * 49 + ["left", "right"])
    assert find_split_column(odd, SCHEMA) is not None
    assert find_split_column(table(split=["banana", "left"] * 50), SCHEMA) is None
    parts = table(part=["train", "test"] * 50)
    assert find_split_column(parts, SCHEMA) == "part", "as inspect says"
    target = sm.Schema(inputs=SCHEMA.inputs, targets={"part": sm.Category()})
    assert find_split_column(parts, target) is None, "what is to be learned splits nothing"


def test_groups_are_never_split_apart() -> None:
    rows = table(who=[f"p{i // 5}" for i in range(100)])
    parts = split_parts(rows, SCHEMA, Ways(group="who"))
    people = [set(t.cells("who")) for t in (parts.train, parts.valid, parts.test)]
    assert not people[0] & people[1]
    assert not people[0] & people[2]
    assert not people[1] & people[2]


def test_of_few_groups_none_is_spared() -> None:
    people = [f"p{i % 8}" for i in range(100)]
    rows, ways = table(who=list(people)), Ways(group="who")
    assert has_few_groups(rows, SCHEMA, ways)
    assert not has_few_groups(rows, SCHEMA, Ways()), "no groups"
    assert not has_few_groups(table(who=[str(i % 21) for i in range(100)]), SCHEMA, ways), "many"
    large = table(1_500, who=[f"p{i % 8}" for i in range(1_500)])
    assert not has_few_groups(large, SCHEMA, ways), "enough rows to spare some"
    numbers = sm.Schema(inputs=SCHEMA.inputs, targets={"y": sm.Number()})
    tags = sm.Schema(inputs=SCHEMA.inputs, targets={"y": sm.Category(many=True)})
    assert not has_few_groups(rows, numbers, ways)
    assert not has_few_groups(rows, tags, ways), "thresholds are chosen on spared rows"
    parts = split_parts(rows, SCHEMA, ways, spare=False)
    assert (len(parts.train) + len(parts.test), len(parts.valid)) == (100, 0)
    assert not set(parts.train.cells("who")) & set(parts.test.cells("who"))
    assert "few groups: none is spared" in parts.how
    parts = split_parts(rows, SCHEMA, ways, None, table(20), spare=False)
    assert [len(t) for t in (parts.train, parts.valid, parts.test)] == [100, 0, 20]
    named = table(who=people, part=["train"] * 80 + ["test"] * 20)
    parts = split_parts(named, SCHEMA, ways, spare=False)
    assert [len(t) for t in (parts.train, parts.valid, parts.test)] == [80, 0, 20]


def test_the_latest_rows_are_held_out() -> None:
    days = [f"2024-01-{1 + i % 28:02d}" for i in range(100)]
    parts = split_parts(table(day=list(days)), SCHEMA, Ways(time="day"))
    assert max(parts.train.cells("day")) <= min(parts.test.cells("day"))


def test_given_tables_are_taken() -> None:
    parts = split_parts(table(), SCHEMA, Ways(), table(10), table(20))
    assert [len(t) for t in (parts.train, parts.valid, parts.test)] == [100, 10, 20]
    parts = split_parts(table(), SCHEMA, Ways(), None, table(20))
    assert [len(t) for t in (parts.train, parts.valid, parts.test)] == [90, 10, 20]


def test_a_split_column_of_one_word_is_refused() -> None:
    with pytest.raises(TableError):
        split_parts(table(part=["train"] * 100), SCHEMA, Ways(by="part"))
