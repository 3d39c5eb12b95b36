"""How large what a node says about itself may be."""

MAX_ID = 255
MAX_NAME = 255
MAX_TYPE = 50
MAX_VERSION = 50
MAX_DESCRIPTION = 2_000
MAX_URL = 2_000
MAX_CAPABILITIES = 200
MAX_ENDPOINTS = 100
#: Of the metadata as JSON, in bytes.
MAX_METADATA_BYTES = 65_536
MAX_METADATA_DEPTH = 20
MIN_TTL_SECONDS = 1
MAX_TTL_SECONDS = 86_400
DEFAULT_TTL_SECONDS = 90
#: So many rows can be asked for, or passed over; no registry has as many.
MAX_ROWS = 1_000_000_000
