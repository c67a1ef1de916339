# Triton with the model repository, for CPUs (LIMNER_PROFILE=cpu, the default) and GPUs (gpu). docs/containers.md
#   docker build -f deploy/docker/triton.Dockerfile -t limner-triton:0.1.0 .
ARG TRITON_IMAGE=nvcr.io/nvidia/tritonserver:26.07-py3
# Must be the Python of Triton's image, which its Python stub is built for.
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS packages
COPY requirements/triton.txt /tmp/
RUN python3 -m pip install --target /opt/packages \
        --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r /tmp/triton.txt \
    && echo /opt/limner > /opt/packages/limner.pth

FROM ${TRITON_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="limner-triton" \
      org.opencontainers.image.description="Limner's models on NVIDIA Triton: restores low-quality face photos" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# The stub finds packages as the first python3 on PATH does, so Limner's are in an environment that comes first there:
# numpy must be 1.26, whatever the base image brings.
RUN groupadd --gid 10001 limner \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin limner \
    && python3 -m venv --without-pip /opt/venv \
    && install -d -o 10001 -g 10001 /opt/limner/.limner/models /opt/limner/.limner/run /opt/limner/.limner/tensorrt
COPY --from=packages /opt/packages /opt/venv/lib/python3.12/site-packages
COPY deploy/docker/limner /usr/local/bin/
WORKDIR /opt/limner
COPY LICENSE ./
COPY cli/__init__.py cli/main.py cli/embedded.py cli/triton_command.py cli/probe_command.py cli/
COPY gateway/__init__.py gateway/logs.py gateway/trace.py gateway/
COPY limner limner
COPY serving serving
COPY ensemble ensemble
COPY backends backends
COPY model_repository model_repository
# Fails here, rather than at the first photo, where the base image has another Python.
RUN /opt/venv/bin/python -c "import cv2, numpy, onnxruntime, openvino, tritonclient.grpc" \
    && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash .
ENV PATH=/opt/venv/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LIMNER_TRITON_HOME=/opt/tritonserver \
    LIMNER_TRITON_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8001 8002
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=12s --start-period=300s --retries=4 \
    CMD ["limner", "probe", "triton", "--alive"]
# NVIDIA's script finds the CUDA libraries that go with the driver, and becomes the command.
ENTRYPOINT ["/opt/nvidia/nvidia_entrypoint.sh", "limner"]
CMD ["triton"]
