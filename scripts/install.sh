#!/bin/sh
# Everything that a checkout needs beside Python >= 3.11, Node >= 20 and make. Each step does nothing when it is done.
# Usage: scripts/install.sh uv | python | wheels [DIRECTORY] | test-tools | helm | litellm
set -eu
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never

fail() { printf '%s\n' "install: $*" >&2; exit 1; }

python_command() {
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"; return
        fi
    done
    fail "Python 3.11 or newer is needed and none is on the PATH."
}

# Prints the uv to use: the one on the PATH if it is new enough, else a private one in .uv/.
uv_command() {
    if uv help 2>/dev/null >&2 && uv pip compile --help 2>/dev/null | grep -q -- --group; then
        command -v uv; return
    fi
    if [ ! -x .uv/bin/uv ]; then
        echo "install: uv is missing; putting one into .uv/" >&2
        python=$(python_command)
        rm -rf .uv
        if ! "$python" -m venv .uv >&2; then
            rm -rf .uv
            if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
                apt-get install -y -qq python3-venv >&2 && "$python" -m venv .uv >&2
            else
                fail "$python cannot make a virtual environment (on Debian: apt-get install python3-venv)."
            fi
        fi
        .uv/bin/python -m pip install --quiet --disable-pip-version-check uv >&2
    fi
    echo "$PWD/.uv/bin/uv"
}

