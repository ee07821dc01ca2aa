"""docker-compose.cluster.yml: each of three NATS servers is killed in turn while people talk."""

import time
from collections.abc import Iterator

import pytest

from tests.containers.compose import Containers, built_and_up
from tests.containers.people import busy, crowd

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(1500)]

PEOPLE = 4
AWAY_SECONDS = 8


@pytest.fixture(scope="module")
def cluster() -> Iterator[Containers]:
    with built_and_up("docker-compose.cluster.yml") as stack:
        yield stack


def test_each_server_of_the_cluster_may_be_lost(cluster: Containers) -> None:
    with crowd(PEOPLE, cluster.url) as people:
        with busy(people, "while a server is away"):
            for server in ("nats", "nats_2", "nats_3"):
                time.sleep(1)
                cluster.kill(server)
                time.sleep(AWAY_SECONDS)
                cluster.compose("up", "--wait", "--no-recreate", server)
                cluster.wait_until_healthy()
        refused = sum(person.check() for person in people)
        assert [person.lost for person in people] == [[]] * PEOPLE
        turns, waited = sum(len(person.titles) for person in people), sum(person.waited for person in people)
        assert refused < turns / 2
        print(f"cluster: {turns} turns, {waited} times told to wait, {refused} todos told as not added")  # noqa: T201
