"""Certificates for servers that speak TLS, made with openssl for each run."""

import shutil
import subprocess
from pathlib import Path

from tests.parts import require_part


def make_certificates(folder: Path) -> Path:
    """Make an authority and, signed by it, the server's key and certificate; return the authority's certificate.

    The key is in key.pem, the certificate in certificate.pem, both in server.pem. It names 127.0.0.1.
    """
    authority, key = folder / "authority.pem", folder / "authority-key.pem"
    _certificate("-keyout", key, "-out", authority, "-subj", "/CN=tests")
    signed = ("-CA", authority, "-CAkey", key, "-addext", "subjectAltName=IP:127.0.0.1")
    _certificate("-keyout", folder / "key.pem", "-out", folder / "certificate.pem", "-subj", "/CN=server", *signed)
    both = ((folder / name).read_text() for name in ("key.pem", "certificate.pem"))
    (folder / "server.pem").write_text("".join(both))
    return authority


def _certificate(*options: str | Path) -> None:
    openssl = require_part("OpenSSL", find=lambda: shutil.which("openssl"))
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2"]
    subprocess.run([openssl, *new, *options], check=True, capture_output=True)