install_python() {
    uv=$(uv_command)
    if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        "$uv" venv --quiet --clear --python "$(python_command)" .venv
    fi
    VIRTUAL_ENV="$PWD/.venv"; export VIRTUAL_ENV
    "$uv" pip install --quiet --require-hashes --requirement requirements.lock
    set --
    for project in contracts libs/* services/* assistants/*; do
        if [ -f "$project/pyproject.toml" ]; then set -- "$@" --editable "$project"; fi
    done
    "$uv" pip install --quiet --no-deps "$@"
    # Where Python may not write bytecode (PYTHONDONTWRITEBYTECODE), each start would compile all of it anew. Not uv's
    # --compile-bytecode: that does nothing for what is installed already. Our own sources: `make install`.
    .venv/bin/python -m compileall -q -j 0 .venv/lib
}

# make_wheels DIRECTORY: our packages, but what only this checkout's tests use.
make_wheels() {
    uv=$(uv_command)
    for project in contracts libs/* services/* assistants/*; do
        if [ -f "$project/pyproject.toml" ] && [ "$project" != libs/natter_testing ]; then
            "$uv" build --quiet --wheel --out-dir "$1" "$project"
        fi
    done
}

browser_is_there() {
    for candidate in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable; do
        if command -v "$candidate" >/dev/null; then return 0; fi
    done
    ls "${PLAYWRIGHT_BROWSERS_PATH:-$HOME/.cache/ms-playwright}" 2>/dev/null | grep -q '^chromium'
}

# apt_install PACKAGE: with root's rights on Debian and its kin; says whether that worked.
apt_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    echo "install: $1 for the tests (apt-get install $1)" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1 ||
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1" >/dev/null; }
}

install_test_tools() {
    browser_is_there || apt_install chromium-headless-shell || apt_install chromium || .venv/bin/playwright install chromium ||
        fail "the browser tests need Chromium: install it with your package manager (Debian: apt-get install chromium)."
    # Neon is Postgres behind PgBouncer. It is no wheel: without it the four tests that need it are left out, by name.
    PATH="$PATH:/usr/sbin" command -v pgbouncer >/dev/null || apt_install pgbouncer ||
        echo "install: PgBouncer is missing; tests/integration/store/test_pgbouncer.py is left out (Debian: apt-get install pgbouncer)" >&2
    install_moto || echo "install: moto is missing; the tests of S3 are left out" >&2
    install_promtool ||
        echo "install: promtool is missing; the test of the alerts is left out (Debian: apt-get install prometheus)" >&2
}

# Prometheus' own judge of rules, out of Debian's package: to install that would start a server.
install_promtool() {
    [ -x .venv/bin/promtool ] || command -v promtool >/dev/null && return
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    echo "install: promtool for the tests" >&2
    folder=$(mktemp -d)
    chmod 755 "$folder"
    bin=$PWD/.venv/bin
    (cd "$folder" && { apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }; } &&
        dpkg-deb -x prometheus_*.deb . && cp usr/bin/promtool "$bin/promtool") >/dev/null 2>&1
    found=$?
    rm -rf "$folder"
    return $found
}

# A model server for one test: half a gigabyte with versions of its own, so in an environment of its own, and installed
# from outside of the workspace, whose versions would bind it. To resolve litellm.txt anew, likewise outside:
# uv pip compile litellm.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
#     --no-annotate --output-file litellm.txt
# litellm_extra.txt is what agent-runner[litellm] adds to requirements.lock: `openai-agents[litellm]` resolved with that as
# constraint, without the packages that are in it. It stands beside ours in a folder of its own.
install_litellm() {
    tool=$PWD/tests/integration/runner/model_servers
    install_litellm_extra
    [ "$tool/.venv/.installed" -nt "$tool/litellm.txt" ] && return
    echo "install: LiteLLM for the tests" >&2
    uv=$(uv_command)
    "$uv" venv --quiet --clear --python "$(python_command)" "$tool/.venv" &&
        (cd / && VIRTUAL_ENV="$tool/.venv" "$uv" pip install --quiet --compile-bytecode --require-hashes \
            --requirement "$tool/litellm.txt") &&
        touch "$tool/.venv/.installed"
}

install_litellm_extra() {
    [ "$tool/.extra/.installed" -nt "$tool/litellm_extra.txt" ] && return
    echo "install: the extra agent-runner[litellm] for the tests" >&2
    uv=$(uv_command)
    python=$PWD/.venv/bin/python
    (cd / && "$uv" pip install --quiet --python "$python" --target "$tool/.extra" --no-deps --require-hashes \
        --requirement "$tool/litellm_extra.txt") &&
        touch "$tool/.extra/.installed"
}

# A server that speaks S3, for one file of tests: with versions of its own, so in an environment of its own, as LiteLLM.
install_moto() {
    tool=$PWD/tests/s3_server
    [ "$tool/.venv/.installed" -nt "$tool/moto.txt" ] && return
    echo "install: moto, a server of S3, for the tests" >&2
    uv=$(uv_command)
    "$uv" venv --quiet --clear --python "$(python_command)" "$tool/.venv" &&
        (cd / && VIRTUAL_ENV="$tool/.venv" "$uv" pip install --quiet --compile-bytecode --require-hashes \
            --requirement "$tool/moto.txt") &&
        touch "$tool/.venv/.installed"
}

# Helm and Kubernetes' schemas, for the tests of deploy/helm, into .tools/: a zip inside a package inside a wheel.
install_helm() {
    [ .tools/.installed -nt tests/deploy/tools.txt ] && return
    echo "install: Helm and Kubernetes' schemas for the tests" >&2
    rm -rf .tools
    "$(uv_command)" pip install --quiet --python .venv/bin/python --target .tools/python --no-deps --require-hashes \
        --requirement tests/deploy/tools.txt &&
        .venv/bin/python -c '
import io, pathlib, tarfile, zipfile
[package] = pathlib.Path(".tools/python").glob("aws_cdk/*/_jsii/*.tgz")
with tarfile.open(package) as files:
    layer = files.extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as files:
    pathlib.Path(".tools/helm").write_bytes(files.read("helm/helm"))' &&
        chmod 755 .tools/helm && rm -rf .tools/python/aws_cdk* && touch .tools/.installed
}

case "${1:-}" in
    uv) uv_command ;;
    python) install_python ;;
    wheels) make_wheels "${2:-dist}" ;;
    test-tools) install_test_tools ;;
    helm) install_helm || echo "install: Helm could not be installed; tests/deploy is left out" >&2 ;;
    litellm) install_litellm || echo "install: LiteLLM could not be installed; the test that needs it is left out" >&2 ;;
    *) fail "usage: scripts/install.sh uv | python | wheels [DIRECTORY] | test-tools | helm | litellm" ;;
esac
