"""Every command, as a new user types it, on a small mixed table with missing and damaged cells."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import sensorium
from mixed_table import Mixed
from sensorium.cli.main import app, main
from sensorium.config import load_plan
from sensorium.core.errors import (
    ArtifactError,
    PartError,
    PlanError,
    SchemaError,
    TableError,
)

FAST = ["--epochs", "2", "--minutes", "0.2", "--quiet", "--seed", "1"]
INPUTS = ["--inputs", "photo,clip,review,price"]


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def fitted(mixed_faulty: Mixed, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run made by ``sensorium fit``, and what it printed."""
    out = tmp_path_factory.mktemp("runs") / "mood"
    words = run("fit", str(mixed_faulty.csv), "-t", "mood", *INPUTS, *FAST, "--out", str(out))
    return out, words


def test_inspect_names_kinds_faults_and_how_to_override(mixed_faulty: Mixed) -> None:
    text = run("inspect", str(mixed_faulty.csv), "-t", "mood")
    for name in ("photo", "clip", "review", "price", "mood"):
        assert name in text
    row, column = mixed_faulty.damaged[0]
    assert column in text
    found = json.loads(run("inspect", str(mixed_faulty.csv), "-t", "mood", "--json"))
    faults = {(fault["row"], fault["column"]) for fault in found["faults"]}
    assert (row, column) in faults
    assert run("inspect", str(mixed_faulty.csv), "-t", "mood", "--kind", "shop=text")


def test_fit_prints_the_verdict_and_leaves_a_whole_run(fitted: tuple[Path, str]) -> None:
    out, words = fitted
    assert "accuracy" in words
    assert "damaged cells" in words
    assert str(out / "report.html") in words.replace("\n", "")
    for name in ("report.html", "report.md", "report.json", "metrics.jsonl", "run.json"):
        assert (out / name).stat().st_size > 0
    assert (out / "model" / "sensorium.json").is_file()


def test_the_ledger_names_every_damaged_cell(fitted: tuple[Path, str], mixed_faulty: Mixed) -> None:
    lines = (fitted[0] / "ledger.jsonl").read_text().splitlines()
    found = {(fault["row"], fault["column"]) for fault in map(json.loads, lines)}
    assert found == set(mixed_faulty.damaged)


def test_predict_answers_every_row_with_its_status(
    fitted: tuple[Path, str], mixed_faulty: Mixed, tmp_path: Path
) -> None:
    file = tmp_path / "answers.csv"
    run("predict", str(fitted[0]), str(mixed_faulty.csv), "--out", str(file), "--scores")
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["row"]) for row in rows] == list(range(48))
    for row, column in mixed_faulty.damaged:
        assert f"damaged: {column}" in rows[row]["status"]
    fine = [row for row in rows if row["status"] == "ok"]
    assert fine
    shares = [float(fine[0][f"mood={name}"]) for name in ("calm", "cross", "glad")]
    assert sum(shares) == pytest.approx(1, abs=1e-4)
    printed = run("predict", str(fitted[0] / "model"), str(mixed_faulty.csv))
    assert printed.splitlines()[0].startswith('"row"') or printed.startswith("row")


def test_evaluate_scores_with_a_column_taken_away(
    fitted: tuple[Path, str], mixed: Mixed, tmp_path: Path
) -> None:
    words = run("evaluate", str(fitted[0]), str(mixed.csv), "--without", "photo",
                "--out", str(tmp_path / "r"))  # fmt: skip
    assert "accuracy" in words
    assert (tmp_path / "r" / "report.html").is_file()


def test_evaluate_tells_what_the_figures_do_not(
    fitted: tuple[Path, str], mixed_faulty: Mixed
) -> None:
    words = run("evaluate", str(fitted[0]), str(mixed_faulty.csv))
    assert "38 of the table's rows were learned from: the figures flatter the model." in words
    assert f"{len(mixed_faulty.damaged)} damaged cells" in words
    again = run("evaluate", str(fitted[0] / "model"), str(mixed_faulty.csv))
    assert "38 of the table's rows were learned from" in again
    rows = list(sensorium.read(mixed_faulty.csv))
    rows[1]["mood"], rows[2]["mood"] = None, "wholly new"
    other = mixed_faulty.csv.with_name("other.jsonl")
    other.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = run("evaluate", str(fitted[0]), str(other))
    assert "1 row without a value of mood was not judged." in words
    assert "1 row of a class of mood that training never met: no answer is right." in words
    assert "were learned from" not in words


