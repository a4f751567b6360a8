"""The manifest of a run in shards: one header, and a Parquet file for every finished shard."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from anamorph.app.shards import records as module
from anamorph.app.shards.records import Records, Row
from anamorph.errors import FileError, MissingExtra, UsageError
from anamorph.files.remote import put

parquet: Any = pytest.importorskip(
    "pyarrow.parquet", reason="needs pyarrow: pip install 'anamorph[parquet]'"
)
pytest.importorskip("fsspec", reason="needs fsspec: pip install 'anamorph[cloud]'")

HEADER = {"method": "fmd", "parameters": {"steps": 4}, "seed": 0}
SCHEMA = {
    "source": "string",
    "output": "string",
    "status": "string",
    "reason": "string",
    "kept": "bool",
    "seconds": "double",
    "size": "int64",
    "stamp": "string",
    "output_sha256": "string",
    "record": "string",
}


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(out=f"file://{tmp_path}/out")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tmp_path / "out/manifest"


def row(name: str, **more: Any) -> Row:
    return {
        "source": f"s3://b/{name}.png",
        "status": "failed",
        "output": None,
        "reason": "",
        **more,
    }


def test_a_run_begins_with_its_header_and_nothing_is_known(
    records: Records, manifest: Path
) -> None:
    records.begin({**HEADER, "created": "today"}, resume=False)
    told = json.loads((manifest / "run.json").read_text())
    assert told == {"anamorph_shards": 1, **HEADER, "created": "today"}
    assert records.done() == frozenset()


def test_a_run_is_not_begun_twice_unless_it_is_resumed(records: Records, manifest: Path) -> None:
    records.begin({**HEADER, "created": "then", "version": "0.1"}, resume=False)
    before = (manifest / "run.json").read_bytes()
    with pytest.raises(UsageError, match="add --resume or choose another --out"):
        records.begin(HEADER, resume=False)
    records.begin({**HEADER, "created": "now", "version": "0.2"}, resume=True)
    assert (manifest / "run.json").read_bytes() == before


def test_resuming_where_nothing_began_begins(records: Records, manifest: Path) -> None:
    records.begin(HEADER, resume=True)
    assert json.loads((manifest / "run.json").read_text())["method"] == "fmd"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "seed was 0, now 1"),
        ({"parameters": {"steps": 5}}, r"parameters\.steps was 4, now 5"),
        ({"survive": ["jpeg75"]}, r'survive was absent, now \["jpeg75"\]'),
    ],
)
def test_a_run_with_another_header_is_not_gone_on_with(
    records: Records, change: dict[str, Any], said: str
) -> None:
    records.begin(HEADER, resume=False)
    with pytest.raises(UsageError, match=said):
        records.begin({**HEADER, **change}, resume=True)


def test_a_header_of_tuples_is_that_of_lists(records: Records) -> None:
    records.begin({**HEADER, "survive": ("jpeg75",)}, resume=False)
    records.begin({**HEADER, "survive": ("jpeg75",)}, resume=True)


@pytest.mark.parametrize("harm", [b"{", b"\xff\xfe", b"[]"])
def test_a_damaged_header_is_told_of(records: Records, manifest: Path, harm: bytes) -> None:
    records.begin(HEADER, resume=False)
    (manifest / "run.json").write_bytes(harm)
    with pytest.raises(FileError, match=r"run\.json: is damaged"):
        records.begin(HEADER, resume=True)


def test_what_a_shard_recorded_comes_back_and_others_can_read_it(
    records: Records, manifest: Path
) -> None:
    good = row("a", status="protected", output="s3://out/a.png", output_sha256="ab", kept=True,
               seconds=1.5, size=3, stamp="x", survives={"jpeg75": True}, linf=16.0)  # fmt: skip
    records.finish("first", [good, row("b", reason="is no picture")])
    assert records.rows("first") == (good, row("b", reason="is no picture"))
    table = parquet.read_table(manifest / "first.parquet")
    assert {field.name: str(field.type) for field in table.schema} == SCHEMA
    assert table["source"].to_pylist() == ["s3://b/a.png", "s3://b/b.png"]
    assert table["kept"].to_pylist() == [True, None]
    assert json.loads(table["record"][0].as_py())["survives"] == {"jpeg75": True}


@pytest.mark.parametrize("rows", [[], [row("a"), row("b")]])
def test_the_schema_is_the_same_where_a_column_is_empty(
    records: Records, manifest: Path, rows: list[Row]
) -> None:
    records.finish("empty", rows)
    table = parquet.read_table(manifest / "empty.parquet")
    assert {field.name: str(field.type) for field in table.schema} == SCHEMA
    assert table.num_rows == len(rows)
    assert table["kept"].null_count == len(rows)


def test_all_shards_are_one_dataset_to_others(records: Records, manifest: Path) -> None:
    records.begin(HEADER, resume=False)
    records.finish("first", [row("a")])
    records.finish("second", [row("b", kept=False, seconds=2.0)])
    table = parquet.read_table(sorted(manifest.glob("*.parquet")))
    assert sorted(table["source"].to_pylist()) == ["s3://b/a.png", "s3://b/b.png"]
    every = records.every({"first", "second"})
    assert [r["source"] for r in every] == ["s3://b/a.png", "s3://b/b.png"]


def test_a_name_that_is_no_text_is_recorded_and_comes_back(
    records: Records, manifest: Path
) -> None:
    odd = b"caf\xe9".decode(errors="surrogateescape")
    records.finish("first", [row(odd, output=f"s3://out/{odd}.png")])
    assert [r["source"] for r in records.rows("first")] == [f"s3://b/{odd}.png"]
    assert "caf" in parquet.read_table(manifest / "first.parquet")["source"][0].as_py()


def test_what_is_forgotten_is_gone_and_the_rest_stands(records: Records) -> None:
    for name in ("first", "second"):
        records.finish(name, [row(name)])
    records.forget({"first"})
    assert records.done() == {"second"}


def test_what_lay_there_before_the_run_is_known_ever_after(records: Records) -> None:
    put(f"{records.out}/a/cat.png", b"somebody's")
    records.begin(HEADER, resume=False)
    put(f"{records.out}/dog.png", b"ours")
    records.begin(HEADER, resume=True)
    assert records.before() == {f"{records.out}/a/cat.png"}


@pytest.mark.parametrize("harm", ["cut short", "other content", "empty", "other columns"])
def test_a_damaged_part_is_told_of_and_named(records: Records, manifest: Path, harm: str) -> None:
    records.finish("first", [row("a")])
    path = manifest / "first.parquet"
    buffer = BytesIO()
    parquet.write_table(parquet.read_table(path).drop_columns(["record"]), buffer)
    damaged = {
        "cut short": path.read_bytes()[:-20],
        "other content": b"PAR1 and so on",
        "empty": b"",
        "other columns": buffer.getvalue(),
    }
    path.write_bytes(damaged[harm])
    with pytest.raises(FileError, match=r"first\.parquet: is damaged"):
        records.rows("first")
    with pytest.raises(FileError, match=r"first\.parquet: is damaged"):
        list(records.every({"first"}))


def test_without_pyarrow_the_extra_is_named(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(module, "import_module", missing)
    with pytest.raises(MissingExtra, match=r"pyarrow; run `pip install 'anamorph\[cloud\]'`"):
        records.finish("first", [])


def test_a_manifest_lives_in_a_bucket_too(bucket: str) -> None:
    records = Records(out=f"{bucket}/out")
    records.begin(HEADER, resume=False)
    assert records.before() == frozenset()
    records.finish("first", [row("a")])
    assert records.done() == {"first"}
    assert records.rows("first") == (row("a"),)
    with pytest.raises(UsageError, match="was started here"):
        records.begin(HEADER, resume=False)
