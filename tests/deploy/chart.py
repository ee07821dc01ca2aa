"""deploy/helm/natter, rendered by Helm as `helm install` would send it."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "natter"
SCHEMAS = ROOT / ".tools" / "python" / "kubernetes_validate" / "kubernetes-json-schema"
SCALED_OBJECT = json.loads((Path(__file__).parent / "scaled_object.schema.json").read_text())
Document = dict[str, Any]


def find_helm() -> str | None:
    """The helm to use, if there is one that runs here."""
    for candidate in (str(ROOT / ".tools" / "helm"), shutil.which("helm")):
        if candidate and Path(candidate).exists():
            try:
                subprocess.run([candidate, "version"], capture_output=True, check=True, timeout=30)
            except (OSError, subprocess.SubprocessError):
                continue
            return candidate
    return None


def render(*arguments: str) -> list[Document]:
    """The documents of a release `natter` in the namespace `chat`, without those of the chart of NATS: that one is
    somebody else's, and is not at hand everywhere.
    """
    helm = find_helm()
    assert helm is not None
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(CHART, Path(folder) / "natter")
        about = yaml.safe_load((copy / "Chart.yaml").read_text())
        del about["dependencies"]
        (copy / "Chart.yaml").write_text(yaml.safe_dump(about))
        command = [helm, "template", "natter", str(copy), "--namespace", "chat", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def problems(document: Document, version: str) -> list[str]:
    """What a Kubernetes of this version would refuse: unknown fields, missing ones, wrong types."""
    if document["kind"] == "ScaledObject":
        validator = Draft202012Validator(SCALED_OBJECT)
    else:
        folder = SCHEMAS / f"v{version}.0-local-strict"
        group = document["apiVersion"].partition(".")[0].partition("/")[0]
        api = "-".join([group, document["apiVersion"].partition("/")[2]]) if "/" in document["apiVersion"] else group
        schema, definitions = (
            json.loads((folder / name).read_text())
            for name in (f"{document['kind'].lower()}-{api}.json", "_definitions.json")
        )
        registry: Registry[Any] = Resource.from_contents(definitions) @ Registry()
        validator = Draft202012Validator(schema, registry=registry)
    errors: Iterable[Any] = validator.iter_errors(document)  # pyright: ignore[reportUnknownMemberType]
    return [
        f"{document['kind']} {document['metadata']['name']}: {error.json_path}: {error.message}" for error in errors
    ]


def pods_of(documents: Iterable[Document]) -> dict[str, Document]:
    """The pod templates by the name of what makes the pods: `auth-edge`, `migrate-1`."""
    return {
        document["metadata"]["name"].removeprefix("natter-"): document["spec"]["template"]
        for document in documents
        if document["kind"] in ("Deployment", "Job")
    }


def of_kind(documents: Iterable[Document], kind: str) -> dict[str, Document]:
    return {d["metadata"]["name"].removeprefix("natter-"): d["spec"] for d in documents if d["kind"] == kind}


def environment_of(pod: Document) -> dict[str, Any]:
    """The variables of a pod's container: values, or the reference to a key of a Secret."""
    [container] = pod["spec"]["containers"]
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}
