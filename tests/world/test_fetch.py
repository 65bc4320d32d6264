"""Packs from their originals, over a local server that breaks off at every stage, and from releases that a user has."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from typer.testing import CliRunner

import tertius
from tertius.cli import app
from tertius.errors import BadInput, CannotCompute
from tertius.world import HOST_VARIABLE, MIRROR_VARIABLE, add, fetch, get, pack, store, table
from tertius.world.readers.originals import ORIGINALS
from tertius.world.readers.releases import LAYOUTS

TWO = "baci-2023"  # three files, a fraction of a second


class Server(ThreadingHTTPServer):
    """Hands out the originals, or does with the file named ``victim`` what ``mischief`` says."""

    daemon_threads = True

    def __init__(self, originals: Path, unchanged: dict[str, Path]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.originals, self.unchanged = originals, unchanged
        self.mischief, self.victim = "", "trade_cepii.csv"
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(self.path).lstrip("/")
        name = path.rsplit("/", 1)[-1]
        self.server.asked.append(name)
        mischief = self.server.mischief if name == self.server.victim else ""
        file = self.server.unchanged.get(path, self.server.originals / path)
        if mischief == "missing" or not file.is_file():
            self.send_error(404)
            return
        if mischief == "before the header":
            self.close_connection = True
            return
        content = file.read_bytes()
        if mischief == "another file":
            content = b"x" + content[1:]
        if mischief == "longer":
            content += b"\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        ends = {"no byte": 0, "half way": len(content) // 2, "a byte short": len(content) - 1}
        self.wfile.write(content[: ends.get(mischief, len(content))])
        self.wfile.flush()
        self.close_connection = True


@pytest.fixture
def server(mirror: Path, own_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server, and a store with no mirror folder beside it."""
    # Files of the mirror folder that are their originals, byte by byte.
    unchanged = {
        f"{s.repository}/{s.commit}/{s.path}": mirror / str(p.tables[s.tables[0]].mirror)
        for p in tertius.world.PACKS.values()
        for s in p.readable
        if s.reader == "same" and s.sha256 == p.tables[s.tables[0]].sha256
    }
    (imts,) = pack("imf-imts").sources
    unchanged[f"{imts.repository}/{imts.commit}/{imts.path}"] = (
        mirror / "trade-imf-usa-china" / "imf_imts_usa_china_2001_2024.csv"
    )
    running = Server(mirror / "originals", unchanged)
    thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    monkeypatch.setenv(HOST_VARIABLE, f"http://127.0.0.1:{running.server_port}/")
    yield running
    running.shutdown()
    running.server_close()


def unfinished(folder: Path) -> list[str]:
    """What is neither a whole pack nor a whole, checked download."""
    return sorted(
        p.name
        for p in folder.rglob("*")
        if p.is_file()
        and p.name != ".lock"
        and not (p.parent.name == "downloads" and store.sha256(p) == p.stem)
    )


ORIGINALS_AT_HAND = [
    ("baci-2000-2020", "flows"),
    ("baci-2023", "flows"),
    ("un-votes", "roll_calls"),
    ("cow-geography", "contiguity"),
    ("cow-geography", "capabilities"),
    ("un-ideal-points", "all_votes"),
    ("imf-imts", "reports"),
    ("fbic", "index"),
    ("sanctions", "cases"),
    ("alliances", "atop_alliances"),
    ("diplomatic-posts", "posts"),
]


