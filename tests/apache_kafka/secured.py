"""A listener for clients with a password (SCRAM) over TLS."""

from pathlib import Path

from tests.apache_kafka.cluster import ListenerSecurity
from tests.certificates import make_certificates

MECHANISM = "SCRAM-SHA-512"
_LOGIN = 'org.apache.kafka.common.security.scram.ScramLoginModule required username="{user}" password="{password}";'


def scram_over_tls(folder: Path, *, user: str, password: str) -> ListenerSecurity:
    """Make certificates in the folder, and a listener for this user, whom the broker itself uses too."""
    authority = make_certificates(folder)
    listener = f"listener.name.client.{MECHANISM.lower()}"
    return ListenerSecurity(
        protocol="SASL_SSL",
        properties={
            "sasl.enabled.mechanisms": MECHANISM,
            "sasl.mechanism.inter.broker.protocol": MECHANISM,
            f"{listener}.sasl.jaas.config": _LOGIN.format(user=user, password=password),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(folder / "server.pem"),
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
