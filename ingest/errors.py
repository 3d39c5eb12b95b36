"""What can go wrong on the way from Kafka into the lake."""

from omninode.errors import OmninodeError


class Fenced(OmninodeError):
    """Another writer has committed further offsets of a partition; read on from there."""


class LakeFailure(OmninodeError):
    """The lake cannot be read or written."""


class KafkaFailure(OmninodeError):
    """Kafka cannot be reached, or refused what we asked for."""


class MissingExtra(OmninodeError):
    """A part that is an optional extra of the package is not installed."""


class TopicReplaced(OmninodeError):
    """Topics were deleted, and perhaps made anew, since they were read."""

    def __init__(self, topics: set[str]) -> None:
        super().__init__(f"topics deleted or made anew: {', '.join(sorted(topics))}")
        self.topics = topics


class TooManyDeadLetters(OmninodeError):
    """So many messages are refused that something is wrong with all of them."""
