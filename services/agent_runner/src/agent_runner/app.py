"""Composition root: opens the bus, the models and the tools, then works until it is told to stop."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

from actor_kit.bus import Bus
from actor_kit.health import Health, health_server
from actor_kit.mailbox import Mailbox, at_work
from actor_kit.requests import RequestServer
from actor_kit.slots import Slots
from agents import set_tracing_disabled
from agents.run import set_default_agent_runner
from contracts.events import RunCancelRequested
from contracts.services import Service
from contracts.streams import WEBHOOKS_MAILBOX, runs_mailbox
from contracts.subjects import subject_filter
from file_store import open_file_store

from agent_runner.actor import AgentRunner
from agent_runner.admission import Admission
from agent_runner.assistants import LoadedAssistants, load_assistants
from agent_runner.connections import Desk
from agent_runner.crash_points import CrashPoints
from agent_runner.equipment import InnerRunner
from agent_runner.file_text import FileTexts
from agent_runner.frames import Frames
from agent_runner.metrics import SLOTS
from agent_runner.models import Models
from agent_runner.pictures import Pictures
from agent_runner.queue_watch import QueueWatch
from agent_runner.registration import Registration
from agent_runner.sealing import Seal
from agent_runner.settings import Settings
from agent_runner.store import Store
from agent_runner.webhooks import DELIVERIES_MAX, WebhookSender
from agent_runner.workshop import Workshop


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Work until ``stop`` is set. Raises RetryableError where NATS cannot be reached at the start."""
    set_tracing_disabled(True)
    set_default_agent_runner(InnerRunner())
    health = Health()
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(Bus.open(settings, service=Service.AGENT_RUNNER))
        models = Models(settings)
        stack.push_async_callback(models.close)
        assistants = load_assistants(settings, models)
        assistants.start()
        stack.push_async_callback(assistants.close)
        crash_points = CrashPoints(settings.test_crash_directory)
        frames, desk = Frames(lambda: health.loop_delay_seconds), desk_of(settings)
        files, texts = open_file_store(settings, bus), FileTexts()
        pictures = Pictures.of(files, settings.tool_image_bytes_max)
        workshop = Workshop(
            bus, Store(bus), models, assistants, settings, crash_points, frames, desk, files, texts, pictures
        )
        actor = AgentRunner(workshop)
        _add_checks(health, bus, assistants)
        SLOTS.set(settings.slots)
        await stack.enter_async_context(health_server(settings, health))
        await stack.enter_async_context(RequestServer(bus, actor, service=Service.AGENT_RUNNER))
        await stack.enter_async_context(Registration(Store(bus), lambda: assistants.cards(models), assistants.changed))
        await bus.subscribe(subject_filter(RunCancelRequested), actor.on_run_cancel_requested)
        slots, room = Slots(settings.slots), Admission(health, settings.memory_mib_max * 1_048_576)
        mailboxes = [
            Mailbox(
                bus,
                actor,
                spec=replace(runs_mailbox(assistant_id), ack_wait_seconds=settings.lease_seconds),
                slots=slots,
                drain_timeout_seconds=settings.drain_timeout_seconds / 2,
                room=room,
            )
            for assistant_id in assistants
        ]
        sender = await stack.enter_async_context(WebhookSender.open(bus, settings))
        mailboxes.append(Mailbox(bus, sender, spec=WEBHOOKS_MAILBOX, slots=DELIVERIES_MAX))
        await stack.enter_async_context(QueueWatch(bus, list(assistants)))
        await stack.enter_async_context(at_work(mailboxes))
        await stop.wait()
        health.is_stopping = True


def desk_of(settings: Settings) -> Desk:
    secrets = settings.connection_secret_list
    return Desk(
        Seal(secrets) if secrets else None,
        settings.public_url,
        settings.consent_seconds_max,
        refuses_private=settings.refuses_private_addresses,
    )


def _add_checks(health: Health, bus: Bus, assistants: LoadedAssistants) -> None:
    async def is_connected() -> bool:
        return bus.is_connected

    async def has_assistants() -> bool:
        return bool(assistants)

    async def has_own_servers_tools() -> bool:
        return assistants.has_own_servers_tools

    health.check("bus", is_connected)
    health.check("assistants", has_assistants)
    health.check("tools", has_own_servers_tools)
