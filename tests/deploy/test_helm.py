"""The chart, rendered: what Kubernetes would accept, and what our own code, images and drawing say as well."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from actor_kit.health import Health
from actor_kit.settings import StreamSettings
from agent_runner.settings import Settings as RunnerSettings
from auth_edge.settings import Settings as EdgeSettings
from contracts.services import Service
from contracts.streams import runs_mailbox
from conversation_store.settings import Settings as StoreSettings
from natter_todo.settings import Settings as TodoSettings
from natter_todo.task_tools.settings import Settings as ToolsSettings
from stream_relay.settings import Settings as RelaySettings

from tests.deploy.chart import CHART, ROOT, Document, environment_of, of_kind, pods_of, problems, render

FULL = ("--values", str(Path(__file__).parent / "full.yaml"))
VERSIONS = ("1.30", "1.37")
"""The oldest Kubernetes that Chart.yaml allows, and the newest whose schemas are at hand."""
SETTINGS: dict[str, list[Any]] = {
    "auth_edge": [EdgeSettings],
    "stream_relay": [RelaySettings],
    "conversation_store": [StoreSettings],
    "agent_runner": [RunnerSettings, TodoSettings],
    "task_tools": [ToolsSettings],
    "migrate": [StoreSettings, StreamSettings],
}
OF_TRACING = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"}
"""The SDK's own variables (actor_kit/tracing.py)."""
OF_FILES = ("FILE_STORE_", "NATS_FILES_", "SCANNER_", "MODEL_PRICES", "OPERATORS_")
DRAWN = {
    *(("web", "auth_edge", 8000), ("web", "stream_relay", 8001), ("auth_edge", "web", 3000)),
    *(("stream_relay", "web", 3000), ("agent_runner", "task_tools", 8010)),
    *((name, "nats", 4222) for name in SETTINGS),
    *((name, "postgres", 5432) for name in ("web", "conversation_store", "migrate")),
    *(("agent_runner", "outside", 443), ("nats", "nats", 6222)),
}
"""Who speaks to whom: ARCHITECTURE.md's drawing, and the services that read the web app's public keys."""
ENTERED = {
    *(("namespace ingress-nginx", "web", 3000), ("namespace keda", "nats", 8222)),
    *(("namespace monitoring", name, 9090) for name in SETTINGS if name != "migrate"),
}


@pytest.fixture(scope="module", params=["defaults", "full"])
def documents(request: pytest.FixtureRequest) -> list[Document]:
    return render(*(FULL if request.param == "full" else ()))


@pytest.fixture(scope="module")
def defaults() -> list[Document]:
    return render()


