"""The pages keep their word: examples run, commands parse, plans load, links lead somewhere."""

import csv
import importlib.util
import os
import re
import shlex
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from sensorium.cli.main import app
from sensorium.config import parse_plan
from sensorium.core.describe import keywords
from sensorium.train import Plan

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("benchmarks/*.md")]
    if "generated" not in page.parts and "_build" not in page.parts
)
RUNNING = [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")]
COLUMNS = ("review", "photo", "price", "shop", "mood")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def fences(language: str) -> list[Any]:
    """List the fenced blocks of a language, over all pages."""
    return [
        pytest.param(block, id=f"{name_of(page)}-{number}")
        for page in PAGES
        for number, (found, block) in enumerate(FENCE.findall(page.read_text(encoding="utf-8")))
        if found == language
    ]


def commands() -> list[Any]:
    """List the ``$`` lines of all console blocks; a backslash at the end joins lines."""
    found = {}
    for block in fences("console"):
        for line in block.values[0].replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                found[line.removeprefix("$ ")] = None
    return list(found)


@pytest.fixture
def shop(
    tmp_path: Path,
    make_mixed: Callable[..., Any],
    tiny: Callable[[str], Path],
    monkeypatch: Any,
) -> Iterator[Path]:
    """A folder with the files that the pages speak of."""
    for name, faults in (("reviews", 0), ("damaged", 2)):
        mixed = make_mixed(rows=48, missing=6, damaged=faults, folder=name)
        for photo in mixed.folder.glob("photo*"):
            shutil.copy(photo, tmp_path / f"{name}-{photo.name}")
        with (tmp_path / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for row in mixed.rows:
                photo = f"{name}-{row['photo']}" if row["photo"] else None
                writer.writerow({c: row[c] for c in COLUMNS} | {"photo": photo})
    for family, folder in (
        ("bert", "minilm"),
        ("clip", "clip"),
        ("donut", "donut"),
        ("llama", "smollm2"),
        ("llava", "llava"),
        ("whisper-writing", "whisper"),
    ):
        shutil.copytree(tiny(family), tmp_path / "models" / folder)
    (plan,) = (block for block in fences("toml") if "plans" in str(block.id))
    (tmp_path / "plan.toml").write_text(plan.values[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    os.chdir(ROOT)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", RUNNING, ids=name_of)
def test_every_python_example_runs(page: Path, shop: Path, capsys: Any) -> None:
    document = Sybil(parsers=[PythonCodeBlockParser()]).parse(page)
    examples = list(document.examples())
    assert len(examples) == page.read_text(encoding="utf-8").count("```python")
    for example in examples:
        example.evaluate()


def test_there_are_commands_to_check() -> None:
    assert len([line for line in commands() if line.startswith("sensorium ")]) >= 10


@pytest.mark.parametrize("line", commands())
def test_every_command_can_be_typed(line: str) -> None:
    """Commands of ours parse with all their flags; others begin with a known program."""
    program, *words = shlex.split(line)
    if program != "sensorium":
        assert program in {"accelerate", "git", "make", "pip", "python"}
        return
    group: Any = typer.main.get_command(app)
    if words[0].startswith("-"):
        group.make_context("sensorium", words, resilient_parsing=True)
        return
    group.commands[words[0]].make_context(words[0], words[1:])


def test_a_flag_that_does_not_exist_is_caught() -> None:
    with pytest.raises(Exception, match="no-such-flag"):
        test_every_command_can_be_typed("sensorium fit t.csv --no-such-flag")


@pytest.mark.parametrize("block", fences("toml"))
def test_every_plan_shown_is_a_plan(block: str) -> None:
    assert parse_plan(tomllib.loads(block)).table.source


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target or target.startswith(("#", "mailto:")):
            continue
        file, _, heading = target.partition("#")
        found = page.parent / file
        assert found.exists(), f"{name_of(page)}: {target}"
        if heading:
            titles = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {_anchor(title) for title in titles}, f"{name_of(page)}: {target}"


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")


def test_no_page_is_lost() -> None:
    """Every page of docs/ stands in a table of contents."""
    docs = ROOT / "docs"
    listed = {docs / "index.md"}
    for page in docs.rglob("*.md"):
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            entries = [line.strip() for line in tree.splitlines() if line and line[0] != ":"]
            listed |= {page.parent / f"{entry}.md" for entry in entries}
    assert {page for page in PAGES if docs in page.parents} == {
        page for page in listed if "*" not in page.name
    }


# --- the articles -----------------------------------------------------------------------------


def test_the_articles_page_names_only_what_exists() -> None:
    text = (ROOT / "docs" / "articles.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:examples|tests|benchmarks|src)/[\w./-]+)`", text)
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).exists()] == []


# --- the generated reference ------------------------------------------------------------------


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    file = ROOT / "docs" / "generate_reference.py"
    spec = importlib.util.spec_from_file_location("generate_reference", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_has_a_page_for_every_command_and_all_its_flags(generator: Any) -> None:
    pages = generator.pages()
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        for parameter in command.params:
            option = parameter.param_type_name == "option"
            shown = parameter.opts[0] if option else parameter.name
            row = rf"^\| `[^`]*{re.escape(shown)}\b.*` \| \w+.*\|$"
            assert re.search(row, pages[f"cli-{name}.md"], re.MULTILINE), f"{name} {shown}"


def test_the_reference_explains_every_key_of_a_plan(generator: Any) -> None:
    page = generator.plan_page()
    for name in keywords(Plan):
        assert re.search(rf"^\| `{name}` \| `[^|]*` \| .*\w.* \|$", page, re.MULTILINE), name


def test_the_reference_is_written_as_files(generator: Any, tmp_path: Path) -> None:
    generator.main(tmp_path / "reference")
    page = (tmp_path / "reference" / "sensorium.fusion.md").read_text(encoding="utf-8")
    assert page.startswith("# `sensorium.fusion`\n")
    assert ".. automodule:: sensorium.fusion" in page
