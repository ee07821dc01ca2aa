"""Everything that auth_edge reads from the environment."""

from typing import Annotated

from actor_kit.prices import Prices
from actor_kit.settings import HTTP_URL_SCHEMES, Origins, ProvingSettings, SigningSecret, split_names
from file_store import FileStoreSettings
from file_store.content import TYPES_DEFAULT
from identity import IdentitySettings
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints
from pydantic_settings import NoDecode, SettingsConfigDict


def _check_url(text: str) -> str:
    if text and not text.startswith(HTTP_URL_SCHEMES):
        raise ValueError("must be an http or https URL, or empty")
    return text.rstrip("/")


def _names(value: object) -> object:
    return frozenset(value.replace(",", " ").split()) if isinstance(value, str) else value


def _read_prices(given: object) -> object:
    return Prices.read(given) if isinstance(given, str) else given


ClaimName = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,100}$")]
Url = Annotated[str, AfterValidator(_check_url)]


class Settings(IdentitySettings, ProvingSettings, FileStoreSettings):
    """Beside these: NATS_*, LOG_*, METRICS_* (actor_kit); JWT_*, BETTER_AUTH_SECRET, CHAT_TOKEN_SECRET (identity)."""

    model_config = SettingsConfigDict(
        frozen=True, populate_by_name=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    http_host: str = Field("127.0.0.1", description="Address to listen on.")
    http_port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    http_shares_port: bool = Field(False, description="Others on this machine may listen there too (SO_REUSEPORT).")
    public_stream_url: Url = Field("", description="Where browsers reach stream_relay; empty: on the same origin.")
    public_api_url: Url = Field("", description="Where browsers reach this service; empty: on the same origin.")
    cors_origins: Origins = Field("", description="Other origins that may call, comma-separated; empty: none.")
    trusted_proxies: str = Field("", description="Addresses or networks whose X-Forwarded-* is believed; empty: none.")

    claims_passed: Annotated[tuple[ClaimName, ...], NoDecode, BeforeValidator(split_names)] = Field(
        ("name",),
        validation_alias="AUTH_EDGE_CLAIMS_PASSED",
        description="Claims of the token that assistants may see, separated by commas.",
    )

    transcription_base_url: Url = Field(
        "https://api.openai.com/v1",
        validation_alias="AUTH_EDGE_TRANSCRIPTION_BASE_URL",
        description="A server with OpenAI's transcription API.",
    )
    transcription_api_key: SecretStr | None = Field(
        None, validation_alias="AUTH_EDGE_TRANSCRIPTION_API_KEY", description="What that server is shown, if anything."
    )
    transcription_model: str = Field(
        "",
        validation_alias="AUTH_EDGE_TRANSCRIPTION_MODEL",
        description="The model that writes down what is said; empty: nobody can dictate.",
    )
    transcription_timeout_seconds: float = Field(
        20,
        gt=0,
        le=28,
        validation_alias="AUTH_EDGE_TRANSCRIPTION_TIMEOUT_SECONDS",
        description="Proxies wait 30 s for an answer.",
    )

    body_bytes_max: int = Field(1024 * 1024, ge=1024, description="A larger request body is refused with 413.")
    body_timeout_seconds: float = Field(10, gt=0, description="A body that takes longer to arrive is given up (408).")
    headers_timeout_seconds: float = Field(10, gt=0, description="A connection without whole headers is closed.")
    answer_timeout_seconds: float = Field(2.5, gt=0, le=2.9, description="When the store is slower: 503.")
    requests_concurrent_max: int = Field(512, ge=1, description="More requests at once are answered 503.")
    user_requests_concurrent_max: int = Field(
        4, ge=1, description="Requests of one user that this replica works on at once; more wait for their turn."
    )
    connections_max: int = Field(2000, ge=1, description="More connections at once are answered 503.")

    upload_bytes_max: int = Field(100 * 1024 * 1024, ge=1, description="A larger file is refused with 413.")
    upload_types: Annotated[frozenset[str], NoDecode, BeforeValidator(_names)] = Field(
        frozenset(TYPES_DEFAULT), description="Media types of files that are taken, by what is in them."
    )
    upload_seconds_max: float = Field(3_600.0, gt=0, description="An upload that takes longer is given up.")
    uploads_concurrent_max: int = Field(16, ge=1, description="Uploads that this replica takes in at once; more wait.")
    user_uploads_concurrent_max: int = Field(4, ge=1, description="The same, of one user.")
    picture_bytes_max: int = Field(20 * 1024 * 1024, ge=1, description="A larger picture is refused with 413.")
    picture_pixels_max: int = Field(
        50_000_000, ge=1, description="A picture with more, over all frames of an animation, is refused."
    )
    scanner_url: Url = Field("", description="Where each file is posted to be looked at for malware; empty: nowhere.")

    requests_per_minute_max: int = Field(1200, ge=1, description="Requests of one user, over all replicas.")
    turns_per_minute_max: int = Field(120, ge=1, description="New turns of one user, over all replicas.")
    concurrent_runs_max: int = Field(20, ge=1, description="Runs of one user that are queued or running.")
    shared_reads_per_minute_max: int = Field(120, ge=1, description="Reads of one link, of this replica.")
    shared_guesses_per_minute_max: int = Field(
        300,
        ge=1,
        description="Reads of links (uses of service tokens) that there are not, of this replica.",
    )
    service_turns_per_minute_max: int = Field(600, ge=1, description="Turns by one service token, of this replica.")
    exports_per_hour_max: int = Field(10, ge=1, description="Exports of everything of one user, over all replicas.")
    web_audit_secret: SigningSecret | None = Field(
        None, description="What the web app shows to note sign-ins and the like; without it nobody can."
    )
    operators_read_conversations: bool = Field(
        False, description="Operators may read what users said; each time is audited."
    )
    model_prices: Annotated[Prices, NoDecode, BeforeValidator(_read_prices)] = Field(
        Prices(), description="US dollars for a million tokens, JSON or a file of it; for what operators are shown."
    )
    chat_token_ttl_seconds: int = Field(600, ge=30, le=3600, description="Life of a chat-only token.")
