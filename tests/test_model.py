"""The model object: fits its parts together, answers row by row, saves and loads exactly."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sensorium as sm
from mixed_table import Mixed
from sensorium import encoders, fusion, tasks
from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.errors import ArtifactError, PartError, TableError

WIDTH = 16


def schema() -> sm.Schema:
    return sm.Schema(
        inputs={
            "photo": sm.Image(size=16),
            "clip": sm.Audio(rate=8_000, seconds=0.3),
            "review": sm.Text(max_tokens=12, vocabulary=320),
            "price": sm.Number(),
        },
        targets={"mood": sm.Category()},
    )


def parts(width: int = WIDTH) -> dict[str, encoders.Encoder]:
    return {
        "photo": encoders.ConvNet(width=width, stages=(8,)),
        "clip": encoders.Spectrogram(width=width, stages=(8,), mels=16),
        "review": encoders.TextTransformer(width=width, depth=1, heads=2),
        "price": encoders.Numbers(width=width),
    }


def build(table: sm.Table, damaged: Any = "absent", seed: int = 0) -> sm.Model:
    prep = sm.Preprocess.fit(table, schema(), damaged=damaged)
    return sm.Model(
        prep,
        encoders=parts(),
        fusion=fusion.Concat(width=WIDTH),
        task=tasks.Classify("mood"),
        seed=seed,
    )


@pytest.fixture(scope="module")
def model(mixed: Mixed) -> sm.Model:
    return build(sm.read(mixed.csv))


@pytest.fixture(scope="module")
def rows(mixed: Mixed) -> list[dict[str, Any]]:
    return list(sm.read(mixed.csv).with_schema(schema()))[:8]


def test_a_rows_answer_does_not_depend_on_its_neighbours(
    model: sm.Model, rows: list[dict[str, Any]]
) -> None:
    together = model.predict_proba(*rows)
    alone = np.concatenate([model.predict_proba(row) for row in rows])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(together.sum(1), 1, rtol=1e-5)


def test_missing_cells_are_named_and_answered(model: sm.Model, rows: list[dict[str, Any]]) -> None:
    some = {**rows[0], "photo": None, "price": float("nan")}
    nothing = dict.fromkeys(rows[0])
    only, none, whole = model.answers([some, nothing, rows[0]])
    assert only.status == "absent: photo, price"
    assert none.absent == ("photo", "clip", "review", "price")
    assert whole.status == "ok"
    for answer in (only, none, whole):
        assert answer.value in {"glad", "calm", "cross"}
        assert np.isfinite(list(answer.scores["mood"].values())).all()


def test_damaged_cells_follow_the_policy(mixed: Mixed, rows: list[dict[str, Any]]) -> None:
    table = sm.read(mixed.csv)
    bad = [{**rows[0], "photo": Path("nowhere.png"), "price": "dear"}, rows[1]]
    damaged, fine = build(table).answers(bad)
    assert damaged.status == "damaged: photo, price"
    assert {fault.column for fault in damaged.faults} == {"photo", "price"}
    assert fine.status == "ok"
    skipped, kept = build(table, "skip").answers(bad)
    assert skipped.value is None
    assert skipped.status.startswith("skipped; damaged: photo, price")
    assert kept.value == fine.value
    with pytest.raises(TableError, match=r"2 damaged cells:\n.*photo.*\n.*price"):
        build(table, "error").answers(bad)


def test_a_damaged_row_never_gets_a_neighbours_answer(
    model: sm.Model, rows: list[dict[str, Any]]
) -> None:
    bad = {**rows[0], "photo": Path("nowhere.png")}
    absent = {**rows[0], "photo": None}
    with pytest.warns(UserWarning, match=r"row 1, column 'photo', file nowhere\.png: no such file"):
        first = model.predict_proba(rows[1], bad, rows[2])[1]
    with pytest.warns(UserWarning, match="1 damaged cell; model.answers tells each row's status"):
        model.predict(bad)
    with pytest.warns(UserWarning, match="1 damaged cell"):
        model.embed(bad)
    second = model.predict_proba(absent)[0]
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-6)


def test_saving_and_loading_is_bit_identical_also_in_a_new_process(
    model: sm.Model, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    folder = model.save(tmp_path / "model")
    again = sm.load(folder)
    expected = model.predict_proba(*rows)
    assert np.array_equal(again.predict_proba(*rows), expected)
    plain = [{**row, "photo": str(row["photo"]), "clip": str(row["clip"])} for row in rows]
    code = (
        "import json, sys, torch, sensorium\n"
        "torch.set_num_threads(1)\n"
        "model = sensorium.load(sys.argv[1])\n"
        "print(json.dumps(model.predict_proba(*json.loads(sys.argv[2])).tolist()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), json.dumps(plain, default=str)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert np.array_equal(np.array(json.loads(done.stdout)), expected)


def test_a_model_folder_holds_no_pickle_and_refuses_a_changed_byte(
    model: sm.Model, tmp_path: Path
) -> None:
    folder = model.save(tmp_path / "model")
    assert {file.name for file in folder.iterdir()} == {
        "README.md",
        "preprocess.json",
        "sensorium.json",
        "weights.safetensors",
    }
    weights = folder / "weights.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    with pytest.raises(ArtifactError, match=r"weights\.safetensors was changed"):
        sm.load(folder)


def test_parts_that_do_not_fit_are_all_named(mixed: Mixed) -> None:
    prep = sm.Preprocess.fit(sm.read(mixed.csv), schema())
    wrong = {
        "photo": encoders.TextTransformer(width=WIDTH),
        "clip": encoders.Spectrogram(width=8),
        "prise": encoders.Numbers(width=WIDTH),
    }
    with pytest.raises(PartError) as caught:
        sm.Model(
            prep, encoders=wrong, fusion=fusion.Concat(width=WIDTH), task=tasks.Classify("mod")
        )
    message = str(caught.value)
    for words in (
        "'review' has no encoder",
        "'price' has no encoder",
        "no input 'prise' (did you mean 'price'?)",
        "'photo' is image, but TextTransformer reads",
        "'clip' has width 8, the fusion has 16",
        "no target 'mod' (did you mean 'mood'?)",
    ):
        assert words in message


def test_the_same_seed_gives_the_same_weights(mixed: Mixed) -> None:
    table = sm.read(mixed.csv)
    first, second, other = build(table), build(table), build(table, seed=1)
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(bool((a == b).all()) for a, b in pairs)
    assert any(
        not bool((a == b).all())
        for a, b in zip(first.parameters(), other.parameters(), strict=True)
    )


def test_an_encoder_shared_by_two_columns_stays_shared(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (6, 16, 16, 3), dtype=np.uint8)
    table = sm.read(
        [{"left": p, "right": p, "side": "ab"[i % 2]} for i, p in enumerate(pictures)],
        sm.Schema(
            inputs={"left": sm.Image(size=16), "right": sm.Image(size=16)},
            targets={"side": sm.Category()},
        ),
    )
    one = encoders.ConvNet(width=WIDTH, stages=(8,))
    model = sm.Model(
        sm.Preprocess.fit(table),
        encoders={"left": one, "right": one},
        fusion=fusion.Concat(width=WIDTH),
        task=tasks.Classify("side"),
    )
    again = sm.load(model.save(tmp_path / "m"))
    assert again.encoders["left"] is again.encoders["right"]
    assert sum(p.numel() for p in again.parameters()) == sum(p.numel() for p in model.parameters())


class Halves(encoders.Encoder):
    """A user's own encoder."""

    kinds = frozenset({"number"})

    def __init__(self, width: int, half: float = 0.5) -> None:
        super().__init__(width)
        self.half = half

    def setup(self, layout: Layout) -> None:
        pass

    def encode(self, column: Column) -> Encoded:
        tokens = (column.values * self.half).unsqueeze(1).expand(-1, 1, self.width)
        return Encoded(tokens, column.mask, column.present)


