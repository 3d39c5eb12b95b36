"""Apache Kafka 4 for tests: its jars from Maven, run by the machine's Java, in KRaft mode on loopback."""
