"""The index: what goes in is found, in every way; what fails leaves all as it was."""

import datetime as dt
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sensorium as sm
from sensorium import encoders, fusion
from sensorium.core.errors import ArtifactError, ExtraError, PartError, TableError
from sensorium.core.faults import Ledger
from sensorium.search import Index, lance_tables, storage
from sensorium.search import index as index_module

INPUTS = {"photo": sm.Image(size=24), "review": sm.Text(max_tokens=16), "price": sm.Number()}


@pytest.fixture(scope="module")
def model(mixed: Any) -> sm.Model:
    schema = sm.Schema(INPUTS, {"mood": sm.Category()})
    prep = sm.Preprocess.fit(sm.read(mixed.csv).with_schema(schema))
    parts = {
        "photo": encoders.ConvNet(width=16, stages=(4, 8)),
        "review": encoders.WordVectors(width=16),
        "price": encoders.Numbers(width=16),
    }
    made = sm.Model(prep, encoders=parts, fusion=fusion.Mean(width=16), task=sm.Classify("mood"))
    return made.eval()


@pytest.fixture
def table(mixed: Any) -> sm.Table:
    return sm.read(mixed.csv)


@pytest.fixture(params=["sqlite", "lancedb"])
def store(request: pytest.FixtureRequest) -> str:
    """Name the stores; whatever keeps the rows, the index is the same."""
    if request.param == "lancedb":
        pytest.importorskip("lancedb")
    return str(request.param)


@pytest.fixture
def index(model: sm.Model, table: sm.Table, tmp_path: Path, store: str) -> Index:
    return Index.of(model, table, out=tmp_path / "index", store=store)


def keys(hits: list[Any]) -> list[str]:
    return [hit.key for hit in hits]


# --- finding ----------------------------------------------------------------------------------


@pytest.mark.parametrize("column", [None, "photo", "review"])
def test_every_row_finds_itself_first(
    model: sm.Model, table: sm.Table, column: Any, store: str
) -> None:
    index = Index.of(model, table, column=column, store=store)
    rows = list(table.with_schema(model.schema, partial=True))
    for number in (0, 7, 31):
        names = model.names if column is None else (column,)
        best = index.search({name: rows[number][name] for name in names}, top=2)
        assert best[0].score == pytest.approx(1, abs=1e-5)
        assert all(str(best[0].row[name]) == str(rows[number][name]) for name in names)
        assert best[0].score >= best[1].score


def test_scores_are_the_cosines_of_the_models_own_vectors(
    model: sm.Model, table: sm.Table, store: str
) -> None:
    index = Index.of(model, table, column="photo", store=store)
    rows = list(table.with_schema(model.schema, partial=True))
    vectors = model.embed(*rows, column="photo")
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = np.argsort(-(vectors @ vectors[3]), kind="stable")
    hits = index.search(photo=rows[3]["photo"], top=5)
    assert [hit.score for hit in hits] == pytest.approx((vectors @ vectors[3])[order[:5]], abs=1e-5)


def test_conditions_thin_out_what_is_found(index: Index, table: sm.Table) -> None:
    hits = index.search({"price": 3.0}, where="mood = 'calm' AND price < 11", top=50)
    wanted = [n for n, row in enumerate(table) if row["mood"] == "calm" and row["price"] < 11]
    assert sorted(map(int, keys(hits))) == wanted
    assert index.search({"price": 3.0}, where="price > 1e9") == []
    said = '"review" LIKE \'%"quiet"%\' OR "Price" < -1e9'
    assert index.search({"price": 3.0}, where=said) == []


def test_words_find_texts_whatever_their_script(index: Index, table: sm.Table) -> None:
    calm = {str(n) for n, row in enumerate(table) if row["mood"] == "calm"}
    for words in ("quiet", "安静", "QUIET slow"):
        assert set(keys(index.search(words=words, top=50))) == calm
    assert index.search(words="nowhere to be read") == []
    assert keys(index.search(words="quiet, slow!", top=50)) == keys(
        index.search(words="quiet slow", top=50)
    )
    assert set(keys(index.search(words='a "quiet" OR NEAR(x\x00', top=50))) == calm
    assert len(index.search(words="quiet", where="price < 10", top=50)) < len(calm)


