"""The store: what is taken from a mirror folder, what is refused, and what is left behind when something breaks."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tertius
from tertius.errors import CannotCompute, TertiusError
from tertius.world import MIRROR_VARIABLE, PACKS, STORE_VARIABLE, fetch, pack, store, table

SMALL = "fbic"


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.name != ".lock")


def test_without_a_mirror_it_says_what_to_do(
    own_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CannotCompute, match=MIRROR_VARIABLE):
        tertius.load_world("baci-2023")
    monkeypatch.setenv(MIRROR_VARIABLE, str(tmp_path))
    with pytest.raises(CannotCompute, match="not in the mirror"):
        tertius.load_world("baci-2023")
    broken = tmp_path / str(pack("baci-2023").table().mirror)
    broken.parent.mkdir()
    broken.write_bytes(b"year,exporter\n")
    with pytest.raises(CannotCompute, match="SHA-256") as error:
        tertius.load_world("baci-2023")
    assert error.value.code == "wrong-hash"
    assert files(own_store) == []


def test_what_is_stored_needs_no_mirror_and_is_checked(
    own_store: Path, use_mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = table(SMALL)
    made = files(own_store)
    monkeypatch.delenv(MIRROR_VARIABLE)
    assert table(SMALL).equals(first)
    assert files(own_store) == made
    assert store.check(pack(SMALL)) == []
    file = store.path(pack(SMALL), pack(SMALL).table())
    assert file is not None
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "hash" in store.check(pack(SMALL))[0]
    file.unlink()
    assert "not there" in store.check(pack(SMALL))[0]
    with pytest.raises(CannotCompute, match="not on this machine"):
        table(SMALL)
    assert store.remove(pack(SMALL)) > 0
    assert store.stored(pack(SMALL)) == {}


def test_a_table_of_other_originals_is_made_anew(own_store: Path, use_mirror: Path) -> None:
    table(SMALL)
    receipt = own_store / SMALL / store.RECEIPT
    receipt.write_text(receipt.read_text().replace(pack(SMALL).table().sha256, "0" * 64))
    assert store.path(pack(SMALL), pack(SMALL).table()) is None
    assert "no longer names" in store.check(pack(SMALL))[0]
    table(SMALL)
    assert store.check(pack(SMALL)) == []
    receipt.write_text("{half")
    table(SMALL)
    assert store.check(pack(SMALL)) == []
    assert len(files(own_store)) == 2


def test_a_full_disk_leaves_nothing(own_store: Path, use_mirror: Path) -> None:
    """The system itself refuses to write beyond a few kilobytes, in a process of its own."""
    code = (
        "import resource, signal, sys\n"
        "from tertius.errors import TertiusError\n"
        "from tertius.world import table\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try:\n    table('fbic')\n"
        "except TertiusError as error:\n    print(error.code, error.hint, error.exit_code)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("disk-full nothing was kept"), said.stderr
    assert STORE_VARIABLE in said.stdout
    assert files(own_store) == []


def test_a_store_that_cannot_be_written_to(
    tmp_path: Path, use_mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    places = [tmp_path / "file" / "store"]
    if os.geteuid():
        (tmp_path / "closed").mkdir(mode=0o500)
        places.append(tmp_path / "closed")
    elif Path("/sys/kernel").is_dir():
        places.append(Path("/sys/kernel"))  # nobody may make folders there, not even the superuser
    for place in places:
        monkeypatch.setenv(STORE_VARIABLE, str(place))
        with pytest.raises(CannotCompute, match=STORE_VARIABLE) as error:
            table(SMALL)
        assert error.value.code == "store-not-writable"


def test_a_read_only_store_can_be_read(
    own_store: Path, use_mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(SMALL)

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("reading took the lock")

    monkeypatch.setattr(store, "locked", refused)
    assert len(table(SMALL)) == pack(SMALL).table().rows


def test_two_processes_at_once_make_one_pack(own_store: Path, use_mirror: Path) -> None:
    code = f"from tertius.world import table\nprint(len(table('{SMALL}')))"
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    rows = [p.communicate()[0].strip() for p in both]
    assert rows == [str(pack(SMALL).table().rows)] * 2
    assert len(files(own_store)) == 2
    assert store.check(pack(SMALL)) == []


def test_who_holds_the_lock_is_waited_for_and_then_named(own_store: Path, use_mirror: Path) -> None:
    started = time.monotonic()
    # A second opening of the same file is another holder to the system, even in the same process.
    with (
        store.locked(pack(SMALL)),
        pytest.raises(CannotCompute, match="another process") as error,
        store.locked(pack(SMALL), wait=0.2),
    ):
        pass
    assert error.value.code == "data-busy"
    assert time.monotonic() - started < 5


def test_what_a_killed_process_left_is_cleared_away(own_store: Path, use_mirror: Path) -> None:
    (own_store / SMALL).mkdir(parents=True)
    (own_store / SMALL / ".fbic.parquet.x.part").write_text("half")
    table(SMALL)
    assert len(files(own_store)) == 2


def test_breaking_off_between_tables_leaves_the_pack_as_it_was(
    own_store: Path, use_mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = "migration"
    fetch.mirror(pack(two), [pack(two).table("migrants")])
    before = store.stored(pack(two))
    replace = os.replace

    def killed(source: Path, target: Path) -> None:
        if Path(target).name == store.RECEIPT:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr("os.replace", killed)
    with contextlib.suppress(KeyboardInterrupt):
        fetch.mirror(pack(two))
    assert store.stored(pack(two)) == before
    monkeypatch.setattr("os.replace", replace)
    fetch.mirror(pack(two))
    assert set(store.stored(pack(two))) == {"migrants", "remittances"}
    assert len(files(own_store)) == 3


@pytest.mark.parametrize("name", [n for n in PACKS if n != "baci"])
def test_every_pack_reads_from_the_mirror(use_mirror: Path, name: str) -> None:
    files = fetch.require(name)
    for which, file in files.items():
        given = pack(name).tables[which]
        assert store.stored(pack(name))[which].rows == given.rows
        got = store.query("select * from t limit 1", {"t": file})
        assert list(got) == [column for column, _ in given.columns]


# What the description of the data says of them: a query, and its answer to the digits given.
KNOWN = {
    "sipri-arms/deliveries": (
        "sum(tiv_musd) filter (supplier_iso3 = 'RUS'), sum(tiv_musd) from t where recipient_iso3 = 'KAZ'",
        (3439, 4003),
    ),
    "kazakhstan-trade/partners": (
        "sum(export_kusd) / 1e6, sum(import_kusd) / 1e6 from t where kind = 'country' and year = 2023",
        (79.1, 60.4),
    ),
    "fuels-hs27/reports": (
        "value_usd / 1e9 "
        "from t where year = 2017 and reporter = 'KAZ' and partner = 'WLD' and flow = 'export'",
        (30.7,),
    ),
    "fbic/index": (
        "fbic_rus, fbic_chn from t where iso3 = 'KAZ' and year = 2020",
        (0.73, 0.188),
    ),
    "wb-debt/stocks": (
        "debt_stock / 1e9 from t where debtor_code = 'KAZ' and creditor = 'China' and year = 2024",
        (1.9,),
    ),
    "imf-fdi/positions": (
        "value / 1e3 from t where reporter = 'USA' and counterpart = 'KAZ' and year = 2023 "
        "and direction = 'outward' and dv_type = 'SCC'",
        (42.4,),
    ),
    "migration/remittances": (
        "remittance_musd from t where sender_iso3 = 'RUS' and receiver_iso3 = 'KGZ'",
        (1904,),
    ),
    "un-ideal-points/all_votes": (
        "ChinaAgree, RUSSAgree, USAgree from t where iso3c = 'KAZ' and year = 2023",
        (0.74, 0.56, 0.25),
    ),
    "un-votes/votes": (
        "count(*) from t where country = 'Kazakhstan'",
        (2394,),
    ),
    "diplomatic-posts/posts": (
        "posts from t where sender = 'RU' and host = 'KZ' and year = 2023",
        (4,),
    ),
    "imf-imts/reports": (
        "value_musd "
        "from t where reporter = 'CHN' and partner = 'KAZ' and flow = 'export_fob' and year = 2024",
        (28129,),
    ),
    "energy-review/countries": (
        "value from t where name = 'Kazakhstan' and year = 2022 and variable = 'oil_production'",
        (84.1,),
    ),
    "eurostat-eu27/exports": (
        "export_eur / 1e9 from t where partner = 'KAZ' and year = 2023",
        (12.1,),
    ),
    "kazakhstan-products/groups": (
        "crude_oil / 1e6 from t where year = 2021",
        (21.8,),
    ),
    "cow-trade/dyads": (
        "count(*) from t where ccode1 = 365 and ccode2 = 705 and year < 1994 and flow1 > 0",
        (0,),
    ),
    "sanctions/cases": (
        "count(*) from t",
        (1547,),
    ),
    "alliances/atop": (
        "atop_defense from t where ccode1 = 705 and ccode2 = 365 and year = 2018",
        (1,),
    ),
}


@pytest.mark.parametrize("place", KNOWN)
def test_tables_say_what_their_description_says(use_mirror: Path, place: str) -> None:
    sql, known = KNOWN[place]
    found = tertius.world.sql(f"select {sql}", t=place).iloc[0].tolist()
    digits = [len(str(k).partition(".")[2]) for k in known]
    assert [round(float(f), n) for f, n in zip(found, digits, strict=True)] == [float(k) for k in known]


def test_arrays_leave_missing_missing(use_mirror: Path) -> None:
    asked = ("migration", "remittances", "sender_iso3 in ('RUS', 'URY')")
    got = tertius.world.array(*asked).remittance_musd
    assert got.sizes["sender_iso3"] == 2
    assert int(got.notnull().sum()) == len(table(*asked)) < got.size


def test_keys_tell_rows_apart(use_mirror: Path) -> None:
    for name in PACKS.keys() - {"baci"}:
        for which, file in fetch.require(name).items():
            keys = ", ".join(store.quoted(k) for k in pack(name).tables[which].keys)
            twice = f"select count(*) as n from (select 1 from t group by {keys} having count(*) > 1)"
            assert int(store.query(twice, {"t": file})["n"][0]) == 0, (name, which)


def test_unknown_names_get_the_nearest() -> None:
    for ask in (lambda: pack("baci-2000"), lambda: pack("alliances").table("atap")):
        with pytest.raises(TertiusError, match="did you mean"):
            ask()
