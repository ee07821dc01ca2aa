#!/bin/sh
# Pins the base images by digest: looks up what their tags are now, and writes NAME=image:tag@sha256:… into .env, where
# docker-compose.yml and docker-bake.hcl find them. Needs Docker with buildx, and a registry that can be reached.
# Usage: scripts/image_digests.sh [FILE]   (default .env)
set -eu; umask 077
cd "$(dirname "$0")/.."
file=${1:-.env}
touch "$file"
# Each variable with the tag that it has by default.
{
    sed -n 's/^ *image: ${\([A-Z]*_IMAGE\):-\([^}]*\)}.*/\1 \2/p' docker-compose.yml
    sed -n 's/^ARG \([A-Z]*_IMAGE\)=\(.*\)/\1 \2/p' Dockerfile
} | while read -r name image; do
    digest=$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}')
    case $digest in
        sha256:*) ;;
        *) echo "digests: $image: no digest in \"$digest\"" >&2; exit 1 ;;
    esac
    grep -v "^$name=" "$file" >"$file.new" || true
    echo "$name=$image@$digest" | tee -a "$file.new"
    cat "$file.new" >"$file"; rm "$file.new"
done
