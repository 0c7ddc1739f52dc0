"""Create the certificates of a sandbox with TLS: a good one, and those that a client must not accept.

All but the self-signed one are signed by the sandbox's own certificate authority, whose private key is never
stored. A client has to trust its certificate, `ca.pem`.
"""

import contextlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_FILE = "ca.pem"
_DAY = timedelta(days=1)
_LIFE = 365 * _DAY
_OWN_NAMES = (
    x509.DNSName("localhost"),
    x509.IPAddress(ip_address("127.0.0.1")),
    x509.IPAddress(ip_address("::1")),
)


class ClosingSocket(ssl.SSLSocket):
    """Closes itself if ``wrap_socket`` fails after it was made: CPython 3.11 leaves it open then."""

    def __del__(self) -> None:
        self.close()


def folder_for(data: Path) -> Path:
    """The folder for the certificates of the sandbox with this data file."""
    return data.with_name(data.name + ".tls")


def contexts(folder: Path) -> dict[str, ssl.SSLContext]:
    """A TLS context for each certificate: `good`, `wrong_host`, `expired`, `self_signed`.

    Existing files are used until they expire, so that a client may keep its copy of `ca.pem`.
    Raises OSError if the folder cannot be written.
    """
    if not _usable(folder):
        _make(folder)
    found = {}
    for name in _KINDS:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sslsocket_class = ClosingSocket
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(folder / f"{name}.pem")
        found[name] = context
    return found


@dataclass(frozen=True, slots=True)
class _Kind:
    names: tuple[x509.GeneralName, ...] = _OWN_NAMES
    ends_in: timedelta = _LIFE
    signed: bool = True


_KINDS = {
    "good": _Kind(),
    "wrong_host": _Kind(names=(x509.DNSName("elsewhere.example"),)),
    "expired": _Kind(ends_in=-_DAY),
    "self_signed": _Kind(signed=False),
}


def _usable(folder: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        authority = x509.load_pem_x509_certificate((folder / CA_FILE).read_bytes())
        whole = all((folder / f"{name}.pem").is_file() for name in _KINDS)
        return whole and authority.not_valid_after_utc > datetime.now(UTC) + _DAY
    return False


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / CA_FILE).unlink(missing_ok=True)  # written last: its existence means that all others exist
    (folder / ".gitignore").write_text("*\n", encoding="ascii")  # private keys, wherever the data file is
    now = datetime.now(UTC)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = _name("Sandbox authority")
    authority = (
        _builder(authority_name, authority_name, authority_key, now - _DAY, now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(is_authority=True), critical=True)
        .sign(authority_key, SHA256())
    )
    for label, kind in _KINDS.items():
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"Sandbox, {label}")
        issuer, issuer_key = (authority_name, authority_key) if kind.signed else (name, key)
        certificate = (
            _builder(name, issuer, key, now - 30 * _DAY, now + kind.ends_in)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(is_authority=False), critical=True)
            .add_extension(x509.SubjectAlternativeName(kind.names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
            )
            .sign(issuer_key, SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file = folder / f"{label}.pem"
        file.touch(mode=0o600)
        file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    (folder / CA_FILE).write_bytes(authority.public_bytes(Encoding.PEM))


def _builder(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begins: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