def component(pod: Document) -> str:
    return pod["metadata"]["labels"]["app.kubernetes.io/component"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_document_is_what_kubernetes_takes(documents: list[Document], version: str) -> None:
    assert len(documents) > 20
    assert [problem for document in documents for problem in problems(document, version)] == []
    names = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert len(names) == len(set(names))


def test_a_mistake_in_a_document_is_found(defaults: list[Document]) -> None:
    for document in defaults:
        if document["kind"] in ("Deployment", "ScaledObject", "NetworkPolicy"):
            assert problems({**document, "spec": {**document["spec"], "replicaz": 1}}, VERSIONS[0])


def test_every_variable_is_one_that_its_service_reads(documents: list[Document]) -> None:
    of_the_web = set(re.findall(r'"([A-Z][A-Z_]+)"', (ROOT / "web" / "server" / "settings.ts").read_text()))
    for pod in pods_of(documents).values():
        name = component(pod)
        fields = [field for settings in SETTINGS.get(name, []) for field in settings.model_fields.items()]
        read = {str(field.validation_alias or name).upper() for name, field in fields}
        read |= OF_TRACING
        known = of_the_web | OF_TRACING | {"HOSTNAME", "PORT"} if name == "web" else read
        assert set(environment_of(pod)) - known == set(), name


def test_what_a_service_cannot_do_without_is_there(documents: list[Document]) -> None:
    proving = {"auth_edge", "stream_relay", "conversation_store"}
    for pod in pods_of(documents).values():
        name, environment = component(pod), environment_of(pod)
        required = {
            str(field.validation_alias or variable).upper()
            for settings in SETTINGS.get(name, [])
            for variable, field in settings.model_fields.items()
            if field.is_required() and name != "migrate"
        }
        if name in proving:
            required.add("PRINCIPAL_SECRET")
        if name == "web":
            required = {"DATABASE_URL", "BETTER_AUTH_SECRET"}
        assert required <= set(environment), name
        if name != "web":
            assert environment["NATS_USER"] in [*Service], name


def test_whoever_has_to_do_with_files_is_told_where_they_lie_and_may_go_there() -> None:
    documents = render(*FULL)
    told: dict[str, set[str]] = {}
    for pod in pods_of(documents).values():
        named = {name for name in environment_of(pod) if name.startswith(OF_FILES)}
        told[component(pod)] = told.get(component(pod), set()) | named
    store = {f"FILE_STORE_{name}" for name in ("URL", "PUBLIC_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY")}
    assert {name: named for name, named in told.items() if named} == {
        "auth_edge": store | {"SCANNER_URL", "MODEL_PRICES", "OPERATORS_READ_CONVERSATIONS"},
        "conversation_store": store | {"MODEL_PRICES"},
        "agent_runner": store,
        "web": {"FILE_STORE_PUBLIC_URL"},
        "migrate": {"NATS_FILES_BYTES_MAX"},
    }
    [migrate] = [pod for pod in pods_of(documents).values() if component(pod) == "migrate"]
    assert environment_of(migrate)["NATS_FILES_BYTES_MAX"] == str(8 * 1024**3)
    opened = {
        name
        for name, policy in of_kind(documents, "NetworkPolicy").items()
        for rule in policy.get("egress", ())
        if {"port": 9000} in rule["ports"]
    }
    assert opened == {"auth-edge", "conversation-store", "agent-runner"}


def test_secrets_are_referred_to_and_each_is_in_the_readme(documents: list[Document]) -> None:
    assert not [document for document in documents if document["kind"] == "Secret"]
    named = set(re.findall(r"(?m)^\| `([A-Z_]+)` \|", (CHART / "README.md").read_text()))
    keys: set[str] = set()
    for pod in pods_of(documents).values():
        for variable, value in environment_of(pod).items():
            if isinstance(value, dict):
                keys.add(value["secretKeyRef"]["key"])
            else:
                assert not re.search("PASSWORD|SECRET|_KEY|DATABASE_URL", variable), variable
    assert keys == named


def test_probes_ask_for_what_is_served(documents: list[Document]) -> None:
    served = {route.path for route in Health().routes()}
    for pod in pods_of(documents).values():
        [container] = pod["spec"]["containers"]
        if component(pod) == "migrate":
            continue
        environment = environment_of(pod)
        port = environment["PORT" if component(pod) == "web" else "METRICS_PORT"]
        for probe, path in (("startup", "/healthz"), ("readiness", "/readyz"), ("liveness", "/healthz")):
            asked = container[f"{probe}Probe"]["httpGet"]
            assert (asked["path"], str(asked["port"])) == (path, port)
            assert path in served
            assert (ROOT / "web" / "app" / path.strip("/") / "route.ts").exists()


def test_a_pod_has_the_time_that_its_service_takes_to_stop(documents: list[Document]) -> None:
    for pod in pods_of(documents).values():
        [container] = pod["spec"]["containers"]
        drain = float(environment_of(pod).get("DRAIN_TIMEOUT_SECONDS", 0))
        sleep = container.get("lifecycle", {"preStop": {"sleep": {"seconds": 0}}})["preStop"]["sleep"]["seconds"]
        assert pod["spec"].get("terminationGracePeriodSeconds", 30) >= drain + sleep + 5


def test_every_container_is_confined_and_its_image_is_one_that_is_built(documents: list[Document]) -> None:
    baked = re.search(r"service = \[(.*?)\]", (ROOT / "docker-bake.hcl").read_text())
    assert baked is not None
    images = set(re.findall(r'"(\w+)"', baked[1])) | {"support"}
    users = {"web": 1000}
    for pod in pods_of(documents).values():
        [container] = pod["spec"]["containers"]
        assert container["image"].rpartition("/")[2].partition(":")[0] in images
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"]
        assert not security["allowPrivilegeEscalation"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["runAsUser"] == users.get(component(pod), 10001)
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        assert not pod["spec"]["automountServiceAccountToken"]
        assert "memory" in container["resources"]["limits"]


def test_each_assistant_has_runners_and_a_scaler_that_counts_its_own_queue(defaults: list[Document]) -> None:
    scaled = of_kind(defaults, "ScaledObject")
    assert set(scaled) == {"agent-runner-todo"}
    [trigger] = scaled["agent-runner-todo"]["triggers"]
    mailbox = runs_mailbox("todo")
    assert (trigger["metadata"]["stream"], trigger["metadata"]["consumer"]) == (mailbox.stream, mailbox.name)
    assert trigger["metadata"]["natsServerMonitoringEndpoint"].startswith("natter-nats-headless.chat.svc")
    full = render(*FULL, "--set", "keda.enabled=true")
    assert set(of_kind(full, "ScaledObject")) == {"agent-runner-todo", "agent-runner-support-desk"}
    runners = pods_of(full)
    told = environment_of(runners["agent-runner-support-desk"])
    assert told["AGENT_RUNNER_SERVES"] == "support_desk"
    assert told["AGENT_RUNNER_RUN_SECONDS_MAX"] == "300"
    assert environment_of(runners["conversation-store"])["CONVERSATION_STORE_ASSISTANTS"] == "todo,support_desk"


def test_scalers_and_budgets_and_services_find_the_pods_that_they_are_for(documents: list[Document]) -> None:
    deployments = of_kind(documents, "Deployment")
    for scaler in of_kind(documents, "HorizontalPodAutoscaler").values():
        target = scaler["scaleTargetRef"]["name"].removeprefix("natter-")
        assert "replicas" not in deployments[target]
        [container] = deployments[target]["template"]["spec"]["containers"]
        assert "cpu" in container["resources"]["requests"]
    assert set(of_kind(documents, "HorizontalPodAutoscaler")) == {"auth-edge", "stream-relay"}
    assert set(of_kind(documents, "PodDisruptionBudget")) == set(deployments)
    for kind in ("PodDisruptionBudget", "Service"):
        for name, spec in of_kind(documents, kind).items():
            wanted = spec["selector"].get("matchLabels", spec["selector"])
            labels = deployments[name]["template"]["metadata"]["labels"]
            assert wanted.items() <= labels.items(), name
    for spec in deployments.values():
        assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()


def test_addresses_that_services_are_told_are_those_of_services(documents: list[Document]) -> None:
    served = {
        f"natter-{name}:{port['port']}"
        for name, spec in of_kind(documents, "Service").items()
        for port in spec["ports"]
    }
    for pod in pods_of(documents).values():
        for value in environment_of(pod).values():
            for address in re.findall(r"https?://(natter-[a-z-]+:\d+)", str(value)):
                assert address in served


def test_everything_enters_by_the_web_app(documents: list[Document]) -> None:
    [ingress] = of_kind(documents, "Ingress").values()
    [rule] = ingress["rules"]
    [path] = rule["http"]["paths"]
    assert (path["path"], path["backend"]["service"]["name"]) == ("/", "natter-web")
    assert rule["host"] in {"natter.example.org", "chat.example.org"}


def ends_of(peers: list[Document] | None) -> list[str]:
    """Who is meant by the `from` or `to` of a rule; no peers: anybody, which is somebody else's server."""
    if peers is None:
        return ["anywhere"]
    ends: list[str] = []
    for peer in peers:
        labels = peer.get("podSelector", {}).get("matchLabels", {})
        space = peer.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name")
        if "ipBlock" in peer:
            ends.append("outside")
        elif space:
            ends.append(f"namespace {space}")
        else:
            ends.append(labels.get("app.kubernetes.io/component") or labels["app.kubernetes.io/name"])
    return ends


def allowed(documents: list[Document], direction: str) -> set[tuple[str, str, int]]:
    """(from, to, port) of what the policies allow in one direction, without the lookups of names."""
    found: set[tuple[str, str, int]] = set()
    for name, spec in of_kind(documents, "NetworkPolicy").items():
        labels = spec["podSelector"]["matchLabels"]
        subject = labels.get("app.kubernetes.io/component") or labels["app.kubernetes.io/name"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        for rule in spec.get(direction, []) if name != "nobody" else []:
            for port in (entry["port"] for entry in rule["ports"]):
                for end in ends_of(rule.get("from" if direction == "ingress" else "to")):
                    found.add((end, subject, port) if direction == "ingress" else (subject, end, port))
    return {edge for edge in found if edge[2] != 53}


def test_policies_allow_exactly_what_is_drawn(defaults: list[Document]) -> None:
    anywhere = {(one, "anywhere" if to == "postgres" else to, port) for one, to, port in DRAWN}
    assert allowed(defaults, "egress") == anywhere
    inside = {edge for edge in DRAWN if edge[1] not in ("postgres", "outside")}
    assert allowed(defaults, "ingress") == inside | ENTERED
    nobody = of_kind(defaults, "NetworkPolicy")["nobody"]
    assert "ingress" not in nobody
    assert "egress" not in nobody
    for pod in pods_of(defaults).values():
        assert nobody["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


def test_traces_leave_for_a_collector_where_one_is_named(defaults: list[Document]) -> None:
    full = render(*FULL)
    traced = {name for name, pod in pods_of(full).items() if "OTEL_EXPORTER_OTLP_ENDPOINT" in environment_of(pod)}
    assert traced == set(pods_of(full)) - {"migrate-1"}
    more = {edge for edge in allowed(full, "egress") if edge[2] == 4318}
    assert more == {(name, "namespace monitoring", 4318) for name in ("web", *SETTINGS) if name != "migrate"}
    assert not [pod for pod in pods_of(defaults).values() if OF_TRACING & set(environment_of(pod))]


def test_the_chart_of_nats_is_named_and_its_values_are_those_of_our_secret_and_users(defaults: list[Document]) -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    [nats] = about["dependencies"]
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert nats["condition"] == "nats.enabled"
    given = values["nats"]["container"]["env"]
    users = {f"NATS_PASSWORD_{service.upper()}" for service in Service}
    assert set(given) == users
    for name, value in given.items():
        assert value["valueFrom"]["secretKeyRef"] == {"name": values["secret"], "key": name}
    [config] = [document for document in defaults if document["kind"] == "ConfigMap"]
    assert config["data"]["nats-users.conf"] == (CHART / "files" / "nats-users.conf").read_text()
    mounted = values["nats"]["podTemplate"]["patch"][0]["value"]["configMap"]["name"]
    assert mounted == config["metadata"]["name"]
