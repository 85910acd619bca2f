"""A real mail server (dovecot) on loopback, with a folder of its own, stopped when the test is done."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from imapclient import IMAPClient

USER, PASSWORD = "support", "correct horse"


class MailServer:
    def __init__(self, port: int, ca: Path, folder: Path) -> None:
        self.port, self.ca, self.folder = port, ca, folder

    def client(self) -> IMAPClient:
        """Log in as a person does who reads and writes."""
        found = IMAPClient("127.0.0.1", self.port, ssl=False)
        found.login(USER, PASSWORD)
        return found

    def deliver(self, *texts: str, folder: str = "INBOX") -> None:
        with self.client() as client:
            for text in texts:
                client.append(folder, text.encode())

    def flags(self, folder: str = "INBOX") -> list[tuple[bytes, ...]]:
        with self.client() as client:
            client.select_folder(folder, readonly=True)
            return [
                tuple(f for f in flags if f != b"\\Recent")
                for flags in client.get_flags(client.search()).values()
            ]


@contextmanager
def mail_server() -> Iterator[MailServer]:
    program = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin")
    if program is None or os.getuid() != 0:
        pytest.skip("a real mail server needs dovecot (apt install dovecot-imapd), started by root")
    # Not below pytest's own folder: dovecot's workers are another user, who may not enter it.
    folder = Path(tempfile.mkdtemp(prefix="mail-"))
    folder.chmod(0o755)
    port, secure = _free(), _free()
    _certificate(folder)
    (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    (folder / "conf").write_text(
        f"""
protocols = imap
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
mail_fsync = never
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%u
first_valid_uid = 0
mail_uid = nobody
mail_gid = nogroup
default_vsz_limit = 0
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {secure}
  }}
}}
service anvil {{
  chroot =
}}
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mail/%u
}}
"""
    )
    (folder / "mail").mkdir()
    shutil.chown(folder / "mail", "nobody", "nogroup")
    process = subprocess.Popen([program, "-F", "-c", str(folder / "conf")], stderr=subprocess.DEVNULL)
    try:
        _wait(port, process, folder)
        server = MailServer(port, folder / "cert.pem", folder)
        server.secure = secure  # type: ignore[attr-defined]
        yield server
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _certificate(folder: Path) -> None:
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(pem)


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=0.5) as sock:
                sock.settimeout(2)
                if b"OK" in sock.recv(64):
                    return
        except OSError:
            time.sleep(0.05)
    log = folder / "log"
    raise AssertionError("dovecot did not start: " + (log.read_text() if log.exists() else "no log"))
