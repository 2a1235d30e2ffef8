"""Lists: they find nearly all, measure what they find, and never outlive the vectors they sort."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium.core.errors import ArtifactError, ExtraError
from sensorium.search import inverted, storage
from sensorium.search.storage import Storage
from sensorium.search.vectors import Vectors, unit

faiss = pytest.importorskip("faiss")
WIDTH = 18  # no multiple of four
ROWS = 1_500


def drawn(rows: int, seed: int = 0) -> np.ndarray:
    """Points around forty centres, of length 1."""
    centres = np.random.default_rng(99).normal(size=(40, WIDTH))
    random = np.random.default_rng(seed)
    points = centres[random.integers(0, 40, rows)] + 0.6 * random.normal(size=(rows, WIDTH))
    return unit(points.astype(np.float32))


def plainly(vectors: np.ndarray, queries: np.ndarray, top: int, ids: np.ndarray) -> np.ndarray:
    return ids[np.argsort(-(queries @ vectors[ids].T), axis=1, kind="stable")[:, :top]]


def share_found(truth: np.ndarray, found: np.ndarray) -> float:
    pairs = zip(truth, found, strict=True)
    return float(np.mean([len(set(a) & set(b)) / len(a) for a, b in pairs]))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make small collections count as big ones."""
    monkeypatch.setattr(storage, "MANY", 1_000)
    monkeypatch.setattr(storage, "FEW", 50)
    monkeypatch.setattr(inverted, "DEPTHS", (30,))


def made(folder: Path, **facts: Any) -> Storage:
    Storage.create(folder, ["n"], WIDTH, facts)
    return Storage(folder)


def put(kept: Storage, vectors: np.ndarray, first: int, *, replace: bool = False) -> None:
    """Put rows named by numbers, from the first on."""
    names = [str(first + number) for number in range(len(vectors))]
    rows = [([int(name)], name) for name in names]
    kept.put(names, rows, dict(enumerate(vectors)), replace=replace)


def asked(kept: Storage, queries: np.ndarray, top: int = 10, where: str | None = None) -> Any:
    """Search, and give the names of the rows found as numbers."""
    allowed = None if where is None else kept.records.where(where)
    ids, similar = kept.nearest(queries, top, allowed)
    rows: Mapping[int, Any] = kept.records.rows(np.unique(ids).tolist())
    return np.array([[int(rows[one][0]) for one in line] for line in ids.tolist()]), similar


def lists_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("lists-*"))


# --- the lists alone --------------------------------------------------------------------------


def test_recall_is_what_is_found_of_vectors_held_out(tmp_path: Path) -> None:
    file, vectors = Vectors(tmp_path / "v", WIDTH), drawn(ROWS)
    places = file.append(vectors)
    lists = inverted.Inverted.build(file, places)
    assert len(lists) == ROWS, "those held out are sorted afterwards"
    assert inverted.ENOUGH <= lists.reach.recall <= 1
    queries = drawn(100, seed=1)
    found, similar = lists.nearest(file, queries, 10, places)
    share = share_found(plainly(vectors, queries, 10, places), found)
    assert share == pytest.approx(lists.reach.recall, abs=0.02)
    assert similar == pytest.approx(np.einsum("qw,qtw->qt", queries, vectors[found]), abs=1e-6)
    assert (np.diff(similar, axis=1) <= 0).all()


def test_one_list_of_many_finds_less_and_says_so(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inverted, "ENOUGH", 0.0)
    monkeypatch.setattr(inverted, "DEPTHS", (12,))
    monkeypatch.setattr(inverted, "TIMES", 1)
    file = Vectors(tmp_path / "v", WIDTH)
    places = file.append(np.random.default_rng(0).normal(size=(ROWS, WIDTH)).astype(np.float32))
    lists = inverted.Inverted.build(file, places)
    assert lists.reach.recall < 0.9
    queries = np.random.default_rng(1).normal(size=(200, WIDTH)).astype(np.float32)
    truth = plainly(file.matrix, unit(queries), 10, places)
    found = share_found(truth, lists.nearest(file, queries, 10, places)[0])
    assert found == pytest.approx(lists.reach.recall, abs=0.05)


@pytest.mark.parametrize("few", [1, 3, 40])
def test_never_fewer_than_there_are(tmp_path: Path, small: None, few: int) -> None:
    file, vectors = Vectors(tmp_path / "v", WIDTH), drawn(ROWS)
    lists = inverted.Inverted.build(file, file.append(vectors))
    far = np.argsort(vectors @ vectors[0])[:few]
    among = np.sort(far)
    found, _ = lists.nearest(file, vectors[:2], 10, among)
    assert found.tolist() == plainly(vectors, vectors[:2], 10, among).tolist()


# --- with records -----------------------------------------------------------------------------


