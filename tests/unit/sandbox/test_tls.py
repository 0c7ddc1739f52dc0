"""The sandbox over HTTPS, with a valid certificate and with invalid ones."""

import re
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.data.seed import SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.server import certificates
from tests.support.sandbox_caller import Caller
from tests.unit.sandbox.conftest import Start

ORDER = f"/v2.1/orders/{SAMPLE_ORDER}"
REASONS = {
    "wrong_host": "IP address mismatch",
    "expired": "certificate has expired",
    "self_signed": "self-signed certificate",
}
ROOT = Path(__file__).parents[3]


def test_good_certificate_is_accepted_by_clients_that_trust_the_authority(start: Start) -> None:
    server = start("good")

    by_number = Caller(server.base_url, ca_file=server.ca_file)
    by_name = Caller(server.base_url.replace("127.0.0.1", "localhost"), ca_file=server.ca_file)

    assert by_number.get(ORDER).json["href"] == f"{server.base_url}{ORDER}"
    assert by_name.get(ORDER).json["href"].startswith("https://localhost:")
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        Caller(server.base_url).get(ORDER)
    assert by_number.create(SAMPLE_ORDER).status == 200


@pytest.mark.parametrize("kind", REASONS)
def test_bad_certificate_is_bad_in_one_way_only(start: Start, kind: str) -> None:
    server = start(kind)

    with pytest.raises(ssl.SSLCertVerificationError, match=REASONS[kind]):
        Caller(server.base_url, ca_file=server.ca_file).get(ORDER)

    assert server.sandbox.requests() == []


@pytest.mark.parametrize("kind", REASONS)
def test_bad_certificate_can_be_presented_for_the_next_connections(start: Start, kind: str) -> None:
    server = start("good")
    server.sandbox.faults.arm(Armed(kind))
    caller = Caller(server.base_url, ca_file=server.ca_file)

    with pytest.raises(ssl.SSLCertVerificationError, match=REASONS[kind]):
        caller.get(ORDER)

    assert caller.get(ORDER).status == 200


def test_certificate_faults_need_tls(start: Start) -> None:
    server = start("")
    with pytest.raises(ValueError, match="expired"):
        server.sandbox.faults.arm(Armed("expired"))
    with pytest.raises(RuntimeError, match="no TLS"):
        _ = server.ca_file


def test_plain_http_client_gets_no_answer_and_the_next_client_does(start: Start) -> None:
    server = start("good")

    with pytest.raises(ConnectionError):
        Caller(server.base_url.replace("https", "http")).get(ORDER)

    assert Caller(server.base_url, ca_file=server.ca_file).get(ORDER).status == 200


def test_certificates_are_private_and_outside_git(tmp_path: Path) -> None:
    folder = tmp_path / "s.sqlite3.tls"
    certificates.contexts(folder)
    files = {file.name: file for file in folder.iterdir()}

    assert certificates.folder_for(tmp_path / "s.sqlite3") == folder
    assert files.keys() == {"ca.pem", ".gitignore", "good.pem", *(f"{kind}.pem" for kind in REASONS)}
    assert files[".gitignore"].read_text() == "*\n"
    assert b"PRIVATE KEY" not in files["ca.pem"].read_bytes()
    private = [file for file in files.values() if b"PRIVATE KEY" in file.read_bytes()]
    assert len(private) == 4
    assert all(file.stat().st_mode & 0o077 == 0 for file in (folder, *private))


def test_certificates_are_reused_until_one_is_missing(tmp_path: Path) -> None:
    certificates.contexts(tmp_path)
    authority = (tmp_path / "ca.pem").read_bytes()

    certificates.contexts(tmp_path)
    assert (tmp_path / "ca.pem").read_bytes() == authority
    (tmp_path / "expired.pem").unlink()
    certificates.contexts(tmp_path)
    assert (tmp_path / "ca.pem").read_bytes() != authority


def test_command_serves_over_tls_and_names_the_file_to_trust(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox", "--tls", "good", "--port", "0"]
    command += ["--data", str(tmp_path / "sandbox.sqlite3")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address = re.search(r"https://127\.0\.0\.1:\d+", process.stdout.readline())
            file = process.stdout.readline().strip().rpartition(" ")[2]
            assert address
            assert Caller(address[0], ca_file=Path(file)).get(ORDER).status == 200
        finally:
            process.kill()