def test_an_original_and_the_mirror_end_in_the_same_table(
    server: Server, mirror: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: list[float] = []
    got = {}
    for name, which in ORIGINALS_AT_HAND:
        get(name, which, progress=lambda _, done: told.append(done))
        assert store.stored(pack(name))[which].way == "get"
        got[name, which] = table(name, which)
    assert told[-1] == 1.0
    assert all(0 <= done <= 1 for done in told)
    assert len(set(told)) > 20
    assert list(store.folder().glob("*/downloads/*")) == []
    monkeypatch.setenv(MIRROR_VARIABLE, str(mirror))
    monkeypatch.setenv(store.STORE_VARIABLE, str(tmp_path / "other"))
    for (name, which), frame in got.items():
        pd.testing.assert_frame_equal(frame, table(name, which), check_exact=True)


def test_every_reader_is_one_that_there_is() -> None:
    used = {s.reader for p in tertius.world.PACKS.values() for s in p.readable}
    assert used == set(ORIGINALS)
    formats = {f for p in tertius.world.PACKS.values() for f in p.formats}
    assert {layout.format for layout in LAYOUTS} <= formats
    for p in tertius.world.PACKS.values():
        assert p.gettable or p.sources == () or not p.readable
        assert all(set(s.tables) <= set(p.tables) for s in p.sources)


@pytest.mark.parametrize(
    ("mischief", "code"),
    [
        ("missing", "download-refused"),
        ("before the header", "broken-download"),
        ("no byte", "broken-download"),
        ("half way", "broken-download"),
        ("a byte short", "broken-download"),
        ("another file", "wrong-hash"),
        ("longer", "wrong-hash"),
    ],
)
@pytest.mark.parametrize("victim", ["trade_cepii.csv", "gdp.csv"])
def test_a_download_that_goes_wrong_leaves_nothing(
    server: Server, own_store: Path, mischief: str, code: str, victim: str
) -> None:
    server.mischief, server.victim = mischief, victim
    with pytest.raises(CannotCompute, match="nothing was kept of it") as error:
        get(TWO)
    assert error.value.code == code
    assert error.value.exit_code == 1
    assert unfinished(own_store) == []
    assert store.stored(pack(TWO)) == {}
    # What came whole before is not fetched again, and then all is well.
    server.mischief = ""
    whole = [s.name for s in pack(TWO).readable][: 2 if victim == "gdp.csv" else 0]
    server.asked.clear()
    get(TWO)
    assert not set(whole) & set(server.asked)
    assert store.check(pack(TWO)) == []
    assert len(tertius.load_world("baci-2023").countries) == 194
    server.asked.clear()
    get(TWO)
    assert server.asked == []


def test_no_server_at_all(own_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOST_VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(CannotCompute, match="never began") as error:
        get(TWO)
    assert error.value.code == "broken-download"
    assert unfinished(own_store) == []


def test_a_disk_that_fills_up_while_downloading(server: Server, own_store: Path) -> None:
    code = (
        "import resource, signal\n"
        "from tertius.errors import TertiusError\n"
        "from tertius.world import get\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        f"try:\n    get('{TWO}')\n"
        "except TertiusError as error:\n    print(error.code)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "disk-full", said.stderr
    assert unfinished(own_store) == []


def test_killed_while_downloading(server: Server, own_store: Path) -> None:
    """Nothing can be cleared away by a process that is killed; the next one does it."""
    code = (
        "import os, signal\n"
        "from tertius.world import get\n"
        f"get('{TWO}', progress=lambda _, done: os.kill(os.getpid(), signal.SIGKILL) if done > 0.3 else None)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False)
    assert killed.returncode == -9
    assert store.stored(pack(TWO)) == {}
    assert unfinished(own_store) != []
    get(TWO)
    assert store.check(pack(TWO)) == []
    assert unfinished(own_store) == sorted(
        [s.file for s in store.stored(pack(TWO)).values()] + [store.RECEIPT]
    )


def test_two_processes_fetch_once(server: Server) -> None:
    code = f"from tertius.world import get\nprint(get('{TWO}')['flows'].rows)"
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert [p.communicate()[0].strip() for p in both] == ["25398"] * 2
    assert sorted(server.asked) == ["country_labels.csv", "gdp.csv", "trade_cepii.csv"]


def test_what_has_no_original_says_so(own_store: Path) -> None:
    with pytest.raises(CannotCompute, match="data add itpd-e") as error:
        get("itpd-e")
    assert error.value.code == "not-fetchable"
    with pytest.raises(CannotCompute, match="gdp-pop-wdi/wdi_population"):
        get("wdi", "population")


# --- releases ---

CODES = (
    "country_code,country_name,country_iso2,country_iso3\n"
    '4,Afghanistan,AF,AFG\n156,China,CN,CHN\n490,"Other Asia, nes",,S19\n516,Namibia,NA,NAM\n'
)


def written(path: Path, text: str) -> Path:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def test_baci_is_added_up_over_products(own_store: Path, tmp_path: Path) -> None:
    one = written(
        tmp_path / "BACI_HS17_Y2021_V202401.csv",
        "t,i,j,k,v,q\n2021,4,156,010121,1.5,     NA\n2021,4,156,270900,2.25,3\n"
        "2021,490,4,850110,7,1\n2021,156,516,1,3,1\n",
    )
    codes = written(tmp_path / "country_codes_V202401.csv", CODES)
    with pytest.raises(BadInput, match="country_codes"):
        add("baci", [one])
    with pytest.raises(BadInput, match="data add baci"):
        add("baci-2000-2020", [one, codes])
    add("baci", [one, codes])
    rows = table("baci")
    assert rows[["exporter", "importer", "value_kusd"]].to_numpy().tolist() == [
        ["AFG", "CHN", 3.75],
        ["CHN", "NAM", 3.0],
        ["TWN", "AFG", 7.0],
    ]
    # Another year, zipped as the producer has it, comes beside the first; the same year instead of it.
    with zipfile.ZipFile(tmp_path / "BACI.zip", "w") as archive:
        archive.writestr("country_codes_V202501.csv", CODES)
        archive.writestr("BACI_HS22_Y2022_V202501.csv", "t,i,j,k,v,q\n2022,4,156,010121,1,1\n")
        archive.writestr("BACI_HS22_Y2021_V202501.csv", "t,i,j,k,v,q\n2021,4,156,010121,9,1\n")
        archive.writestr("Readme.txt", "notes")
    add("baci", [tmp_path / "BACI.zip"])
    assert table("baci")["value_kusd"].tolist() == [9.0, 1.0]
    assert "baci-2022" in tertius.world.worlds()
    wrong = written(tmp_path / "BACI_wrong.csv", "t,i,j,k,v,q\n2022,4,999,010121,1,1\n")
    with pytest.raises(BadInput, match="999"):
        add("baci", [wrong, codes])
    broken = written(tmp_path / "BACI_broken.csv", "t,i,j,k,v,q\n2022,4,156,010121,much,1\n")
    with pytest.raises(BadInput, match="much") as error:
        add("baci", [broken, codes])
    assert error.value.code == "bad-file"
    assert table("baci")["value_kusd"].tolist() == [9.0, 1.0]
    assert not list((own_store / "baci").glob(".release*"))


WDI_ROWS = [["KAZ", "Kazakhstan", 2019, 1.5], ["KAZ", "Kazakhstan", 2020, 2.5], ["NAM", "Namibia", 2020, 3.0]]
WDI_CSV = (
    '"Data Source","World Development Indicators",\n\n"Last Updated Date","2025-03-24",\n\n'
    '"Country Name","Country Code","Indicator Name","Indicator Code","2019","2020","2021",\n'
    '"Kazakhstan","KAZ","GDP (current US$)","NY.GDP.MKTP.CD","1.5","2.5","",\n'
    '"Namibia","NAM","GDP (current US$)","NY.GDP.MKTP.CD","","3","",\n'
)


def wdi_json(pages: int = 1) -> str:
    rows = [
        {
            "indicator": {"id": "NY.GDP.MKTP.CD", "value": "GDP (current US$)"},
            "country": {"id": "XX", "value": name},
            "countryiso3code": iso3,
            "date": str(year),
            "value": value,
            "unit": "",
            "obs_status": "",
            "decimal": 0,
        }
        for iso3, name, year, value in [
            *WDI_ROWS,
            ["KAZ", "Kazakhstan", 2021, None],
            ["", "World", 2020, 9.0],
        ]
    ]
    return json.dumps([{"page": 1, "pages": pages, "per_page": 50, "total": 5}, rows])


def test_the_world_bank_in_each_of_its_forms(own_store: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "API_NY.GDP.MKTP.CD_DS2_en_csv_v2.zip", "w") as archive:
        archive.writestr(
            "Metadata_Country_API_NY.GDP.MKTP.CD_DS2_en_csv_v2.csv", '"Country Code","Region"\n"KAZ","x"\n'
        )
        archive.writestr("API_NY.GDP.MKTP.CD_DS2_en_csv_v2.csv", WDI_CSV)
    for file in (
        written(tmp_path / "a.csv", WDI_CSV),
        written(tmp_path / "b.json", wdi_json()),
        tmp_path / "API_NY.GDP.MKTP.CD_DS2_en_csv_v2.zip",
    ):
        there = add("wdi", [file])
        assert set(there) == {"gdp_current"}
        assert table("wdi").to_numpy().tolist() == WDI_ROWS
        store.remove(pack("wdi"))
    with pytest.raises(BadInput, match="page 1 of 7"):
        add("wdi", [written(tmp_path / "c.json", wdi_json(7))])


@pytest.mark.parametrize(
    ("name", "which", "text", "rows"),
    [
        (
            "cow-trade",
            "dyads",
            "ccode1,ccode2,year,importer1,importer2,flow1,flow2,smoothflow1,smoothflow2,source1\n"
            "2,365,1995,USA,Russia,4030.5,-9,4030.5,-9,x\n",
            [[2, 365, 1995, 4030.5, None, 4030.5, None]],
        ),
        (
            "cow-geography",
            "contiguity",
            "dyad,statelno,statelab,statehno,statehab,conttype,begin,end,notes,version\n2020,2,USA,20,CAN,1,192001,201612,x,3.2\n",
            [
                [2, 20, 1, pd.Timestamp(1920, 1, 1), pd.Timestamp(2016, 12, 1)],
                [20, 2, 1, pd.Timestamp(1920, 1, 1), pd.Timestamp(2016, 12, 1)],
            ],
        ),
        (
            "cow-geography",
            "capabilities",
            "stateabb,ccode,year,milex,milper,irst,pec,tpop,upop,cinc,version\nUSA,2,1816,3823,17,80,254,8659,-9,.039697491,2021\n",
            [[2, 1816, 3823, 17, 80, 254, 8659, None, 0.039697491]],
        ),
        (
            "alliances",
            "atop",
            "ddyad,atopally,defense,offense,neutral,nonagg,consul,stateA,stateB,year,bilatno\n"
            "705365,1,1,0,0,1,1,705,365,2018,2\n705002,0,0,0,0,0,0,705,2,2018,0\n",
            [[705, 365, 2018, 1, 0, 0, 1, 1]],
        ),
        (
            "alliances",
            "cow",
            "version4id,ccode1,state_name1,ccode2,state_name2,defense,neutrality,nonaggression,entente,year,version\n"
            "1,2,US,20,Canada,1,0,0,1,1950,4.1\n2,2,US,20,Canada,0,0,1,0,1950,4.1\n",
            [[2, 20, 1950, 1, 0, 1, 1]],
        ),
        (
            "un-ideal-points",
            "foreign_policy",
            '"ccode"\t"iso3c"\t"Countryname"\t"session"\t"NVotesFP"\t"IdealPointFP"\t"Q5%FP"\t"Q10%FP"\t"Q50%FP"\t"Q90%FP"\t"Q95%FP"\n'
            '705\t"KAZ"\t"Kazakhstan"\t75\t60\t-0.5\tNA\t-0.7\t-0.5\t-0.3\t-0.2\n',
            [[705, "KAZ", "Kazakhstan", 2020, 60, -0.5, None, -0.7, -0.5, -0.3, -0.2]],
        ),
        (
            "imf-fdi",
            "positions",
            '"COUNTRY.ID","COUNTRY","DV_TYPE.ID","DV_TYPE","INDICATOR.ID","INDICATOR","COUNTERPART_COUNTRY.ID",'
            '"COUNTERPART_COUNTRY","FREQUENCY.ID","FREQUENCY","TIME_PERIOD","OBS_VALUE","SCALE.ID","SCALE"\n'
            '"DEU","Germany","O","Reported official data","OTWD_D_NETAL_FALL_ALL","x, y","ROU","Romania","A","Annual",'
            '"2014","6921.584100000002","6","Millions"\n'
            '"DEU","Germany","O","Reported official data","OTWD_D_NETAL_FALL_ALL","x, y","ROU","Romania","A","Annual",'
            '"2022","","6","Millions"\n'
            '"USA","United States","O","Reported official data","OTWD_D_NETAL_FALL_ALL","x","GX451","G","A","Annual",'
            '"2015","38073","6","Millions"\n',
            [[2014, "outward", "DEU", "ROU", "O", 6921.584100000002]],
        ),
        (
            "itpd-e",
            "flows",
            "importer;exporter;year;value_usd2010;remark\nKAZ;KAZ;2016;100;home\nRUS;KAZ;2016;7;\n",
            [[2016, "KAZ", "KAZ", 100.0], [2016, "KAZ", "RUS", 7.0]],
        ),
    ],
)
def test_releases_of_producers(
    own_store: Path, tmp_path: Path, name: str, which: str, text: str, rows: list[list[object]]
) -> None:
    """A file as the producer heads it, its missing values missing; compressed, it reads the same."""
    for suffix in (".csv", ".csv.gz"):
        add(name, [written(tmp_path / f"release{suffix}", text)])
        found = table(name, which).astype(object)
        assert found.where(found.notna(), None).to_numpy().tolist() == rows
        assert store.stored(pack(name))[which].way == "add"


def test_sipris_register_is_added_up(
    own_store: Path, tmp_path: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines of the register itself; what they come to is in the mirror folder's table, too."""
    head = (
        "SIPRI AT Database ID,Supplier,Recipient,Designation,Description,Armament category,Order date,"
        "Order date is estimate,Numbers delivered,Numbers delivered is estimate,Delivery year,"
        "Delivery year is estimate,Status,SIPRI estimate,TIV deal unit,TIV delivery values,Local production\n"
    )
    lines = (
        "Transfers of major conventional arms from All countries  to All countries . Deals with deliveries\n"
        "A '?' in a column indicates uncertain data.\n\nSource: SIPRI Arms Transfers Database (c) SIPRI.\n" + head +
        "39726,Slovakia,Afghanistan,D-30 122mm,towed gun,Artillery,2006,No,24,No,2006,No,x,0.35,0.14,3.36,No\n"
        "39638,Czechia,Afghanistan,Mi-24V,combat helicopter,Aircraft,2007,No,3,No,2008,No,x,8.5,5.61,16.83,No\n"
        "39639,Czechia,Afghanistan,Mi-17,transport helicopter,Aircraft,2007,No,3,No,2007,No,x,7.25,4.79,14.36,No\n"
        "39639,Czechia,Afghanistan,Mi-17,transport helicopter,Aircraft,2007,No,3,No,2008,No,x,7.25,4.79,14.36,No\n"
    )  # fmt: skip
    add("sipri-arms", [written(tmp_path / "trade-register.csv", lines)])
    ours = table("sipri-arms")
    assert ours["supplier_iso3"].tolist() == ["SVK", "CZE", "CZE"]
    monkeypatch.setenv(MIRROR_VARIABLE, str(mirror))
    monkeypatch.setenv(store.STORE_VARIABLE, str(tmp_path / "other"))
    theirs = table(
        "sipri-arms",
        where="recipient = 'Afghanistan' and supplier in ('Slovakia', 'Czechia') and year in (2006, 2007, 2008)",
    )
    both = ours.merge(theirs, on=["year", "supplier", "recipient", "supplier_iso3", "recipient_iso3"])
    assert len(both) == len(ours)
    assert (both["tiv_musd_x"] - both["tiv_musd_y"]).abs().max() < 1e-9


def test_sipris_names_have_the_codes_of_the_mirrors_table(use_mirror: Path) -> None:
    from tertius.world import codes
    from tertius.world.readers.releases import sipri_code

    rows = table("sipri-arms", "deliveries").astype(object)
    rows = rows.where(rows.notna(), None)
    for name, code in {
        *zip(rows.supplier, rows.supplier_iso3, strict=True),
        *zip(rows.recipient, rows.recipient_iso3, strict=True),
    }:
        assert sipri_code(name) == code
    assert codes.match("Russia") == "RUS"


def test_what_is_no_release_of_the_pack(own_store: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no file"):
        add("fbic", [tmp_path / "nowhere.csv"])
    for text in ("", "a,b\n1,2\n", "\x00\x01\x02"):
        with pytest.raises(BadInput, match="columns of one of its own"):
            add("fbic", [written(tmp_path / "x.csv", text)])
    with pytest.raises(BadInput, match="two of the files"):
        add("wdi", [written(tmp_path / "a.csv", WDI_CSV), written(tmp_path / "b.csv", WDI_CSV)])
    one = written(tmp_path / "d.csv", "year,exporter,importer,value_usd2010\n2016,KAZ,RUS,7\n")
    other = written(tmp_path / "e.csv", "importer,exporter,year,value_usd2010\nCHN,KAZ,2016,8\n")
    assert add("itpd-e", [one, other])["flows"].rows == 2
    with pytest.raises(BadInput, match="year 2016, exporter KAZ, importer RUS"):
        add("itpd-e", [one, one])
    store.remove(pack("itpd-e"))
    with pytest.raises(BadInput, match="no row"):
        add("itpd-e", [written(tmp_path / "c.csv", "year,exporter,importer,value_usd2010\n")])
    assert unfinished(own_store) == []


# --- the command ---


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["data", *arguments])
    assert "Traceback" not in result.output
    return result.exit_code, result.stdout, result.stderr


def test_the_command_from_list_to_remove(server: Server, own_store: Path, tmp_path: Path) -> None:
    code, out, _ = run("list")
    assert code == 0
    assert all(name in out for name in tertius.world.PACKS)
    code, out, _ = run("list", "baci-2023")
    assert "GMB→KAZ" in out
    assert pack("baci-2023").sources[0].sha256 in out
    assert run("where") == (0, f"{own_store}\n", "")
    assert run("where", TWO)[0] == 1
    assert run("check", TWO)[0] == 1
    code, out, err = run("get", TWO, "un-ideal-points/all_votes")
    assert (code, err) == (0, "")
    assert "baci-2023/flows: 25,398 rows" in out
    assert "got" in next(line for line in run("list")[1].splitlines() if line.startswith(TWO))
    code, out, _ = run("where", TWO)
    assert all(Path(line).is_file() for line in out.splitlines())
    code, out, _ = run("check")
    assert code == 0
    assert "2 of 2 tables" in out
    Path(run("where", TWO)[1].splitlines()[0]).write_bytes(b"PAR1")
    code, out, err = run("check")
    assert code == 1
    assert "error[bad-store]" in err
    assert run("add", "wdi", str(written(tmp_path / "g.csv", WDI_CSV)))[1] == "wdi/gdp_current: 3 rows\n"
    assert "MB freed" in run("remove", TWO)[1]
    assert "was not in the store" in run("remove", TWO)[1]
    assert run("check", TWO)[0] == 1


def test_misuse_of_the_command(own_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOST_VARIABLE, "http://127.0.0.1:9")
    code, _, err = run("get", "sanctons")
    assert code == 2
    assert err.splitlines()[1] == "  Did you mean 'sanctions'?"
    assert run("get", "alliances/atap")[0] == 2
    assert run("add", "fbic")[0] == 2
    assert run("remove")[0] == 2
    code, _, err = run("get", "fbic")
    assert code == 1
    assert "error[broken-download]" in err
    assert "nothing was kept" in err.lower()


def test_interrupted_while_downloading(
    server: Server, own_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = fetch._stream

    def interrupted(url: str, to: str, shown: object, size: int) -> None:
        def ctrl_c(done: float) -> None:
            raise KeyboardInterrupt

        stream(url, to, ctrl_c, size)

    monkeypatch.setattr(fetch, "_stream", interrupted)
    code, _, _ = run("get", TWO)
    assert code == 130
    assert unfinished(own_store) == []