def test_a_condition_alone_finds_rows_in_their_order(index: Index) -> None:
    hits = index.search(where="mood = 'calm'", top=3)
    assert [hit.row["mood"] for hit in hits] == ["calm"] * 3
    assert [hit.score for hit in hits] == [0.0] * 3
    assert keys(hits) == sorted(keys(index.search(where="mood = 'calm'", top=50)), key=int)[:3]


def test_words_and_likeness_together_join_both_rankings(index: Index) -> None:
    like = keys(index.search({"price": 20.0}, top=100))
    said = keys(index.search(words="awful", top=100))
    both = index.search({"price": 20.0}, words="awful", top=5)
    score = {key: 1 / (61 + rank) for rank, key in enumerate(like)}
    for rank, key in enumerate(said):
        score[key] = score.get(key, 0) + 1 / (61 + rank)
    assert [hit.score for hit in both] == pytest.approx(sorted(score.values())[::-1][:5])


def test_vectors_at_hand_can_be_searched_too(index: Index, model: sm.Model) -> None:
    asked = model.embed({"price": 1.0}, {"price": 20.0})
    found, similar = index.nearest(asked, top=4)
    assert found[1] == keys(index.search({"price": 20.0}, top=4))
    assert similar.shape == (2, 4)
    with pytest.raises(PartError, match=r"vectors of 16 numbers, the query has \(2, 3\)"):
        index.nearest(np.zeros((2, 3), np.float32))


def test_near_duplicates_are_all_pairs_above_the_least(index: Index, model: sm.Model) -> None:
    rows = list(sm.read([dict(hit.row) for hit in index.search({"price": 1.0}, top=100)]))
    vectors = model.embed(*rows)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    truth = np.triu(vectors @ vectors.T, 1)
    least = float(np.sort(truth[truth > 0])[-7])
    pairs = index.near_duplicates(least - 1e-6)
    assert len(pairs) == 7
    assert [pair.similarity for pair in pairs] == sorted(p.similarity for p in pairs)[::-1]
    assert all(pair.first != pair.second for pair in pairs)


def test_numbers_are_compared_as_numbers_however_they_are_written(
    model: sm.Model, store: str
) -> None:
    rows = [{"id": "a", "price": "9"}, {"id": "b", "price": "1,100"}, {"id": "c", "price": "dear"}]
    index = Index.of(model, sm.read(rows), store=store)
    assert keys(index.search({"price": 9}, where="price < 100")) == ["0"]
    assert keys(index.search({"price": 9}, where="id = 'b' AND price > 1000")) == ["1"]


def test_cells_of_every_sort_are_kept_or_say_nothing(model: sm.Model, store: str) -> None:
    many = {"id": 2**63, "key": "k", "place": 1, "it's \"it\"": 5, "tags": ["a", "b"],
            "array": np.zeros(3), "when": dt.timedelta(days=1), "raw": b"\x00",
            "price": 3.0}  # fmt: skip
    index = Index.of(model, sm.read([many, {**many, "place": 2}]), store=store)
    hit = index.search({"price": 3.0}, where='place = 2 AND "it\'s ""it""" = 5')[0]
    assert hit.key == "1"
    assert hit.row == {**many, "place": 2, "id": str(2**63), "tags": '["a", "b"]', "array": None,
                       "when": 86400.0}  # fmt: skip


# --- changing ---------------------------------------------------------------------------------


def test_an_index_opens_again_as_it_was(index: Index, model: sm.Model) -> None:
    before = index.search({"price": 3.0})
    again = Index.open(index.folder)
    assert (len(again), again.columns, again.column) == (48, index.columns, None)
    assert again.search({"price": 3.0}) == before
    assert Index.open(index.folder, model=model).search({"price": 3.0}) == before


