# ruff: noqa: E501  (a table)
"""A judged set: nodes, questions, and which nodes whoever asks wants to see: 3 the very one, 2 good, 1 of some use.

The judgements say what a person wants who types the question, with the whole list of nodes at hand, and were written
before any ranking was looked at. A node that is not named is of no use.
"""

from collections.abc import Mapping
from typing import NamedTuple

from registry.search.document import NodeDocument


class Judged(NamedTuple):
    """What somebody types, and the use of each node to them."""

    query: str
    use: Mapping[str, int]


def _node(node_id: str, name: str, node_type: str, capabilities: Mapping[str, str], **metadata: str) -> NodeDocument:
    given = [{"name": name, "description": description} for name, description in capabilities.items()]
    return NodeDocument(node_id, name, node_type, "1.0.0", capabilities=given, metadata=metadata)


JUDGED_NODES = (
    _node("kc1", "KafkaEventConsumer", "effect", {"kafka_consumer": "Reads events from Kafka topics"}, author="streaming", domain="data"),
    _node("kp1", "KafkaEventProducer", "effect", {"kafka_producer": "Publishes events to Kafka topics"}, author="streaming", domain="data"),
    _node("kadm", "KafkaTopicAdmin", "effect", {"topic_admin": "Creates and deletes topics"}, author="streaming", domain="infra"),
    _node("dlq", "DeadLetterReplayer", "effect", {"dead_letter_replay": "Replays dead letters from a Kafka topic after a fix"}, author="streaming", domain="data"),
    _node("api1", "PublicApiGateway", "effect", {"http_api": "HTTP API endpoint for external requests", "rate_limiting": "Limits requests per client"}, author="edge", domain="api"),
    _node("api2", "InternalApiGateway", "effect", {"http_api": "HTTP API endpoint for internal services"}, author="edge", domain="api"),
    _node("gql", "GraphQLGateway", "effect", {"graphql_api": "GraphQL endpoint over all services"}, author="edge", domain="api"),
    _node("grpc", "GrpcBridge", "effect", {"grpc_server": "Serves gRPC and translates it to HTTP"}, author="edge", domain="api"),
    _node("wsock", "WebSocketHub", "effect", {"websocket": "Pushes live updates to browsers"}, author="edge", domain="api"),
    _node("auth", "OAuth2TokenIssuer", "effect", {"oauth2": "Issues and refreshes access tokens", "login": "Signs users in"}, author="identity", domain="api"),
    _node("jwt", "JwtValidator", "compute", {"token_validation": "Checks signature and expiry of JWT access tokens"}, author="identity", domain="api"),
    _node("sess", "SessionStore", "effect", {"session_cache": "Keeps user sessions in Redis"}, author="identity", domain="api"),
    _node("perm", "PermissionChecker", "compute", {"authorization": "Decides whether a user may do something"}, author="identity", domain="api"),
    _node("audit", "AuditLogWriter", "effect", {"audit_log": "Writes who did what and when"}, author="identity", domain="security"),
    _node("val1", "OrderValidator", "compute", {"data_validation": "Input data validation of orders"}, author="orders", domain="data"),
    _node("val2", "SchemaValidator", "compute", {"schema_validation": "Validates JSON against a schema"}, author="platform", domain="data"),
    _node("val3", "AddressValidator", "compute", {"address_validation": "Checks postal addresses"}, author="shipping", domain="data"),
    _node("ord", "OrderOrchestrator", "orchestrator", {"order_workflow": "Runs an order from payment to shipping"}, author="orders", domain="api"),
    _node("ordr", "OrderTotalsReducer", "reducer", {"aggregation": "Sums orders per day and customer"}, author="orders", domain="data"),
    _node("pay", "PaymentProcessor", "effect", {"payment": "Charges credit cards", "refund": "Gives money back"}, author="billing", domain="api"),
    _node("inv", "InvoiceGenerator", "compute", {"pdf_rendering": "Renders invoices as PDF"}, author="billing", domain="data"),
    _node("tax", "TaxCalculator", "compute", {"tax": "Computes value added tax of an order"}, author="billing", domain="data"),
    _node("fraud", "FraudDetector", "compute", {"fraud_detection": "Scores payments for fraud with a model"}, author="risk", domain="ml"),
    _node("anom", "MetricAnomalyDetector", "compute", {"anomaly_detection": "Finds unusual values in metrics"}, author="observability", domain="ml"),
    _node("ship", "ShippingLabelPrinter", "effect", {"label_printing": "Prints shipping labels"}, author="shipping", domain="api"),
    _node("track", "ParcelTracker", "effect", {"tracking": "Follows parcels of all carriers"}, author="shipping", domain="api"),
    _node("geo", "GeocodingService", "compute", {"geocoding": "Turns addresses into coordinates"}, author="maps", domain="data"),
    _node("route", "RoutePlanner", "compute", {"routing": "Finds the shortest route between coordinates"}, author="maps", domain="data"),
    _node("s3u", "S3Uploader", "effect", {"s3_upload": "Uploads files to S3 buckets"}, author="storage", domain="infra"),
    _node("s3d", "S3Downloader", "effect", {"s3_download": "Downloads files from S3 buckets"}, author="storage", domain="infra"),
    _node("bak", "DatabaseBackup", "effect", {"backup": "Backs up databases to S3 every night"}, author="storage", domain="infra"),
    _node("pgw", "PostgresWriter", "effect", {"postgres_write": "Writes rows into Postgres"}, author="storage", domain="data"),
    _node("pgr", "PostgresReader", "effect", {"postgres_read": "Reads rows from Postgres"}, author="storage", domain="data"),
    _node("cdc", "ChangeDataCapture", "effect", {"change_data_capture": "Streams changes of Postgres tables to Kafka"}, author="storage", domain="data"),
    _node("redis", "RedisCache", "effect", {"cache": "Caches values in Redis"}, author="storage", domain="infra"),
    _node("lake", "DeltaLakeWriter", "effect", {"delta_write": "Appends Parquet files to a Delta table"}, author="storage", domain="data"),
    _node("csv", "CsvParser", "compute", {"csv_parsing": "Parses CSV files with a header"}, author="platform", domain="data"),
    _node("xml", "XmlToJsonConverter", "compute", {"xml_conversion": "Converts XML to JSON"}, author="platform", domain="data"),
    _node("pdf", "PdfTextExtractor", "compute", {"text_extraction": "Extracts text from PDF files"}, author="docs", domain="ml"),
    _node("ocr", "OcrReader", "compute", {"ocr": "Reads text in scanned images"}, author="docs", domain="ml"),
    _node("img", "ImageResizer", "compute", {"image_resize": "Makes thumbnails of images"}, author="media", domain="data"),
    _node("vid", "VideoTranscoder", "compute", {"transcoding": "Converts video into web formats"}, author="media", domain="data"),
    _node("sum", "TextSummarizer", "compute", {"summarization": "Summarizes long texts with a language model"}, author="nlp", domain="ml"),
    _node("trans", "TextTranslator", "compute", {"translation": "Translates text between languages"}, author="nlp", domain="ml"),
    _node("sent", "SentimentClassifier", "compute", {"sentiment": "Tells whether a text is friendly"}, author="nlp", domain="ml"),
    _node("emb", "EmbeddingGenerator", "compute", {"embedding": "Makes vectors of texts for similarity search"}, author="nlp", domain="ml"),
    _node("vec", "VectorIndex", "effect", {"vector_search": "Finds the nearest vectors"}, author="nlp", domain="ml"),
    _node("feat", "FeatureStore", "effect", {"feature_store": "Serves features to models"}, author="ml-platform", domain="ml"),
    _node("train", "ModelTrainer", "orchestrator", {"model_training": "Trains models on a schedule"}, author="ml-platform", domain="ml"),
    _node("serve", "ModelServer", "effect", {"model_serving": "Answers predictions over HTTP"}, author="ml-platform", domain="ml"),
    _node("mail", "EmailSender", "effect", {"email": "Sends mail over SMTP"}, author="notify", domain="api"),
    _node("sms", "SmsSender", "effect", {"sms": "Sends text messages to phones"}, author="notify", domain="api"),
    _node("push", "PushNotifier", "effect", {"push_notification": "Sends push notifications to mobile apps"}, author="notify", domain="api"),
    _node("slack", "SlackNotifier", "effect", {"slack": "Posts alerts to Slack channels"}, author="observability", domain="infra"),
    _node("prom", "PrometheusExporter", "effect", {"metrics_export": "Exports metrics for Prometheus to scrape"}, author="observability", domain="infra"),
    _node("logs", "LogAggregator", "reducer", {"log_aggregation": "Collects logs of all services"}, author="observability", domain="infra"),
    _node("trace", "TraceCollector", "effect", {"tracing": "Collects distributed traces"}, author="observability", domain="infra"),
    _node("health", "HealthCheckProbe", "effect", {"health_check": "Asks services whether they are alive"}, author="observability", domain="infra"),
    _node("cron", "JobScheduler", "orchestrator", {"scheduling": "Starts jobs at set times"}, author="platform", domain="infra"),
    _node("retry", "RetryOrchestrator", "orchestrator", {"retry": "Runs failed workflows again with backoff"}, author="platform", domain="infra"),
    _node("flag", "FeatureFlagService", "effect", {"feature_flags": "Turns features on and off"}, author="platform", domain="api"),
    _node("crawl", "WebCrawler", "effect", {"crawling": "Fetches web pages and follows links"}, author="search", domain="data"),
    _node("fts", "FullTextSearch", "effect", {"full_text_search": "Searches documents by words"}, author="search", domain="data"),
    _node("dedup", "DuplicateFinder", "reducer", {"deduplication": "Finds duplicate records"}, author="data-quality", domain="data"),
    _node("pii", "PersonalDataMasker", "compute", {"anonymization": "Masks names, mails and phone numbers"}, author="data-quality", domain="security"),
    _node("enc", "FieldEncryptor", "compute", {"encryption": "Encrypts fields with AES"}, author="security", domain="security"),
)  # fmt: skip