def test_many_rows_are_sorted_and_few_are_not(tmp_path: Path, small: None) -> None:
    for name, rows, said in (("many", ROWS, None), ("few", 900, None), ("never", ROWS, False),
                             ("always", 900, True)):  # fmt: skip
        (tmp_path / name).mkdir()
        kept = made(tmp_path / name, approximate=said)
        put(kept, drawn(rows), 0)
        assert (kept.recall is not None) == (name in {"many", "always"})
        assert len(lists_in(tmp_path / name)) == (name in {"many", "always"})
        again = Storage(tmp_path / name)
        assert again.recall == kept.recall
        queries = drawn(20, seed=1)
        for found, expected in zip(asked(again, queries), asked(kept, queries), strict=True):
            assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("where", ["n < 60", "n % 2", "n < 1400", "n % 2 AND n < 120", "n > 9999"])
def test_conditions_give_right_rows(
    tmp_path: Path, small: None, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inverted, "DEPTHS", (200,))
    kept, vectors, queries = made(tmp_path), drawn(ROWS), drawn(40, seed=1)
    order = np.argsort(vectors @ queries[0])  # the first rows are far from the first query
    vectors = vectors[order]
    put(kept, vectors, 0)
    held = kept.records.where(where) - 1
    found, similar = asked(kept, queries, where=where)
    assert found.shape == similar.shape == (40, min(10, len(held)))
    assert set(found.ravel().tolist()) <= set(held.tolist())
    if len(held):
        assert share_found(plainly(vectors, queries, 10, held), found) > 0.97
        assert found[0].tolist() == plainly(vectors, queries[:1], 10, held)[0].tolist()


def test_rows_added_later_are_found_at_once_and_sorted_in_time(tmp_path: Path, small: None) -> None:
    kept, vectors = made(tmp_path), drawn(ROWS + 200)
    put(kept, vectors[:ROWS], 0)
    assert lists_in(tmp_path) == [f"lists-0-{ROWS}.faiss"]
    put(kept, vectors[ROWS : ROWS + 40], ROWS)
    assert lists_in(tmp_path) == [f"lists-0-{ROWS}.faiss"], "too few to sort anew"
    for reader in (kept, Storage(tmp_path)):
        found, similar = asked(reader, vectors[ROWS : ROWS + 40])
        assert found[:, 0].tolist() == list(range(ROWS, ROWS + 40))
        assert similar[:, 0] == pytest.approx(1, abs=1e-6)
    put(kept, vectors[ROWS + 40 :], ROWS + 40)
    assert lists_in(tmp_path) == [f"lists-0-{ROWS + 200}.faiss"]
    found, _ = asked(kept, vectors[ROWS:])
    assert found[:, 0].tolist() == list(range(ROWS, ROWS + 200))
    assert [len(part) for part in kept.nearest(vectors[:0], 10, None)] == [0, 0]
    assert kept.nearest(vectors[:3], 0, None)[0].shape == (3, 0)


def test_rows_updated_and_deleted_are_no_longer_found(tmp_path: Path, small: None) -> None:
    kept, vectors = made(tmp_path), drawn(ROWS)
    put(kept, vectors, 0)
    put(kept, -vectors[:30], 0, replace=True)
    found, _ = asked(kept, np.concatenate([vectors[:30], -vectors[:30]]))
    assert not (found[:30] == np.arange(30)[:, None]).any()
    assert found[30:, 0].tolist() == list(range(30))
    near = plainly(vectors, vectors[:1], 500, np.arange(30, ROWS))[0]
    kept.drop([str(number) for number in near], None)
    left = np.setdiff1d(np.arange(30, ROWS), near)
    found, _ = asked(kept, vectors[:1])
    assert set(found[0].tolist()) <= {*left.tolist(), *range(30)}
    assert lists_in(tmp_path) == [f"lists-0-{ROWS}.faiss"]


def test_lists_go_with_the_vectors_they_sort(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "LEFT", 10)
    kept, vectors = made(tmp_path, approximate=True), drawn(ROWS)
    put(kept, vectors, 0)
    reader = Storage(tmp_path)
    assert reader.recall is not None
    kept.drop([], "n >= 700")
    assert lists_in(tmp_path) == ["lists-1-700.faiss"], "packed, and sorted anew"
    for one in (kept, reader):
        assert asked(one, vectors[:50])[0][:, 0].tolist() == list(range(50))
    kept.drop([], "n >= 40")
    assert lists_in(tmp_path) == []
    assert reader.recall is None
    assert asked(reader, vectors[:40])[0][:, 0].tolist() == list(range(40))


