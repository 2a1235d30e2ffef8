"""CSV and TSV: what is kept, what becomes a number, and every fault named at once."""

import math

import pytest

from sensorium.core.errors import TableError
from sensorium.data import read


@pytest.fixture
def file(tmp_path):
    def write(content: str | bytes, name: str = "table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def column(path, name="a", **options):
    return read(path, **options).cells(name)


def test_numbers_words_and_missing_cells(file):
    text = "i,f,w,id,na,e\n1,2.5,NA,007,NA,\n-2,1e3,x,012,4,\n,.5,,100,null,\n"
    table = read(file(text))
    assert table.cells("i") == [1, -2, None]
    assert table.cells("f") == [2.5, 1000.0, 0.5]
    assert table.cells("w") == ["NA", "x", None]
    assert table.cells("id") == ["007", "012", "100"]
    assert table.cells("na") == [None, 4, None]
    assert table.cells("e") == [None, None, None]
    assert table.folder is not None


@pytest.mark.parametrize(
    "cells",
    [["1", "1.5.2"], ["1_000", "2"], ["12345678901234567890", "1"], ["+49170123", "5"], ["0x1F"]],
)
def test_cells_that_would_lose_something_as_numbers_stay_words(file, cells):
    assert column(file("a\n" + "\n".join(cells) + "\n")) == cells


def test_infinity_is_a_number_that_others_may_refuse(file):
    assert column(file("a\n1.5\ninf\n-Infinity\n")) == [1.5, math.inf, -math.inf]


def test_quotes_commas_and_newlines_inside_cells(file):
    text = 'a,b\r\n"one, ""two""\nthree",1\r\n"",2\r\n'
    table = read(file(text))
    assert list(table) == [{"a": 'one, "two"\nthree', "b": 1}, {"a": None, "b": 2}]


@pytest.mark.parametrize(("mark", "name"), [(";", "t.csv"), ("\t", "t.csv"), ("\t", "t.tsv"),
                                            ("|", "t.txt")])  # fmt: skip
def test_delimiters_are_told_by_the_header(file, mark, name):
    assert read(file(f"a{mark}b\nu,v{mark}x\n", name)).cells("a") == ["u,v"]


def test_a_comma_in_a_name_or_a_number_divides_nothing(file):
    table = read(file('"said, ""aloud""";b\n1,5;"x;y"\n2;z\n'))
    assert table.columns == ('said, "aloud"', "b")
    assert table[0] == {'said, "aloud"': 1.5, "b": "x;y"}
    assert read(file("a,b|c\n1,2|3\n4,5|6\n")).columns == ("a", "b|c"), "commas win where they can"
    with pytest.raises(TableError, match="line 3: 1 column, the header has 2"):
        read(file("a,b\n1,2\n3\n"))


def test_between_semicolons_a_comma_is_the_decimal_mark(file):
    table = read(file("a;b;c;d\n-1,5;0,125;1.234,50;1,2,3\n2;NA;999;4\n"))
    assert table.cells("a") == [-1.5, 2]
    assert table.cells("b") == [0.125, None]
    assert table.cells("c") == [1234.5, 999]
    assert table.cells("d") == ["1,2,3", "4"]
    assert read(file("a;b\n+491701;x\n+491702;y\n")).cells("a") == ["+491701", "+491702"]
    assert read(file('a,b\n"1,5",x\n')).cells("a") == ["1,5"]


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        ("1,234;0,5", [1.234, 0.5]),
        ("1.234;1,5", [1234.0, 1.5]),
        ("1,234;1.5", ["1,234", 1.5]),
        ("1,234;x", [1.234, "x"]),
        ("1.234;x", [1.234, "x"]),
        ("1.5;1,5", [1.5, 1.5]),
        ("1234,567;1.5", [1234.567, 1.5]),
        ("1.234,567;1.5", [1234.567, 1.5]),
        ("1.234;1,5;1234.567", [1.234, 1.5, 1234.567]),
    ],
)
def test_other_columns_tell_what_three_digits_after_a_mark_are(file, row, cells):
    assert list(read(file(f"{'a;b;c'[: 2 * len(cells) - 1]}\n{row}\n"))[0].values()) == cells


