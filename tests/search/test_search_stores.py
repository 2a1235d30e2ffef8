"""Two stores, one index: the same rows give the same answers, whatever keeps them."""

import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sensorium.core.errors import ArtifactError, ExtraError, TableError
from sensorium.search import lance_graph, lance_store, lance_tables, spoken
from sensorium.search.lance_store import LanceStore
from sensorium.search.storage import Storage
from sensorium.search.store import Store
from sensorium.search.vectors import unit

pytest.importorskip("lancedb")
WIDTH, ROWS = 12, 400
SIGNS = [*"aabbßÉéΣςİ 安静哈哈", "\n", "aaa", "Quiet ", "静かな", "it's "]
FACTS = {"column": None, "key": "n", "model": ""}


def said(seed: int) -> str:
    random = np.random.default_rng(seed)
    return "".join(random.choice(SIGNS, random.integers(0, 30)))


def fill(kept: Store, vectors: np.ndarray, first: int, *, replace: bool = False) -> None:
    """Put rows named by numbers; every seventh has no vector."""
    numbers = [first + number for number in range(len(vectors))]
    rows = [((n, f"t{n % 5}", n / 3 if n % 4 else "dear", b"\x00b"), said(n)) for n in numbers]
    some = {at: vectors[at] for at, n in enumerate(numbers) if n % 7}
    kept.put([f"it's {n}" for n in numbers], rows, some, replace=replace)


def drawn(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, WIDTH)).astype(np.float32)


@pytest.fixture
def both(tmp_path: Path) -> list[Store]:
    """Two stores that went through the same changes."""
    stores: list[Store] = []
    for kind in (Storage, LanceStore):
        kept = kind.create(tmp_path / kind.__name__, ["n", "tag", "price", "raw"], WIDTH, FACTS)
        fill(kept, drawn(ROWS), 0)
        fill(kept, drawn(60, seed=1), 380, replace=True)
        kept.drop([f"it's {n}" for n in range(0, 90, 9)], "tag = 't3' AND n < 200")
        stores.append(kept)
    return stores


def named(kept: Store, ids: Any) -> list[str]:
    return [key for key, _ in kept.rows(ids).values()]


def test_both_hold_the_same_rows(both: list[Store]) -> None:
    ours, theirs = both
    assert len(ours) == len(theirs)
    assert ours.columns == theirs.columns
    every = [kept.rows(kept.where("1").tolist()) for kept in both]
    assert list(every[0].values()) == list(every[1].values())
    vectors = [kept.vectors(None) for kept in both]
    assert named(ours, vectors[0][0].tolist()) == named(theirs, vectors[1][0].tolist())
    assert (vectors[0][1] == vectors[1][1]).all()


@pytest.mark.parametrize("queries", [1, 9, 300])
@pytest.mark.parametrize("where", [None, "n % 2", "price < 30 OR price = 'dear'", "n < 0"])
def test_both_find_the_same_neighbours(
    both: list[Store], queries: int, where: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lance_store, "BLOCK", 64)
    for few in (5_000, 0):  # by their ids, or reading all
        monkeypatch.setattr(lance_store, "FEW", few)
        asked = drawn(queries, seed=2)
        found = []
        for kept in both:
            allowed = None if where is None else kept.where(where)
            ids, similar = kept.nearest(asked, 8, allowed)
            rows = kept.rows(np.unique(ids).tolist())
            found.append(([[rows[one][0] for one in line] for line in ids.tolist()], similar))
        assert found[0][0] == found[1][0]
        assert found[0][1] == pytest.approx(found[1][1], abs=1e-6)
        assert found[0][1].shape == found[1][1].shape


