"""What a service reads from its environment, `natter up` lets pass to it; what it does not read stays in the shell."""

from typing import Any

import pytest
from agent_runner.settings import Settings as RunnerSettings
from auth_edge.settings import Settings as EdgeSettings
from contracts.services import Service
from conversation_store.settings import Settings as StoreSettings
from natter.passing_on import EVERY_SERVICE, OWN, is_for
from natter.settings import PRIVATE
from natter_todo.settings import Settings as TodoSettings
from natter_todo.task_tools.settings import Settings as ToolsSettings
from stream_relay.settings import Settings as RelaySettings

GIVEN_BY_THE_STACK = {"HTTP_HOST", "HTTP_PORT", "HTTP_SHARES_PORT"}
READ: dict[Service, list[Any]] = {
    Service.AGENT_RUNNER: [RunnerSettings, TodoSettings],
    Service.AUTH_EDGE: [EdgeSettings],
    Service.CONVERSATION_STORE: [StoreSettings],
    Service.STREAM_RELAY: [RelaySettings],
    Service.TASK_TOOLS: [ToolsSettings],
}


def names_read(service: Service) -> set[str]:
    fields = (field for settings in READ[service] for field in settings.model_fields.items())
    return {str(field.validation_alias or name).upper() for name, field in fields}


@pytest.mark.parametrize("service", READ)
def test_every_setting_of_a_service_can_be_given_to_natter_up(service: Service) -> None:
    passed = (*EVERY_SERVICE, *OWN[service])
    unknown = {name for name in names_read(service) - GIVEN_BY_THE_STACK - {*PRIVATE} if not is_for(name, passed)}
    assert unknown == set()


@pytest.mark.parametrize("service", READ)
def test_no_service_gets_what_only_another_one_reads(service: Service) -> None:
    passed = (*EVERY_SERVICE, *OWN[service])
    others = {name for other in READ if other is not service for name in names_read(other)}
    assert {name for name in others - names_read(service) - {*PRIVATE} if is_for(name, passed)} == set()


def test_the_web_app_gets_the_variables_of_tracing_as_every_service_does() -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_EXPORTER_OTLP_HEADERS"):
        assert is_for(name, OWN["web"])
        assert is_for(name, EVERY_SERVICE)