def test_lists_written_as_json(file):
    table = read(file('a,b\n"[1, 2]","[x]"\n,"[y]"\n'))
    assert table.cells("a") == [[1, 2], None]
    assert table.cells("b") == ["[x]", "[y]"]


def test_a_file_without_header_is_given_names(file):
    table = read(file("教育\t一\n法律\t二\n", "t.tsv"), names=["kind", "word"])
    assert list(table) == [{"kind": "教育", "word": "一"}, {"kind": "法律", "word": "二"}]


def test_row_numbers_that_r_writes_and_an_index_that_pandas_writes(file):
    assert read(file('"x","y"\n"1",5,6\n"2",7,8\n')).columns == ("row", "x", "y")
    assert read(file(",y\n0,6\n1,8\n")).columns == ("index", "y")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_tell_the_encoding(file, encoding):
    assert list(read(file("a,b\n中文,é\n".encode(encoding)))) == [{"a": "中文", "b": "é"}]


def test_another_encoding_is_read_when_it_is_named(file):
    path = file("a,b\n中文字,评论很好\n".encode("gb18030"))
    assert column(path, encoding="gb18030") == ["中文字"]
    with pytest.raises(TableError, match="encoding='gb18030'"):
        read(path)
    with pytest.raises(TableError, match="no encoding 'utf-9'"):
        read(path, encoding="utf-9")


def test_every_line_of_bad_bytes_is_named(file):
    path = file(b"a,b\ncaf\xe9,1\nfine,2\nna\xefve,3\n")
    with pytest.raises(TableError) as caught:
        read(path)
    said = str(caught.value)
    assert "line 2: byte 7 of the file is not utf-8: e9" in said
    assert "line 4: byte 20" in said
    assert "line 3" not in said
    assert "encoding='cp1252'" in said


def test_nul_bytes_are_named(file):
    with pytest.raises(TableError, match=r"line 3: a NUL byte \(byte 10 of the file\)"):
        read(file(b"a,b\n1,x\n2,\x00\n"))
    with pytest.raises(TableError, match="looks like UTF-16"):
        read(file("a,b\n1,x\n".encode("utf-16-le")))


def test_ragged_rows_and_bad_headers_come_in_one_message(file):
    path = file('a,a,\n1,2,3\n1,2\n"x\ny",2,3\n1,2,3,4\n')
    with pytest.raises(TableError) as caught:
        read(path)
    said = str(caught.value)
    assert "columns [1, 2] have the same name 'a'" in said
    assert "column 3 has no name" in said
    assert "line 3: 2 columns, the header has 3" in said
    assert "line 6: 4 columns" in said
    assert "line 2:" not in said
    assert "line 4:" not in said


def test_many_ragged_rows_are_counted(file):
    with pytest.raises(TableError, match="and 80 more rows"):
        read(file("a,b\n1,2\n" + "1\n" * 100))


def test_a_quote_that_is_never_closed_loses_no_rows_in_silence(file):
    with pytest.raises(TableError, match=r"line 3: .*quote"):
        read(file('a,b\n1,2\n3,"4\n5,6\n7,8\n'))


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "0 bytes"), (b"\n\n", "no header"), (b"a,b\n", "a header and no rows")],
)
def test_empty_files(file, content, said):
    with pytest.raises(TableError, match=said):
        read(file(content))


def test_missing_files_name_the_nearest(file, tmp_path):
    file("a\n1\n", "prices.csv")
    with pytest.raises(TableError, match=r"did you mean 'prices\.csv'"):
        read(tmp_path / "price.csv")
    with pytest.raises(TableError, match=r"its folder .* does not exist"):
        read(tmp_path / "nowhere" / "price.csv")


def test_a_cell_of_many_megabytes(file):
    long = "x" * (20 << 20)
    assert column(file(f"a,b\n{long},1\n")) == [long]