def test_a_run_is_not_written_over_and_that_is_told_at_once(
    fitted: tuple[Path, str], mixed: Mixed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensorium.auto.begin.read", lambda _: pytest.fail("the table is read"))
    for out, told in ((fitted[0], "holds a fit already.* sensorium resume "),
                      (mixed.csv, "that is a file; name a folder")):  # fmt: skip
        with pytest.raises(ArtifactError, match=told):
            run("fit", str(mixed.csv), "-t", "mood", *FAST, "--out", str(out))


def test_a_folder_that_cannot_be_made_is_named(mixed: Mixed) -> None:
    out = mixed.csv / "runs"
    with pytest.raises(ArtifactError, match=r"the folder .* cannot be made: Not a directory"):
        run("fit", str(mixed.csv), "-t", "mood", *INPUTS, *FAST, "--out", str(out))


def test_predict_says_what_it_wrote_and_a_search_that_it_found_nothing(
    fitted: tuple[Path, str], mixed_faulty: Mixed, tmp_path: Path
) -> None:
    out = tmp_path / "answers.csv"
    words = run("predict", str(fitted[0]), str(mixed_faulty.csv), "--out", str(out))
    rows = len({row for row, column in mixed_faulty.damaged if column in INPUTS[1]})
    assert f"48 rows in {out}, {rows} of them with damaged cells" in words
    index = str(tmp_path / "index")
    run("index", str(fitted[0]), str(mixed_faulty.csv), "--out", index)
    assert run("search", index, "zzzz").strip() == "no row is found"


def test_resume_goes_on_with_a_run(fitted: tuple[Path, str], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(fitted[0], copy)
    before = (copy / "model" / "weights.safetensors").read_bytes()
    shutil.rmtree(copy / "model")
    run("resume", str(copy), "--quiet")
    assert (copy / "model" / "weights.safetensors").read_bytes() == before


def test_resume_refuses_a_table_that_changed(make_mixed: object, tmp_path: Path) -> None:
    from sensorium.core.errors import ArtifactError  # noqa: PLC0415

    table = make_mixed()  # type: ignore[operator]
    out = tmp_path / "run"
    run("fit", str(table.csv), "-t", "mood", "--inputs", "review,price", *FAST, "--out", str(out))
    table.csv.write_text(table.csv.read_text().replace("lovely", "dreary"))
    with pytest.raises(ArtifactError, match="have changed since the fit"):
        run("resume", str(out))


@pytest.mark.parametrize("store", ["sqlite", "lancedb"])
def test_index_and_search_find_rows(
    fitted: tuple[Path, str], mixed_faulty: Mixed, tmp_path: Path, store: str
) -> None:
    if store == "lancedb":
        pytest.importorskip("lancedb")
    out, table = str(tmp_path / "index"), str(mixed_faulty.csv)
    said = run("index", str(fitted[0]), table, "--out", out, "--store", store)
    assert (tmp_path / "index" / "ledger.jsonl").is_file()
    assert f"48 rows in {out}; every vector is compared" in said
    assert f"{len(mixed_faulty.damaged)} damaged cells" in said
    found = list(csv.DictReader(run("search", out, "安静", "--where", "price < 11").splitlines()))
    assert found
    assert all("安静" in row["review"] and float(row["price"]) < 11 for row in found)
    whole = next(n for n in range(1, 48, 2) if (n, "photo") not in mixed_faulty.damaged)
    photo = mixed_faulty.folder / f"photo{whole}.png"
    page = tmp_path / "found.html"
    assert "3 rows in" in run(
        "search", out, "--like", f"photo={photo}", "--top", "3", "--sheet", str(page)
    )
    assert page.read_text("utf-8").count("<article") == 3
    pairs = list(csv.DictReader(run("search", out, "--duplicates", "-1").splitlines()))
    assert pairs
    assert float(pairs[0]["similarity"]) >= float(pairs[-1]["similarity"])
    run("index", str(fitted[0]), table, "--out", out, "--update")
    assert len(sensorium.Index.open(out)) == 96
    with pytest.raises(PlanError, match="write NAME=CELL"):
        run("search", out, "--like", "photo")
    with pytest.raises(PlanError, match="--duplicates compares all rows"):
        run("search", out, "quiet", "--duplicates", "0.9")
    with pytest.raises(PlanError, match="leave them out"):
        run("index", str(fitted[0]), table, "--out", out, "--update", "--column", "photo")
    with pytest.raises(PlanError, match="leave them out"):
        run("index", str(fitted[0]), table, "--out", out, "--update", "--store", store)
    with pytest.raises(PartError, match="no store 'lance'"):
        run("index", str(fitted[0]), table, "--out", out + "2", "--store", "lance")


def test_search_shows_columns_of_any_name_and_form(
    fitted: tuple[Path, str], tmp_path: Path
) -> None:
    table, out = tmp_path / "t.csv", str(tmp_path / "index")
    table.write_text("price,score,key\n1,7,a\ndear,8,b\n", encoding="utf-8")
    run("index", str(fitted[0]), str(table), "--out", out)
    found = list(csv.DictReader(run("search", out, "a b").splitlines()))
    assert {(row["key"], row["row key"], row["row score"]) for row in found} == {
        ("0", "a", "7"), ("1", "b", "8")
    }  # fmt: skip


def test_doctor_looks_at_the_machine_and_at_a_run(fitted: tuple[Path, str]) -> None:
    assert "threads" in run("doctor")
    assert "2 epochs" in run("doctor", str(fitted[0]))


def test_plan_spells_out_what_was_chosen(fitted: tuple[Path, str], tmp_path: Path) -> None:
    text = run("plan", str(fitted[0]))
    out = tmp_path / "chosen.toml"
    run("plan", str(fitted[0]), "--out", str(out))
    assert out.read_text() == text
    model = sensorium.load(fitted[0] / "model")
    assert load_plan(out).keywords()["encoders"].keys() == model.schema.inputs.keys()
    with pytest.raises(PlanError, match="is there already"):
        run("plan", str(fitted[0]), "--out", str(out))


def test_a_plan_file_says_the_same_as_flags(mixed: Mixed, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f'[table]\nsource = "{mixed.csv}"\ntarget = "mood"\ninputs = ["review", "price"]\n'
        "[plan]\nepochs = 1\nrows_per_step = 16\n"
    )
    out = tmp_path / "run"
    run("fit", "--plan", str(plan), "--out", str(out), "--quiet")
    record = json.loads((out / "run.json").read_text())
    assert record["plan"]["epochs"] == 1
    assert record["plan"]["rows_per_step"] == 16


def test_a_users_fault_ends_in_one_message_and_code_2(
    mixed: Mixed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sensorium", "fit", str(mixed.csv), "-t", "mod", "--quiet"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    shown = capsys.readouterr().err
    assert "mood" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["fit", "nowhere.csv", "-t", "x"], TableError, r"nowhere\.csv"),
        (["inspect", "nowhere.csv"], TableError, r"nowhere\.csv"),
        (["fit", "{csv}", "-t", "mood", "--kind", "price"], SchemaError, "NAME=KIND"),
        (["fit", "{csv}", "-t", "mood", "--kind", "price=numbr"], SchemaError, "'number'"),
        (
            ["fit", "{csv}", "-t", "x", "--kind", "a", "--kind", "b=sound"],
            SchemaError,
            "NAME=KIND(.|\n)*did you mean 'audio'",
        ),
        (["fit", "{csv}", "-t", "mood", "--inputs", "mood"], SchemaError, "'mood': the target"),
        (["fit", "{csv}", "-t", "mood", "--time", "review"], TableError, "'review' holds no dates"),
        (["fit", "https://x.org/a.csv", "-t", "x"], TableError, "download it"),
        (["fit", "--plan", "nowhere.toml"], PlanError, "there is no plan nowhere.toml"),
    ],
)
def test_faults_are_named(
    mixed: Mixed, words: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(*(word.format(csv=mixed.csv) for word in words))


def test_a_table_of_another_encoding_whose_pictures_lie_elsewhere(
    mixed: Mixed, tmp_path: Path
) -> None:
    table, out = tmp_path / "away" / "mood.csv", str(tmp_path / "run")
    table.parent.mkdir()
    table.write_bytes(mixed.csv.read_text(encoding="utf-8").encode("gb18030"))
    with pytest.raises(TableError, match=r"\(--encoding "):
        run("inspect", str(table), "-t", "mood")
    reading = ["--encoding", "gb18030", "--folder", str(mixed.csv.parent)]
    assert "No damaged cells" in run("inspect", str(table), "-t", "mood", *reading)
    run("fit", str(table), "-t", "mood", "--inputs", "photo,review", *FAST, "--out", out, *reading)
    run("resume", out, "--quiet")
    answers = run("predict", out, str(table), *reading)
    assert answers.count('"ok"') > 1
    again = tmp_path / "again.toml"
    run("plan", out, "--out", str(again))
    table = load_plan(again).keywords()["source"]
    assert table.reading == {"encoding": "gb18030", "folder": str(mixed.csv.parent)}


def test_help_names_every_command() -> None:
    text = run("--help")
    for name in ("inspect", "fit", "resume", "plan", "compare", "evaluate", "predict", "doctor"):
        assert name in text
    assert run("--version").startswith("sensorium ")


def test_index_says_how_much_an_approximate_search_finds(
    fitted: tuple[Path, str], mixed: Mixed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr("sensorium.search.storage.FEWEST", 20)
    out = str(tmp_path / "index")
    said = run("index", str(fitted[0]), str(mixed.csv), "--out", out, "--approximate")
    assert "searched approximately: 100.0% of the ten nearest are found" in said
    assert run("search", out, "--like", "price=3", "--top", "2")
    with pytest.raises(PlanError, match="leave them out"):
        run("index", str(fitted[0]), str(mixed.csv), "--out", out, "--update", "--approximate")