def test_rows_are_added_updated_and_deleted(
    model: sm.Model, table: sm.Table, tmp_path: Path, store: str
) -> None:
    rows = [dict(row, name=f"r{n}") for n, row in enumerate(table)]
    rows[42]["review"] = "a zebra crossing"
    named = sm.read(rows).with_folder(table.folder)
    index = Index.of(model, named.slice(0, 40), key="name", out=tmp_path / "index", store=store)
    index.add(named.slice(40, 44))
    assert len(index) == 44
    assert keys(index.search(words="zebra", top=1)) == ["r42"]
    with pytest.raises(TableError, match=r"(?s)the index has 1 row of these already .*'r43'"):
        index.add(named.slice(43, 48))
    assert len(index) == 44, "all or none"
    index.update(sm.read([dict(rows[0], review="wholly new words", price=777.0), rows[47]]))
    assert len(index) == 45
    assert keys(index.search(words="wholly", top=1)) == ["r0"]
    assert keys(index.search({"price": 5.0}, where="price = 777", top=3)) == ["r0"]
    assert index.delete(["r0", "r1"], where="name = 'r2'") == 3
    assert len(index) == 42
    assert not {"r0", "r1", "r2"} & set(keys(index.search({"price": 5.0}, top=100)))
    assert index.search(words="wholly") == []
    with pytest.raises(TableError, match=r"(?s)not in the index.*'r1'"):
        index.delete(["r3", "r1"])
    assert len(index) == 42


def test_what_was_deleted_gives_its_place_back(
    model: sm.Model, table: sm.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "LEFT", 10)
    index = Index.of(model, table, out=tmp_path / "index")
    kept = keys(index.search({"price": 3.0}, where="mood = 'glad'", top=100))
    index.delete(where="mood <> 'glad'")
    files = list(index.folder.glob("vectors-*"))
    assert [file.name for file in files] == ["vectors-1.f32"]
    assert files[0].stat().st_size == len(kept) * 16 * 4
    assert keys(index.search({"price": 3.0}, top=100)) == kept
    assert keys(Index.open(index.folder).search({"price": 3.0}, top=100)) == kept


