"""Features of frozen encoders on the shelf: each distinct cell once, and what the encoder gives."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import sensorium as sm
from sensorium.core.batch import Batch, Column
from sensorium.core.faults import Ledger
from sensorium.encoders import Pretrained
from sensorium.preprocess import Extractor, Shelf
from sensorium.store import Book
from tiny_models import RATE, model_of, rows

Tiny = Callable[[str], Path]
COUNT = 40


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Begin each test without any features kept."""
    monkeypatch.setenv("SENSORIUM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


@pytest.fixture
def standing(tiny: Tiny) -> tuple[sm.Model, sm.Table]:
    return model_of(
        rows(COUNT),
        words=Pretrained(str(tiny("bert")), width=8, pool="none"),
        picture=Pretrained(str(tiny("dinov2")), width=8),
    )


def on_the_fly(model: sm.Model, table: sm.Table, places: list[int]) -> Batch:
    clean = [model.prep.read(row, n, Ledger()) for n, row in enumerate(table)]
    return model.prep.collate([clean[n] for n in places], places)


def distinct(name: str) -> int:
    cells = [row[name] for row in rows(COUNT) if row[name] is not None]
    return len({str(cell.tolist()) if isinstance(cell, np.ndarray) else cell for cell in cells})


@torch.no_grad()
def test_features_are_what_the_encoder_gives_on_the_fly(
    standing: tuple[sm.Model, sm.Table],
) -> None:
    model, table = standing
    shelf = model.eval().shelf(table)
    places = [2, 3, 0, 17, 39, 14, 0]
    kept, fresh = shelf.batch(places), on_the_fly(model, table, places)
    for name in ("words", "picture"):
        column = kept.columns[name]
        assert column.extracted
        assert column.present.tolist() == fresh.columns[name].present.tolist()
        there = fresh.columns[name].present
        direct = model.encoders[name].extract(fresh.columns[name].rows(there))
        tokens = column.rows(there)
        assert torch.equal(tokens.mask.sum(1), direct.mask.sum(1))
        torch.testing.assert_close(
            tokens.values[tokens.mask], direct.values[direct.mask], rtol=1e-6, atol=1e-6
        )
    one, other = model(kept), model(fresh)
    torch.testing.assert_close(one.fused.pooled, other.fused.pooled, rtol=1e-5, atol=1e-6)
    assert not kept.columns["x"].extracted


@torch.no_grad()
def test_a_batch_without_a_single_cell(standing: tuple[sm.Model, sm.Table]) -> None:
    model, table = standing
    absent = [n for n, row in enumerate(rows(COUNT)) if row["words"] is None]
    batch = model.eval().shelf(table).batch(absent)
    assert not batch.columns["words"].present.any()
    assert model(batch).fused.pooled.isfinite().all()


def test_each_distinct_cell_goes_through_once_and_never_again(
    standing: tuple[sm.Model, sm.Table], calls: list[int], cache: Path
) -> None:
    model, table = standing
    model.shelf(table)
    assert sum(calls) == distinct("words") + distinct("picture") < 20
    assert len(list(cache.iterdir())) == 2
    calls.clear()
    again = model.shelf(table)
    again.batch([0, 1, 2])
    assert calls == []


def test_the_same_cell_in_another_block_is_not_run_again_without_a_cache(
    standing: tuple[sm.Model, sm.Table], calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORIUM_CACHE_GB", "0")
    monkeypatch.setattr("sensorium.preprocess.shelf.BLOCK", 7)
    model, table = standing
    shelf = model.shelf(table)
    assert sum(calls) == distinct("words") + distinct("picture")
    monkeypatch.undo()
    whole = model.shelf(table)
    for name in ("words", "picture"):
        one, other = (its.batch(range(COUNT)).columns[name] for its in (shelf, whole))
        assert torch.equal(one.present, other.present)
        torch.testing.assert_close(one.values, other.values, rtol=1e-5, atol=1e-6)


def test_other_rows_of_the_same_cells_need_no_run(tiny: Tiny, calls: list[int]) -> None:
    """How many rows a column was fitted on does not count."""
    for count in (COUNT, 30):
        encoder = Pretrained(str(tiny("bert")), width=8)
        model, table = model_of(rows(count), words=encoder)
        model.shelf(table)
    assert sum(calls) == distinct("words")


def test_features_go_to_disk_beyond_the_budget(standing: tuple[sm.Model, sm.Table]) -> None:
    model, table = standing
    shelves = [
        Shelf.of(model.prep, table, budget_bytes=budget, extractors=model.extractors())
        for budget in (0, 10**9)
    ]
    one, other = (shelf.batch(range(COUNT)) for shelf in shelves)
    for name in ("words", "picture"):
        assert torch.equal(one.columns[name].values, other.columns[name].values)
    assert np.array_equal(shelves[0].lengths, shelves[1].lengths)


def test_rows_are_as_long_as_their_tokens(standing: tuple[sm.Model, sm.Table]) -> None:
    model, table = standing
    lengths = model.shelf(table).lengths
    counts = [0 if row["words"] is None else len(row["words"].split()) + 2 for row in rows(COUNT)]
    assert lengths.tolist() == [count * 1_000 // max(counts) for count in counts]
    for pool in ("auto", "none"):  # pictures are all of one length, whatever is kept of them
        source = model.encoders["picture"].source
        picture = Pretrained(str(source), width=8, pool=pool)  # type: ignore[arg-type]
        alike, data = model_of(rows(COUNT), picture=picture)
        assert not alike.shelf(data).lengths.any()


def test_damaged_features_are_computed_again(
    standing: tuple[sm.Model, sm.Table], calls: list[int], cache: Path
) -> None:
    model, table = standing
    first = model.shelf(table).batch(range(COUNT))
    calls.clear()
    for file in cache.glob("*/features.f32"):
        changed = bytearray(file.read_bytes())
        changed[5] ^= 1
        file.write_bytes(changed)
    with pytest.warns(UserWarning, match="features kept in .* were damaged, 1 in all"):
        second = model.shelf(table).batch(range(COUNT))
    assert calls == [1, 1]
    for name in ("words", "picture"):
        torch.testing.assert_close(
            first.columns[name].values, second.columns[name].values, rtol=1e-5, atol=1e-6
        )


def test_a_cache_that_cannot_be_written_is_done_without(
    standing: tuple[sm.Model, sm.Table], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SENSORIUM_CACHE", str(tmp_path / "file"))
    model, table = standing
    with pytest.warns(UserWarning, match="features cannot be kept"):
        shelf = model.shelf(table)
    assert shelf.batch([0]).columns["picture"].extracted


# --- views ------------------------------------------------------------------------------------


def views_of(
    model: sm.Model, table: sm.Table, names: tuple[str, ...], count: int
) -> tuple[dict[str, Extractor], Shelf]:
    extractors = model.extractors(names, count)
    return extractors, model.shelf(table, extractors=extractors)


def view(shelf: Shelf, row: int, number: int, count: int, name: str) -> torch.Tensor:
    """Take one view of a row: which is given depends on row and turn."""
    batch = shelf.batch([row], turn=(number - row) % count)
    return batch.columns[name].values[0]


def test_a_cell_has_as_many_views_as_asked_and_the_first_is_itself(
    standing: tuple[sm.Model, sm.Table], calls: list[int]
) -> None:
    model, table = standing
    extractors, shelf = views_of(model, table, ("flip", "noise", "colour"), 4)
    assert extractors["picture"].augment == ("flip", "colour")
    assert (extractors["picture"].views, extractors["words"].views) == (4, 1)
    assert sum(calls) == distinct("words") + 4 * distinct("picture")
    plain = model.shelf(table).batch([5]).columns["picture"].values[0]
    found = [view(shelf, 5, number, 4, "picture") for number in range(4)]
    torch.testing.assert_close(found[0], plain, rtol=1e-5, atol=1e-6)
    for number in range(1, 4):
        assert not torch.allclose(found[number], plain, atol=1e-4)
    seen = {tuple(shelf.batch([5], turn=t).columns["picture"].values[0, 0].tolist()) for t in
            range(9)}  # fmt: skip
    assert len(seen) == 4
    turned = shelf.batch([5], turn=2).columns["words"].values
    assert torch.equal(turned, shelf.batch([5]).columns["words"].values)


def test_without_augmentation_of_its_kind_a_column_has_one_view(
    standing: tuple[sm.Model, sm.Table],
) -> None:
    model, _ = standing
    assert model.extractors(("noise",), 8)["picture"].views == 1
    assert model.extractors((), 8)["picture"].views == 1


def test_views_are_the_same_every_time_and_are_kept(
    standing: tuple[sm.Model, sm.Table], calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, table = standing
    _, first = views_of(model, table, ("crop", "flip"), 3)
    calls.clear()
    _, second = views_of(model, table, ("crop", "flip"), 3)
    assert calls == []
    monkeypatch.setenv("SENSORIUM_CACHE_GB", "0")
    _, third = views_of(model, table, ("crop", "flip"), 3)
    for turn in range(3):
        batches = [shelf.batch(range(COUNT), turn) for shelf in (first, second, third)]
        values = [batch.columns["picture"].values for batch in batches]
        assert torch.equal(values[0], values[1])
        torch.testing.assert_close(values[0], values[2], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("names", [("noise",), ("shift", "gain"), ("noise", "shift")])
def test_a_cells_views_do_not_depend_on_its_neighbours(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    """A short sound is varied alike beside long ones and alone."""
    monkeypatch.setenv("SENSORIUM_CACHE_GB", "0")
    rng = np.random.default_rng(0)
    sounds = [rng.uniform(-1, 1, round(RATE * s)).astype(np.float32) for s in (0.1, 0.3, 0.2)]
    cells = [{"array": sound, "sampling_rate": RATE} for sound in sounds]
    encoder = Pretrained(str(tiny("hubert")), width=8)
    field = encoder.suited(sm.Audio(seconds=0.3))
    table = [{"clip": cell, "side": "ab"[n % 2]} for n, cell in enumerate(cells)]
    data = sm.read(table, sm.Schema({"clip": field}, {"side": sm.Category()}))
    model = sm.Model(
        sm.Preprocess.fit(data),
        encoders={"clip": encoder},
        fusion=sm.fusion.Concat(width=8),
        task=sm.Classify("side"),
    )
    extractors = model.extractors(names, 3)
    together = model.shelf(data, extractors=extractors)
    for row in range(3):
        alone = model.shelf(data.slice(row, row + 1), extractors=extractors)
        for number in range(3):
            one = view(together, row, number, 3, "clip")
            other = view(alone, 0, number, 3, "clip")
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_the_book_of_an_extractor_is_named_by_it() -> None:
    def run(column: Column) -> Column:
        return replace(column, extracted=True)

    extractor = Extractor("name", run)
    assert extractor.book == Book("name")
    assert extractor.varying("image", ("flip", "gone"), 3) == Extractor("name", run, ("flip",), 3)


def test_predictions_do_not_depend_on_the_cache(
    standing: tuple[sm.Model, sm.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, table = standing
    before: Any = model.predict_proba(*list(table)[:6])
    report = sm.evaluate(model, table)
    monkeypatch.setenv("SENSORIUM_CACHE_GB", "0")
    other = sm.evaluate(model, table)
    after = model.predict_proba(*list(table)[:6])
    assert np.array_equal(before, after)
    assert report.targets.keys() == other.targets.keys()
