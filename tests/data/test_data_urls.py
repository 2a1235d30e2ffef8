"""Downloads: only when asked for, into bytes, every failure named by its row."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sensorium.core.errors import TableError
from sensorium.core.schema import Image, Schema
from sensorium.data import read
from sensorium.data.readers import urls


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/gone"):
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"" if self.path.startswith("/empty") else self.path.encode() * 4)

    def log_message(self, *args):
        pass


@pytest.fixture
def site():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_urls_are_fetched_only_when_asked(site):
    rows = [{"p": f"{site}/a.png?x=1", "link": f"{site}/page"}, {"p": None, "link": f"{site}/b"}]
    assert read(rows).cells("p")[0] == rows[0]["p"]
    table = read(rows, urls=True)
    assert table.cells("p") == [b"/a.png?x=1" * 4, None]
    assert table.cells("link") == [row["link"] for row in rows]


def test_a_schema_tells_the_media_columns(site):
    rows = [{"p": f"{site}/page"}, {"p": "local.png"}]
    table = read(rows, Schema(inputs={"p": Image()}), urls=True)
    assert table.cells("p")[0] == b"/page" * 4
    assert table.cells("p")[1].name == "local.png"


def test_every_failure_names_its_row(site, monkeypatch):
    monkeypatch.setattr(urls, "MOST_BYTES", 100)
    rows = [{"p": f"{site}{path}.png"} for path in ("/gone", "/a", "/empty", "/" + "x" * 200)]
    with pytest.raises(TableError, match="3 files could not be downloaded") as caught:
        read(rows, urls=True)
    assert [fault.row for fault in caught.value.faults] == [0, 2, 3]
    assert "404" in str(caught.value.faults[0])
    assert "more than 100 bytes" in str(caught.value.faults[2])
