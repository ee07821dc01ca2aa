"""Everything that stream_relay reads from the environment."""

from actor_kit.settings import Origins, ProvingSettings
from identity import IdentitySettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict


class Settings(IdentitySettings, ProvingSettings):
    """Its own variables; those of actor_kit (NATS_*, LOG_*, METRICS_*) and identity (JWT_*, …_SECRET) beside them."""

    model_config = SettingsConfigDict(
        frozen=True, populate_by_name=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    http_host: str = Field("127.0.0.1", description="Address to listen on.")
    http_port: int = Field(8001, ge=0, le=65535, description="Port to listen on.")
    http_shares_port: bool = Field(False, description="Others on this machine may listen there too (SO_REUSEPORT).")

    cors_origins: Origins = Field(
        "", description="Other origins whose pages may open streams, comma-separated; empty: none."
    )

    connections_max: int = Field(21_000, ge=1, description="More connections at once are answered 503.")
    relay_heartbeat_seconds: float = Field(10, gt=0, description="A silent stream gets a comment this often.")
    relay_age_seconds_max: float = Field(600, gt=0, description="A connection is ended at this age, ±10 %.")
    relay_retry_milliseconds_max: int = Field(2000, ge=0, description="`retry:` is a random number up to this.")
    relay_streams_per_user_max: int = Field(20, ge=1, description="Open streams of one user here; beyond: 429.")
    relay_viewers_max: int = Field(20_000, ge=1, description="Open streams in this process; beyond: 503.")
    relay_queue_frames_max: int = Field(512, ge=1, description="Frames that wait for one viewer before it catches up.")
    relay_queue_bytes_max: int = Field(1024 * 1024, ge=1024, description="The same, in bytes.")
    relay_send_timeout_seconds: float = Field(30, gt=0, description="A viewer that takes no byte so long is closed.")
    relay_audit_seconds: float = Field(30, gt=0, description="A quiet subject is compared with DELTAS this often.")
    relay_store_timeout_seconds: float = Field(2.5, gt=0, le=2.9, description="When the store is slower: 503.")
