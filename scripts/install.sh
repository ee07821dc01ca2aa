#!/bin/sh
# Everything that a checkout needs beside Python >= 3.11, Node >= 20 and make. Each step does nothing when it is done.
# Usage: scripts/install.sh uv | python | browser
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
    for project in contracts libs/* services/*; do
        if [ -f "$project/pyproject.toml" ]; then set -- "$@" --editable "$project"; fi
    done
    "$uv" pip install --quiet --no-deps "$@"
}

browser_is_there() {
    for candidate in chromium chromium-browser google-chrome google-chrome-stable; do
        if command -v "$candidate" >/dev/null; then return 0; fi
    done
    ls "${PLAYWRIGHT_BROWSERS_PATH:-$HOME/.cache/ms-playwright}" 2>/dev/null | grep -q '^chromium'
}

install_browser() {
    if browser_is_there; then return; fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "install: Chromium for the browser tests (apt-get install chromium)" >&2
        if apt-get install -y -qq --no-install-recommends chromium >/dev/null ||
            { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; }; then return; fi
    fi
    .venv/bin/playwright install chromium ||
        fail "the browser tests need Chromium: install it with your package manager (Debian: apt-get install chromium)."
}

case "${1:-}" in
    uv) uv_command ;;
    python) install_python ;;
    browser) install_browser ;;
    *) fail "usage: scripts/install.sh uv | python | browser" ;;
esac