JUDGED = (
    # The very name, whole, in parts, as it is spelled or not.
    Judged("KafkaEventConsumer", {"kc1": 3}),
    Judged("kafkaeventconsumer", {"kc1": 3}),
    Judged("JwtValidator", {"jwt": 3}),
    Judged("order validator", {"val1": 3}),
    Judged("websocket hub", {"wsock": 3}),
    Judged("web socket", {"wsock": 3}),
    Judged("graphql", {"gql": 3}),
    Judged("GraphQL gateway", {"gql": 3}),
    Judged("oauth2", {"auth": 3}),
    Judged("OAuth2TokenIssuer", {"auth": 3}),
    Judged("s3", {"s3u": 3, "s3d": 3, "bak": 1}),
    Judged("s3 upload", {"s3u": 3}),
    Judged("S3Downloader", {"s3d": 3}),
    Judged("full text search", {"fts": 3}),
    Judged("fulltextsearch", {"fts": 3}),
    Judged("deadletter", {"dlq": 3}),
    # A capability by its name.
    Judged("kafka_consumer", {"kc1": 3}),
    Judged("http_api", {"api1": 3, "api2": 3}),
    Judged("http api", {"api1": 3, "api2": 3}),
    Judged("data_validation", {"val1": 3}),
    Judged("feature flags", {"flag": 3}),
    Judged("feature_store", {"feat": 3}),
    Judged("model training", {"train": 3}),
    Judged("model serving", {"serve": 3}),
    Judged("vector search", {"vec": 3, "emb": 1}),
    Judged("fraud detection", {"fraud": 3}),
    Judged("anomaly detection", {"anom": 3}),
    Judged("health check", {"health": 3}),
    Judged("rate limiting", {"api1": 3}),
    Judged("change data capture", {"cdc": 3}),
    Judged("push notification", {"push": 3}),
    # Common words.
    Judged("kafka", {"kc1": 3, "kp1": 3, "kadm": 3, "dlq": 1, "cdc": 1}),
    Judged("gateway", {"api1": 3, "api2": 3, "gql": 3}),
    Judged("api", {"api1": 3, "api2": 3, "gql": 2}),
    Judged("order", {"ord": 3, "val1": 3, "ordr": 3, "tax": 1}),
    Judged("validator", {"val1": 3, "val2": 3, "val3": 3, "jwt": 3}),
    Judged("postgres", {"pgw": 3, "pgr": 3, "cdc": 1}),
    Judged("redis", {"redis": 3, "sess": 1}),
    Judged("text", {"sum": 3, "trans": 3, "pdf": 3, "fts": 3, "ocr": 1, "sent": 1, "emb": 1, "sms": 1}),
    Judged("model", {"train": 3, "serve": 3, "feat": 2, "fraud": 1, "sum": 1}),
    Judged("orchestrator", {"ord": 3, "retry": 3, "train": 2, "cron": 2}),
    Judged("email", {"mail": 3}),
    # Several words, from what it does.
    Judged("api endpoint", {"api1": 3, "api2": 3, "gql": 2}),
    Judged("kafka topics", {"kc1": 2, "kp1": 2, "kadm": 3, "dlq": 1}),
    Judged("access tokens", {"auth": 3, "jwt": 3}),
    Judged("shipping labels", {"ship": 3}),
    Judged("invoices pdf", {"inv": 3}),
    Judged("text from pdf", {"pdf": 3}),
    Judged("alerts slack", {"slack": 3}),
    Judged("collects logs", {"logs": 3}),
    Judged("storage postgres", {"pgw": 3, "pgr": 3, "cdc": 2}),
    Judged("observability detector", {"anom": 3}),
    Judged("ml compute fraud", {"fraud": 3}),
    Judged("identity tokens", {"auth": 3, "jwt": 3}),
    # The beginning of a word.
    Judged("valid", {"val1": 3, "val2": 3, "val3": 3, "jwt": 3}),
    Judged("transl", {"trans": 3, "grpc": 1}),
    Judged("promet", {"prom": 3}),
    Judged("kafka prod", {"kp1": 3}),
    Judged("summar", {"sum": 3}),
    Judged("dedup", {"dedup": 3}),
    Judged("encrypt", {"enc": 3}),
    # A typo.
    Judged("kafak", {"kc1": 3, "kp1": 3, "kadm": 3, "dlq": 1, "cdc": 1}),
    Judged("kafka consmer", {"kc1": 3}),
    Judged("postgers", {"pgw": 3, "pgr": 3, "cdc": 1}),
    Judged("validtor", {"val1": 3, "val2": 3, "val3": 3, "jwt": 3}),
    Judged("sentimant", {"sent": 3}),
    Judged("grahpql", {"gql": 3}),
    Judged("embeding", {"emb": 3}),
    Judged("promethues", {"prom": 3}),
    Judged("shedule", {"cron": 2, "train": 2}),
    # Rare words.
    Judged("aes", {"enc": 3}),
    Judged("smtp", {"mail": 3}),
    Judged("thumbnails", {"img": 3}),
    Judged("parquet", {"lake": 3}),
    Judged("backoff", {"retry": 3}),
    Judged("carriers", {"track": 3}),
    # What is said otherwise than it is written there.
    Judged("validation orders", {"val1": 3}),
    Judged("refunds", {"pay": 3}),
    Judged("credit card", {"pay": 3}),
    Judged("duplicates", {"dedup": 3}),
)

__all__ = ["JUDGED", "JUDGED_NODES", "Judged"]