def test_an_approximate_index_says_what_it_finds(
    model: sm.Model, table: sm.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faiss")
    for name, few in (("FEWEST", 20), ("FEW", 10)):
        monkeypatch.setattr(storage, name, few)
    exact = Index.of(model, table)
    index = Index.of(model, table, approximate=True, out=tmp_path / "index")
    assert exact.recall is None
    assert index.recall == pytest.approx(1.0), "so few codes are all compared again"
    hits = index.search({"price": 3.0}, where="mood = 'glad'")
    assert keys(hits) == keys(exact.search({"price": 3.0}, where="mood = 'glad'"))
    assert keys(index.search({"price": 3.0})) == keys(exact.search({"price": 3.0}))
    assert Index.open(index.folder).recall == index.recall
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ExtraError, match=r"pip install 'sensorium\[search\]'"):
        Index.of(model, table, approximate=True, out=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_rows_without_a_name_are_counted_on(index: Index, table: sm.Table) -> None:
    index.add(table.slice(0, 2))
    assert set(keys(index.search({"price": 1.0}, top=100))) == {str(n) for n in range(50)}
    with pytest.raises(TableError, match="no keys; make it with key="):
        index.update(table.slice(0, 2))


def test_another_reader_sees_what_was_committed(index: Index) -> None:
    reader = Index.open(index.folder)
    assert len(reader.search({"price": 3.0}, top=100)) == 48
    index.delete(where="mood = 'glad'")
    assert len(reader.search({"price": 3.0}, top=100)) == len(index)


def test_a_change_that_fails_changes_nothing(
    index: Index, table: sm.Table, monkeypatch: Any, store: str
) -> None:
    before = keys(index.search({"price": 3.0}, top=100))

    def broken(*_: Any) -> None:
        raise OSError("disk full")

    if store == "sqlite":
        monkeypatch.setattr(index._store.records, "note", broken)
    else:
        monkeypatch.setattr(lance_tables, "lines", broken)
    with pytest.raises(OSError, match="disk full"):
        index.add(table.slice(0, 5))
    monkeypatch.undo()
    assert len(index) == 48
    assert keys(index.search({"price": 3.0}, top=100)) == before
    index.add(table.slice(0, 5))
    assert len(index) == 53


def test_rows_whose_vectors_are_no_numbers_are_refused_by_their_number(
    index: Index, table: sm.Table, monkeypatch: Any
) -> None:
    made = index_module.embedded

    def sick(*given: Any) -> Any:
        there, vectors = made(*given)
        vectors[[1, 3], 0] = np.nan, np.inf
        return there, vectors

    monkeypatch.setattr(index_module, "embedded", sick)
    with pytest.raises(TableError, match="no vector of finite numbers for 2 rows: 1, 3; look"):
        index.add(table.slice(0, 5))
    assert len(index) == 48


def test_two_writers_do_not_step_on_each_other(
    model: sm.Model, table: sm.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    monkeypatch.setattr(storage, "LEFT", 10)
    first = Index.of(model, table.slice(0, 20), out=tmp_path / "index", store=store)
    second = Index.open(first.folder)
    first.add(table.slice(20, 24))
    second.add(table.slice(24, 28))
    assert keys(first.search(words="27", top=1)) is not None
    assert len(first.search({"price": 3.0}, top=100)) == 28, "sees what the other wrote"
    second.delete(where="price > 5")
    if store == "sqlite":
        assert [file.name for file in first.folder.glob("vectors-*")] == ["vectors-1.f32"]
        first._store._forget()
    left = len(first)
    assert len(first.search({"price": 3.0}, top=100)) == left == len(second)
    first.add(table.slice(28, 32))
    assert len(second.search({"price": 3.0}, top=100)) == left + 4
    assert len(set(keys(second.search({"price": 3.0}, top=100)))) == left + 4


def test_a_key_that_was_deleted_is_not_another_rows(
    model: sm.Model, table: sm.Table, tmp_path: Path, store: str
) -> None:
    rows = [dict(row, name=f"r{n}") for n, row in enumerate(table)]
    named = sm.read(rows).with_folder(table.folder)
    first = Index.of(model, named.slice(0, 12), key="name", out=tmp_path / "index", store=store)
    second = Index.open(first.folder)
    second.delete("r11")
    second.add(named.slice(12, 13))
    first.update(named.slice(11, 12))
    assert {"r11", "r12"} <= set(keys(first.search({"price": 3.0}, top=100)))
    assert first.delete("r1") == 1, "one key, not its letters"
    assert len(first) == 12


def test_a_row_that_goes_during_a_search_is_left_out(index: Index, monkeypatch: Any) -> None:
    best = keys(index.search({"price": 3.0}, top=3))
    rows = type(index._store).rows
    other = Index.open(index.folder)

    def late(store: Any, ids: Any) -> Any:
        other.delete(best[:1])
        return rows(store, ids)

    monkeypatch.setattr(type(index._store), "rows", late)
    assert keys(index.search({"price": 3.0}, top=3)) == best[1:]


# --- what is missing, damaged or wrong --------------------------------------------------------


def test_rows_without_the_cell_are_found_by_words_alone(
    model: sm.Model, make_mixed: Callable[..., Any], store: str
) -> None:
    made = make_mixed(rows=24, missing=12, damaged=6)
    ledger = Ledger()
    index = Index.of(model, sm.read(made.csv), column="photo", ledger=ledger, store=store)
    assert {fault.column for fault in ledger} <= {"photo", "price"}
    bare = {n for n, name in (*made.missing, *made.damaged) if name == "photo"}
    assert bare
    found = index.search(photo=np.zeros((24, 24, 3), np.uint8), top=100)
    assert {int(key) for key in keys(found)} == set(range(24)) - bare
    assert len(index) == 24


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("pric < 3", "no such column: pric.*did you mean 'price'"),
        ('"pric" < 3', "no such column: pric.*did you mean 'price'"),
        ('"PRIÇE" < 3', "no such column: PRIÇE"),
        ("price <", "syntax error|incomplete"),
        ("1; DROP TABLE cells", "cannot be used"),
        ("price IN (SELECT value FROM facts)", "prohibited|not authorized|no such table"),
        ("load_extension('x')", "cannot be used"),
    ],
)
def test_conditions_read_cells_and_nothing_else(index: Index, condition: str, said: str) -> None:
    with pytest.raises(TableError, match=said):
        index.search({"price": 1.0}, where=condition)
    assert len(index) == 48


