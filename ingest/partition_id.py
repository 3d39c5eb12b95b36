"""Which partition of which topic of which cluster."""

from typing import NamedTuple


class PartitionId(NamedTuple):
    """One partition of a topic of one Kafka cluster.

    A new cluster counts its offsets from 0 again, and so does a topic that was deleted and made anew: it has another
    `topic_id` then (empty where the broker has none).
    """

    cluster: str
    topic: str
    partition: int
    topic_id: str = ""

    @property
    def app_id(self) -> str:
        """Name the partition in the Delta log.

        >>> PartitionId("c", "t", 0, "i").app_id
        'c/t/0/i'
        """
        name = f"{self.cluster}/{self.topic}/{self.partition}"
        return f"{name}/{self.topic_id}" if self.topic_id else name