def test_a_users_own_part_is_saved_by_name_and_loaded_from_their_class(tmp_path: Path) -> None:
    table = sm.read(
        [{"x": float(i), "y": "ab"[i % 2]} for i in range(8)],
        sm.Schema(inputs={"x": sm.Number()}, targets={"y": sm.Category()}),
    )
    model = sm.Model(
        sm.Preprocess.fit(table),
        encoders={"x": Halves(width=4, half=0.25)},
        fusion=fusion.Mean(width=4),
        task=tasks.Classify("y"),
    )
    folder = model.save(tmp_path / "m")
    with pytest.raises(ArtifactError, match=r"is called 'Halves'; .*parts=\{'Halves': Halves\}"):
        sm.load(folder)
    again = sm.load(folder, parts={"Halves": Halves})
    assert again.encoders["x"].half == 0.25  # type: ignore[attr-defined]
    assert np.array_equal(again.predict_proba({"x": 3.0}), model.predict_proba({"x": 3.0}))


def test_rows_without_any_known_column_are_refused(model: sm.Model) -> None:
    with pytest.raises(TableError, match="no row has any of the model's inputs"):
        model.predict({"foto": "a.png"})


def test_embed_gives_a_vector_a_row(model: sm.Model, rows: list[dict[str, Any]]) -> None:
    assert model.embed(*rows).shape == (8, WIDTH)
    assert model.embed(*rows, column="photo").shape == (8, WIDTH)
    with pytest.raises(PartError, match="did you mean 'photo'"):
        model.embed(*rows, column="foto")


