"""A listener for clients with a password (SCRAM) over TLS: certificates of its own, made with openssl for each run."""

import shutil
import subprocess
from pathlib import Path

from tests.apache_kafka.cluster import ListenerSecurity
from tests.parts import require_part

MECHANISM = "SCRAM-SHA-512"
_LOGIN = 'org.apache.kafka.common.security.scram.ScramLoginModule required username="{user}" password="{password}";'


def scram_over_tls(folder: Path, *, user: str, password: str) -> ListenerSecurity:
    """Make certificates in the folder, and a listener for this user, whom the broker itself uses too."""
    authority = _make_certificates(folder)
    listener = f"listener.name.client.{MECHANISM.lower()}"
    return ListenerSecurity(
        protocol="SASL_SSL",
        properties={
            "sasl.enabled.mechanisms": MECHANISM,
            "sasl.mechanism.inter.broker.protocol": MECHANISM,
            f"{listener}.sasl.jaas.config": _LOGIN.format(user=user, password=password),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(folder / "broker.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(authority),
        },
        format_options=["--add-scram", f"{MECHANISM}=[name={user},password={password}]"],
        client_options={
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": MECHANISM,
            "sasl.username": user,
            "sasl.password": password,
            "ssl.ca.location": str(authority),
        },
    )


def _make_certificates(folder: Path) -> Path:
    """Make an authority and, signed by it, the broker's key and certificate; return the authority's certificate."""
    authority, key = folder / "authority.pem", folder / "authority-key.pem"
    _certificate("-keyout", key, "-out", authority, "-subj", "/CN=tests")
    signed = ("-CA", authority, "-CAkey", key, "-addext", "subjectAltName=IP:127.0.0.1")
    _certificate("-keyout", folder / "key.pem", "-out", folder / "certificate.pem", "-subj", "/CN=broker", *signed)
    both = ((folder / name).read_text() for name in ("key.pem", "certificate.pem"))
    (folder / "broker.pem").write_text("".join(both))
    return authority


def _certificate(*options: str | Path) -> None:
    openssl = require_part("OpenSSL", find=lambda: shutil.which("openssl"))
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2"]
    subprocess.run([openssl, *new, *options], check=True, capture_output=True)
