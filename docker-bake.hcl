# The images for several platforms, to be pushed to a registry of your own (needs a buildx builder for them):
#   REGISTRY=registry.example/natter TAG=1.0.0 docker buildx bake --file docker-bake.hcl --push
# `docker compose build` makes the same images, for this machine alone.

variable "REGISTRY" { default = "natter" }
variable "TAG" { default = "latest" }
# The base images; `make digests` writes them by digest into .env (`set -a; . ./.env; docker buildx bake …`).
variable "PYTHON_IMAGE" { default = "python:3.11-slim" }
variable "NODE_IMAGE" { default = "node:24-slim" }
variable "PLATFORMS" { default = "linux/amd64,linux/arm64" }

group "default" {
  targets = ["image"]
}

target "image" {
  matrix    = { service = ["auth_edge", "stream_relay", "conversation_store", "agent_runner", "web"] }
  name      = service
  target    = service
  args      = { PYTHON_IMAGE = PYTHON_IMAGE, NODE_IMAGE = NODE_IMAGE }
  tags      = ["${REGISTRY}/${service}:${TAG}"]
  platforms = split(",", PLATFORMS)
  attest    = ["type=provenance,mode=max", "type=sbom"]
}