def test_embed_takes_so_many_rows_at_a_time(
    model: sm.Model, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, run = model.embed(*rows), model.features
    sizes: list[int] = []

    def noted(batch: Any) -> Any:
        sizes.append(len(batch))
        return run(batch)

    monkeypatch.setattr(model, "features", noted)
    found = model.embed(rows, rows_per_step=3)
    assert sizes == [3, 3, 2]
    np.testing.assert_allclose(found, whole, atol=1e-5)
    assert model.embed().shape == model.embed([]).shape == (0, WIDTH)


def test_a_whole_table_is_answered_from_wherever_the_files_lie(
    model: sm.Model, mixed: Mixed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    table = sm.read(mixed.csv)
    rows = list(table.with_schema(schema()))
    answers = model.answers(rows)
    assert any(answer.status == "ok" for answer in answers), "files of cells are found"
    for whole in (table, mixed.csv, str(mixed.csv)):
        assert model.answers(whole) == answers
    expected = model.predict(*rows)
    for given in (table, rows, tuple(rows), mixed.csv):
        assert model.predict(given) == expected
    assert model.predict(table.slice(3, 5)) == expected[3:5]
    assert model.predict([]) == model.predict() == []
    assert model.predict_proba(table).shape == (len(table), 3)
    assert (model.embed(table) == model.embed(*rows)).all()
    assert [answer.value for answer in model.answers(rows[0])] == expected[:1]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_is_answered(model: sm.Model, mixed: Mixed, library: str) -> None:
    frames = pytest.importorskip(library)
    rows = [{"price": row["price"], "review": row["review"]} for row in sm.read(mixed.csv)]
    assert model.predict(frames.DataFrame(rows)) == model.predict(*rows)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_without_rows_has_no_answers(model: sm.Model, library: str) -> None:
    frames = pytest.importorskip(library)
    empty = frames.DataFrame({"price": [1.0]})[:0]
    assert model.predict(empty) == []
    assert model.predict_proba(empty).shape == (0, len(model.classes))


def test_a_dict_of_columns_is_a_table_and_not_a_row(model: sm.Model) -> None:
    columns = {"price": [1.0, 30.0], "review": ["lovely", "awful"]}
    each = [{"price": 1.0, "review": "lovely"}, {"price": 30.0, "review": "awful"}]
    assert model.predict(columns) == model.predict(*each)
    prices = np.array([1.0, 30.0])
    assert model.predict({"price": prices}) == model.predict(*[{"price": n} for n in prices])
    assert len(model.predict({"price": np.array(1.0)})) == 1
    assert model.answers({"price": [1.0, 2.0], "review": "lovely"})[0].status.startswith("damaged")


@pytest.mark.parametrize("given", [3, None, [3], {"prise": 3}, "nowhere.csv"])
def test_what_is_no_row_and_no_table_is_refused(model: sm.Model, given: Any) -> None:
    with pytest.raises(TableError, match=r"row|no file"):
        model.predict(given)


def test_the_folder_of_a_fit_is_loaded_or_told_to_be_unfinished(
    model: sm.Model, tmp_path: Path
) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ArtifactError, match=f"sensorium resume {tmp_path}"):
        sm.load(tmp_path)
    model.save(tmp_path / "model")
    assert sm.load(tmp_path).fingerprint == model.fingerprint
    with pytest.raises(ArtifactError, match=r"run\.json cannot be loaded: it is a file"):
        sm.load(tmp_path / "run.json")