def test_queries_that_cannot_be_say_why(
    model: sm.Model, table: sm.Table, tmp_path: Path, store: str
) -> None:
    index = Index.of(model, table, column="photo", store=store)
    with pytest.raises(PartError, match=r"(?s)vectors of 'photo'.*'caption'"):
        index.search(caption="a dog")
    with pytest.raises(PartError, match="nothing to search for"):
        index.search()
    with pytest.raises(TableError, match=r"photo: no such file"):
        index.search(photo=str(tmp_path / "gone.jpg"))
    with pytest.raises(TableError, match="'photo' is missing"):
        index.search(photo=None)
    with pytest.raises(PartError, match=r"no input 'photos'.*did you mean 'photo'"):
        Index.of(model, table, column="photos", store=store)


def test_an_index_of_another_model_is_refused(index: Index, mixed: Any, model: sm.Model) -> None:
    other = sm.Model(
        model.prep,
        encoders={name: encoders.ENCODERS[type(e).__name__](width=16) for name, e in
                  model.encoders.items()},
        fusion=fusion.Mean(width=16), task=sm.Classify("mood"), seed=1,
    )  # fmt: skip
    with pytest.raises(ArtifactError, match="made by another model"):
        Index.open(index.folder, model=other)


def test_folders_that_are_no_index_are_refused(
    index: Index, model: sm.Model, table: sm.Table, tmp_path: Path, store: str
) -> None:
    with pytest.raises(ArtifactError, match="is no index"):
        Index.open(tmp_path / "nowhere")
    with pytest.raises(ArtifactError, match="is taken"):
        Index.of(model, table, out=index.folder, store=store)
    with pytest.raises(PartError, match=r"no store 'lance'.*did you mean 'lancedb'"):
        Index.of(model, table, store="lance")


def test_records_that_were_changed_are_refused(
    model: sm.Model, table: sm.Table, tmp_path: Path
) -> None:
    folder = tmp_path / "index"
    Index.of(model, table, out=folder)
    (folder / "records.sqlite").write_bytes(b"no base" * 100)
    with pytest.raises(ArtifactError, match="not the records of an index"):
        Index.open(folder)
    (folder / "index.json").write_text("[]")
    with pytest.raises(ArtifactError, match="has format 'torn'"):
        Index.open(folder)
    with pytest.raises(PartError, match="s3://bucket/index needs store='lancedb'"):
        Index.of(model, table, out="s3://bucket/index")


def test_keys_must_name_rows(model: sm.Model, table: sm.Table, tmp_path: Path, store: str) -> None:
    rows = [dict(row, name=name) for row, name in zip(table, ["a", None, "a", "b"], strict=False)]
    with pytest.raises(TableError, match=r"(?s)row 1: no key.*row 2: the key 'a' of row 0 again"):
        Index.of(model, sm.read(rows), key="name", out=tmp_path / "x", store=store)
    assert not (tmp_path / "x").exists()
    with pytest.raises(TableError, match=r"no column 'nam'.*did you mean 'name'"):
        Index.of(model, sm.read(rows), key="nam", store=store)
    with pytest.raises(TableError, match="differ only in case"):
        Index.of(model, sm.read([{"price": 1.0, "Price": 2.0}]), store=store)
    with pytest.raises(TableError, match="column 'sensorium row' of its own"):
        Index.of(model, sm.read([{"price": 1.0, "Sensorium Row": 2}]), store=store)
    with pytest.raises(PartError, match="top must be at least 1"):
        Index.of(model, table, store=store).search({"price": 1.0}, top=0)
    whole = Index.of(model, table, store=store)
    with pytest.raises(TableError, match=r"(?s)lacks columns of the index.*'clip'"):
        whole.add(sm.read([{"price": 1.0}]))


# --- the page ---------------------------------------------------------------------------------


def test_the_sheet_shows_pictures_and_escapes_words(
    model: sm.Model, table: sm.Table, store: str
) -> None:
    rows = [dict(row, note="<script>alert(1)</script>") for row in table.slice(0, 4)]
    index = Index.of(model, sm.read(rows).with_folder(table.folder), store=store)
    page = index.sheet(index.search({"price": 1.0}), "price & more")
    assert page.count('<img src="data:image/png;base64,') == 4
    assert "price &amp; more" in page
    assert "<script>" not in page
    assert "Nothing was found" in index.sheet([], "nothing")