def test_vectors_are_read_once_where_they_are_few(
    both: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = both[1]
    assert isinstance(kept, LanceStore)
    asked = drawn(3, seed=2)
    truth = kept.nearest(asked, 8, None)
    read = LanceStore._read
    monkeypatch.setattr(LanceStore, "_read", None)
    for again, first in zip(kept.nearest(asked, 8, None), truth, strict=True):
        assert again.tolist() == first.tolist()
    monkeypatch.setattr(LanceStore, "_read", read)
    monkeypatch.setattr(lance_store, "KEPT", 100)
    late = LanceStore.__new__(LanceStore)
    late.__dict__.update({**kept.__dict__, "_blocks": None})
    assert late.nearest(asked, 8, None)[0].tolist() == truth[0].tolist()
    assert late._blocks is None


WORDS = [
    "quiet", "QUIET éé", "aaa", "aab ßaa", "ΣΣΣ ςςσ", "安静哈哈", "静", "哈哈 quiet", "a",
    "ab 静か", "it's", "'; DROP", "aaaa aaa aaa", "nowhere at all", "b安静",
]  # fmt: skip


@pytest.mark.parametrize("words", WORDS)
def test_both_rank_the_same_texts(both: list[Store], words: str) -> None:
    ours, theirs = (named(kept, kept.speaking(words, 1_000)) for kept in both)
    assert ours == theirs
    assert named(both[0], both[0].speaking(words, 5)) == named(both[1], both[1].speaking(words, 5))


def test_many_parts_are_looked_for_in_some_passes(
    both: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spoken, "PATTERNS", 2)
    words = "安静哈哈安静かな quiet aaab abaa"
    assert len(spoken.asked(words).long) > 4
    assert named(both[0], both[0].speaking(words, 99)) == named(
        both[1], both[1].speaking(words, 99)
    )


def test_places_where_a_part_stands_may_overlap() -> None:
    assert [spoken.times("aa", text) for text in ("", "aaaa", "aabaa")] == [0, 3, 2]
    assert [spoken.folded(text) for text in ("ABC", "ΣÉ", "ßİx")] == ["abc", "σé", "ßİx"]


def test_cells_come_back_as_they_were() -> None:
    cells = [None, "", "text", 0, -7, 2**62, 0.1, -1e300, float("inf"), b"", b"\xff", "静"]
    for cell in cells:
        again = lance_tables.decoded(lance_tables.coded(cell))
        assert (again, type(again)) == (cell, type(cell))
    assert lance_tables.decoded(lance_tables.coded(True)) == 1, "as SQLite keeps it"


# --- files ------------------------------------------------------------------------------------


def test_small_files_and_those_of_deleted_rows_are_written_together(
    both: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = both[1]
    assert isinstance(kept, LanceStore)
    monkeypatch.setattr(lance_store, "SCRAPS", 4)
    for number in range(8):
        fill(kept, drawn(2, seed=number), 1_000 + 2 * number)
    for table in (kept._rows, kept._about):
        assert table.stats()["fragment_stats"]["num_fragments"] <= 6
    monkeypatch.setattr(lance_store, "SCRAPS", 100)
    monkeypatch.setattr(lance_store, "LEFT", 10)
    kept.drop([], "n >= 50")
    about = kept._rows.stats()
    files = about["fragment_stats"]
    assert files["num_fragments"] * files["lengths"]["mean"] == about["num_rows"] == len(kept)

    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(lance_store, "SCRAPS", -1)
    monkeypatch.setattr(type(kept._rows), "optimize", full)
    with pytest.warns(UserWarning, match=r"rows are kept.*no space left"):
        fill(kept, drawn(2), 2_000)
    assert len(kept.ids_of(["it's 2000", "it's 2001"])) == 2


def test_files_of_a_model_come_back_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lance_tables, "PART", 10)
    files = {"a.json": b"{}", "deep/er/it's b": bytes(range(35)), "empty": b""}

    def save(folder: Path) -> None:
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)

    kept = LanceStore.create(tmp_path / "index", ["n"], WIDTH, FACTS)
    kept.keep_model(save)
    kept.finish()
    folder = LanceStore.open(tmp_path / "index").model_folder()
    again = kept.model_folder()
    assert again == kept.model_folder() != folder
    assert {f.relative_to(again).as_posix(): f.read_bytes() for f in again.rglob("*")
            if f.is_file()} == files  # fmt: skip
    line = {"file": "../out", "part": 0, "bytes": b"x"}
    bad = pa.Table.from_pylist([line], lance_tables.MODEL_SCHEMA)
    kept._base.create_table("model", bad, mode="overwrite")
    with pytest.raises(ArtifactError, match="leads out of its folder"):
        LanceStore.open(tmp_path / "index").model_folder()
    assert not (tmp_path / "out").exists()


# --- many rows --------------------------------------------------------------------------------


def test_very_many_rows_are_searched_by_a_graph_that_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lance_store, "FEW", 50)
    kept = LanceStore.create(tmp_path / "index", ["n", "tag", "price", "raw"], WIDTH,
                             {**FACTS, "approximate": True})  # fmt: skip
    fill(kept, drawn(200), 0)
    assert kept.recall is None, "too few"
    reader = LanceStore(kept.place, kept._base)
    fill(kept, drawn(1_300, seed=3), 200)
    assert kept.recall == reader.recall
    assert lance_graph.ENOUGH <= (kept.recall or 0) <= 1
    asked, exactly = drawn(9, seed=2), LanceStore._exactly
    truth = exactly(kept, unit(asked), 10, None)
    monkeypatch.setattr(LanceStore, "_exactly", None)
    for one in (kept, reader):
        ids, similar = one.nearest(asked, 10, None)
        shares = [len(np.intersect1d(*pair)) / 10 for pair in zip(ids, truth[0], strict=True)]
        assert np.mean(shares) >= lance_graph.ENOUGH - 0.03
        assert (np.diff(similar, axis=1) <= 0).all()
        assert similar[:, 0] == pytest.approx(truth[1][:, 0], abs=0.05)
    monkeypatch.setattr(LanceStore, "_exactly", exactly)
    late = drawn(30, seed=4)
    fill(kept, late, 1_500)
    assert lance_graph.lacking(kept._rows) == 30, "too few to make it anew"
    placed = [number for number in range(9) if (1_500 + number) % 7]
    nearest = kept.nearest(late[placed], 1, None)[0][:, 0].tolist()
    assert named(kept, nearest) == [f"it's {1_500 + number}" for number in placed]
    fill(kept, drawn(500, seed=5), 1_530)
    assert lance_graph.lacking(kept._rows) == 0
    kept.drop([], "n >= 20")
    assert kept.nearest(asked, 99, None)[0].shape == (9, 17), "as many as there are"