def test_another_reader_sees_the_new_lists(tmp_path: Path, small: None) -> None:
    kept, vectors = made(tmp_path), drawn(2 * ROWS)
    put(kept, vectors[:900], 0)
    reader = Storage(tmp_path)
    assert reader.recall is None
    put(kept, vectors[900:], 900)
    assert reader.recall == kept.recall is not None
    assert asked(reader, vectors[:60])[0][:, 0].tolist() == list(range(60))


# --- what goes wrong --------------------------------------------------------------------------


def test_a_crash_while_sorting_leaves_all_rows_searched_exactly(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, vectors = made(tmp_path), drawn(ROWS)
    save, note = inverted.Inverted.save, type(kept.records).note

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    def killed_late(records: Any, facts: Any) -> None:
        note(records, facts)
        if "lists" in facts:
            raise KeyboardInterrupt

    monkeypatch.setattr(inverted.Inverted, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        put(kept, vectors, 0)
    monkeypatch.setattr(inverted.Inverted, "save", save)
    assert Storage(tmp_path).recall is None
    monkeypatch.setattr(type(kept.records), "note", killed_late)
    with pytest.raises(KeyboardInterrupt):
        put(kept, drawn(5, seed=3), ROWS)
    monkeypatch.undo()
    monkeypatch.setattr(storage, "FEW", 50)
    assert lists_in(tmp_path) == [f"lists-0-{ROWS + 5}.faiss"], "written, and not committed"
    again = Storage(tmp_path)
    assert again.recall is None
    everything = np.concatenate([vectors, drawn(5, seed=3)])
    queries = drawn(30, seed=1)
    truth = plainly(everything, queries, 10, np.arange(ROWS + 5))
    assert asked(again, queries)[0].tolist() == truth.tolist()


def test_lists_that_were_changed_are_not_used(tmp_path: Path, small: None) -> None:
    kept, vectors = made(tmp_path), drawn(ROWS)
    put(kept, vectors, 0)
    file = tmp_path / lists_in(tmp_path)[0]
    file.write_bytes(file.read_bytes()[:-9])
    again = Storage(tmp_path)
    with pytest.warns(UserWarning, match="gone or was changed.*every vector is compared"):
        found, _ = asked(again, vectors[:20])
    assert found.tolist() == plainly(vectors, vectors[:20], 10, np.arange(ROWS)).tolist()
    assert again.recall is None, "said once"
    file.unlink()
    put(again, drawn(1, seed=5), ROWS)
    assert again.recall is not None
    with pytest.raises(ArtifactError, match="cannot be read"):
        inverted.Inverted.open(tmp_path / "nowhere", 1, inverted.Reach(1, 1))


def test_a_full_disk_keeps_the_rows(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, vectors = made(tmp_path), drawn(ROWS)

    def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(inverted.Inverted, "save", full)
    with pytest.warns(UserWarning, match=r"rows are kept.*no space left.*every vector"):
        put(kept, vectors, 0)
    assert len(kept.records) == ROWS
    assert asked(kept, vectors[:9])[0][:, 0].tolist() == list(range(9))
    assert lists_in(tmp_path) == []


def test_two_that_sort_at_once_do_not_step_on_each_other(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, vectors = made(tmp_path), drawn(ROWS + 300)
    second, build = Storage(tmp_path), inverted.Inverted.build

    def meanwhile(*given: Any) -> Any:
        monkeypatch.setattr(inverted.Inverted, "build", build)
        put(second, vectors[ROWS:], ROWS)
        return build(*given)

    monkeypatch.setattr(inverted.Inverted, "build", meanwhile)
    put(first, vectors[:ROWS], 0)
    assert lists_in(tmp_path) == [f"lists-0-{ROWS + 300}.faiss"], "the newer ones stay"
    for one in (first, second):
        assert one.recall is not None
        assert asked(one, vectors[ROWS:])[0][:, 0].tolist() == list(range(ROWS, ROWS + 300))


def test_without_the_extra_search_is_exact_and_says_so(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, vectors = made(tmp_path), drawn(ROWS)
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.warns(UserWarning, match=r"pip install 'sensorium\[search\]'.*exact and slower"):
        put(kept, vectors, 0)
    assert asked(kept, vectors[:9])[0][:, 0].tolist() == list(range(9))
    assert kept.recall is None
    monkeypatch.undo()
    monkeypatch.setattr(storage, "MANY", 1_000)
    put(kept, drawn(1, seed=5), ROWS)
    assert kept.recall is not None, "made with the next change"
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    monkeypatch.setattr(storage, "FEW", 50)
    reader = Storage(tmp_path)
    with pytest.warns(UserWarning, match=r"sensorium\[search\]"):
        found, _ = asked(reader, vectors[:20])
    assert found[:, 0].tolist() == list(range(20))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked(reader, vectors[:20])
    with pytest.raises(ExtraError, match=r"sensorium\[search\]"):
        inverted.check_faiss()
