# One small image per service, each with only its own dependencies, none running as root.
#   docker build --target auth_edge -t natter/auth_edge .
# Versions come from requirements.lock; uv checks every download against its hashes.
# PYTHON_IMAGE and NODE_IMAGE: by digest, where they are pinned (`make digests`).
ARG PYTHON_IMAGE=python:3.11-slim
ARG NODE_IMAGE=node:24-slim

FROM ${PYTHON_IMAGE} AS build
RUN pip install --no-cache-dir uv==0.13.8
ENV UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1 UV_NO_SOURCES=1 UV_CONSTRAINT=requirements.lock VIRTUAL_ENV=/venv
RUN uv venv /venv
WORKDIR /build
COPY requirements.lock ./
COPY contracts contracts
COPY libs/actor_kit libs/actor_kit

FROM build AS build-auth_edge
COPY libs/chatkit_protocol libs/chatkit_protocol
COPY libs/file_store libs/file_store
COPY libs/identity libs/identity
COPY services/auth_edge services/auth_edge
RUN uv pip install ./contracts "./libs/actor_kit[otlp]" ./libs/chatkit_protocol ./libs/file_store ./libs/identity ./services/auth_edge

FROM build AS build-stream_relay
COPY libs/identity libs/identity
COPY services/stream_relay services/stream_relay
RUN uv pip install ./contracts "./libs/actor_kit[otlp]" ./libs/identity ./services/stream_relay

FROM build AS build-conversation_store
COPY libs/chatkit_protocol libs/chatkit_protocol
COPY libs/file_store libs/file_store
COPY services/conversation_store services/conversation_store
RUN uv pip install ./contracts "./libs/actor_kit[otlp]" ./libs/chatkit_protocol ./libs/file_store ./services/conversation_store

FROM build AS build-agent_runner
COPY libs/chatkit_protocol libs/chatkit_protocol
COPY libs/identity libs/identity
COPY libs/file_store libs/file_store
COPY libs/natter_assistant libs/natter_assistant
COPY services/agent_runner services/agent_runner
COPY assistants assistants
RUN uv pip install ./contracts "./libs/actor_kit[otlp]" ./libs/chatkit_protocol ./libs/file_store ./libs/identity ./libs/natter_assistant ./services/agent_runner ./assistants/support ./assistants/todo

FROM ${PYTHON_IMAGE} AS runtime
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin natter
# The official image has no bytecode of the standard library, and user natter may not write any.
RUN python -m compileall -q -j 0 -x '/(tests?|lib2to3|idlelib)/' "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 METRICS_HOST=0.0.0.0 METRICS_PORT=9090 HTTP_HOST=0.0.0.0
USER 10001
WORKDIR /tmp
# In bash, which Debian's images have: a Python process for each check would cost more than an idle service does. Even so
# a check costs 17 ms of a core, which is most of what an idle container uses; hence not more often.
HEALTHCHECK --interval=5s --timeout=3s --start-period=120s --retries=5 CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/$METRICS_PORT; printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3; read -r _ status _ <&3; [ \"$status\" = 200 ]"]

FROM runtime AS auth_edge
COPY --from=build-auth_edge /venv /venv
EXPOSE 8000 9090
CMD ["python", "-m", "auth_edge"]

FROM runtime AS stream_relay
COPY --from=build-stream_relay /venv /venv
EXPOSE 8001 9090
CMD ["python", "-m", "stream_relay"]

# Also runs the migrations: python -m conversation_store migrate
FROM runtime AS conversation_store
COPY --from=build-conversation_store /venv /venv
EXPOSE 9090
CMD ["python", "-m", "conversation_store"]

# Also runs the task tools: python -m natter_todo.task_tools --http
FROM runtime AS agent_runner
COPY --from=build-agent_runner /venv /venv
EXPOSE 8010 9090
CMD ["python", "-m", "agent_runner"]

FROM ${NODE_IMAGE} AS build-web
WORKDIR /build/web
COPY web ./
RUN npm install --no-save --no-audit --no-fund && npm run build:standalone

FROM ${NODE_IMAGE} AS web
# NEXT_MANUAL_SIG_HANDLE: web/server/stopping.ts stops it, so that nobody's request is reset.
ENV NODE_ENV=production HOSTNAME=0.0.0.0 PORT=3000 NEXT_MANUAL_SIG_HANDLE=1
WORKDIR /app
COPY --from=build-web /build/web/.next/standalone ./
USER node
EXPOSE 3000
HEALTHCHECK --interval=5s --timeout=3s --start-period=120s --retries=5 CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/$PORT; printf 'GET /readyz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3; read -r _ status _ <&3; [ \"$status\" = 200 ]"]
CMD ["node", "server.js"]
