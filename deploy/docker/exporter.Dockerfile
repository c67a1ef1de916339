# Makes the models that Triton serves, once: from the official weights, or those that packages carry, on the CPU.
#   docker build -f deploy/docker/exporter.Dockerfile -t limner-exporter:0.1.0 .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS packages
COPY requirements/exporter.txt /tmp/
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install \
        --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r /tmp/exporter.txt
WORKDIR /opt/limner
COPY limner limner
COPY export export
# PyTorch, without CUDA. Its build for CPUs is on an index of its own, and under no hash of ours.
RUN PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1 /opt/venv/bin/python -m export.environment \
    && /opt/venv/bin/pip uninstall --yes pip setuptools \
    && /opt/venv/bin/python -c "import pathlib, sysconfig; \
        pathlib.Path(sysconfig.get_path('purelib'), 'limner.pth').write_text('/opt/limner\n')"

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="limner-exporter" \
      org.opencontainers.image.description="Exports the models of Limner for NVIDIA Triton" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 limner \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin limner \
    && install -d -o 10001 -g 10001 /opt/limner/.limner/models /opt/limner/.limner/weights
COPY --from=packages /opt/venv /opt/venv
COPY deploy/docker/limner /usr/local/bin/
WORKDIR /opt/limner
COPY LICENSE ./
COPY cli/__init__.py cli/main.py cli/export_command.py cli/tables.py cli/
COPY limner limner
COPY export export
COPY kernels kernels
RUN python3 -m compileall -q --invalidation-mode unchecked-hash .
ENV HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
STOPSIGNAL SIGTERM
# It runs once and ends: there is nothing to ask about its health but its exit code.
HEALTHCHECK NONE
ENTRYPOINT ["limner"]
CMD ["export"]