def test_a_graph_that_cannot_be_made_leaves_the_search_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {**FACTS, "approximate": True}
    kept = LanceStore.create(tmp_path / "index", ["n", "tag", "price", "raw"], WIDTH, facts)

    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(lance_graph, "make", full)
    with pytest.warns(UserWarning, match=r"rows are kept.*no space left.*every vector"):
        fill(kept, drawn(400), 0)
    assert kept.recall is None
    assert len(kept) == 400
    bare = LanceStore.create(tmp_path / "bare", ["n"], WIDTH, facts)
    bare.put(None, [((n,), "") for n in range(300)], {})
    assert bare.nearest(drawn(2), 5, None)[0].shape == (2, 0), "nothing to make it of"


# --- several processes, and what goes wrong ---------------------------------------------------


def test_writers_at_once_are_given_different_numbers(tmp_path: Path) -> None:
    LanceStore.create(tmp_path / "index", ["n"], WIDTH, FACTS).finish()

    def write(seed: int) -> None:
        kept = LanceStore.open(tmp_path / "index")
        for number in range(5):
            kept.put(None, [([n], "x") for n in range(3)], dict(enumerate(drawn(3, seed + number))))

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = LanceStore.open(tmp_path / "index")
    ids = kept.where("1").tolist()
    assert len(ids) == len(set(ids)) == len(kept) == 60
    assert sorted(named(kept, ids), key=int) == [str(number) for number in range(60)]


def test_a_key_that_another_process_adds_meanwhile_is_refused(
    both: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = both[1]
    assert isinstance(kept, LanceStore)
    other, reserve, before = LanceStore(kept.place, kept._base), lance_tables.reserve, len(kept)

    def meanwhile(*given: Any) -> int:
        monkeypatch.setattr(lance_tables, "reserve", reserve)
        fill(other, drawn(1), 501)
        return reserve(*given)

    monkeypatch.setattr(lance_tables, "reserve", meanwhile)
    with pytest.raises(TableError, match='key "it\'s 501"'):
        fill(kept, drawn(3), 500)
    assert len(kept) == before + 1, "all or none"
    assert list(kept.ids_of(["it's 500", "it's 501", "it's 502"])) == ["it's 501"]


def test_numbers_that_others_always_take_are_given_up(
    both: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lance_tables, "TRIES", 2)
    monkeypatch.setattr(lance_tables, "read_facts", lambda table: {"next": -5})
    with pytest.raises(ArtifactError, match="changed the index 2 times"):
        fill(both[1], drawn(2), 700)


def test_what_was_not_finished_is_no_index(tmp_path: Path) -> None:
    kept = LanceStore.create(tmp_path / "index", ["n"], WIDTH, FACTS)
    with pytest.raises(ArtifactError, match="was not finished"):
        LanceStore.open(tmp_path / "index")
    with pytest.raises(ArtifactError, match="is taken"):
        LanceStore.create(tmp_path / "index", ["n"], WIDTH, FACTS)
    lance_tables.note(kept._about, {"format": 9})
    with pytest.raises(ArtifactError, match="has format 9, this version reads 1"):
        LanceStore.open(tmp_path / "index")
    kept.remove()
    assert not (tmp_path / "index").exists()


def test_a_uri_is_an_index_too(tmp_path: Path) -> None:
    place = f"file://{tmp_path}/index"
    with pytest.raises(ArtifactError, match=r"file:.*is no index: it has no table"):
        LanceStore.open(place)
    kept = LanceStore.create(place, ["n", "tag", "price", "raw"], WIDTH, FACTS)
    fill(kept, drawn(20), 0)
    kept.finish()
    shutil.copytree(tmp_path / "index", tmp_path / "copy")
    for same in (place, tmp_path / "index", tmp_path / "copy"):
        assert len(LanceStore.open(same)) == 20
    with pytest.raises(ArtifactError, match="is taken"):
        LanceStore.create(place, ["n"], WIDTH, FACTS)
    kept.remove()
    with pytest.raises(ArtifactError, match="is no index"):
        LanceStore.open(place)


def test_without_the_extra_it_says_what_to_install(
    both: list[Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lancedb", None)
    for act in (lambda: LanceStore.open(both[1].place),
                lambda: LanceStore.create(tmp_path / "new", ["n"], WIDTH, FACTS)):  # fmt: skip
        with pytest.raises(ExtraError, match=r"pip install 'sensorium\[lancedb\]'"):
            act()
    assert not (tmp_path / "new").exists()
