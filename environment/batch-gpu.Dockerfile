# Dockerfile with the arguments of batch-gpu; made by `make lock`.
# The serving images. For Azure's builds, which pass no arguments, `make lock` writes this file again
# with other defaults: gpu.Dockerfile, batch.Dockerfile, batch-gpu.Dockerfile. Nothing in it needs
# BuildKit, and no stage is only there for another image, because a classic builder builds them all.
#
#     docker build --tag nsfw-image-detector-cpu environment

# Microsoft's mirror of Docker's official image, without Docker Hub's limit on pulls. Any image based
# on Debian or Ubuntu with Python 3.11 and its venv module will do.
ARG BASE_IMAGE=mcr.microsoft.com/mirror/docker/library/python:3.11-slim

FROM ${BASE_IMAGE} AS build
ARG REQUIREMENTS=batch-gpu.lock
COPY ${REQUIREMENTS} /tmp/requirements.txt
# pip stays behind in an environment of its own.
RUN python3 -m venv /tmp/pip \
 && python3 -m venv --without-pip /opt/venv \
 && /tmp/pip/bin/pip --python /opt/venv/bin/python install --disable-pip-version-check \
        --no-cache-dir --only-binary :all: --require-hashes -r /tmp/requirements.txt
# Leave out the libraries' own tests and, of OpenVINO, all but the CPU and its own file format.
RUN cd /opt/venv/lib/python3*/site-packages \
 && find numpy pandas -type d -name tests -prune -exec rm -rf {} + \
 && if [ -d openvino ]; then \
        rm -rf openvino/include openvino/libs/cache.json \
     && find openvino/libs -name 'libopenvino_*' ! -name '*_intel_cpu_plugin*' \
            ! -name '*_ir_frontend*' -delete; \
    fi

FROM ${BASE_IMAGE}
# torch.compile calls a C compiler when a GPU deployment starts.
ARG PACKAGES="gcc libc6-dev"
RUN if [ -n "${PACKAGES}" ]; then \
        apt-get update && apt-get install --yes --no-install-recommends ${PACKAGES} \
     && rm -rf /var/lib/apt/lists/*; \
    fi \
 && useradd --uid 10001 --create-home --shell /usr/sbin/nologin scorer \
 && mkdir /var/azureml-app
COPY --from=build /opt/venv /opt/venv
LABEL org.opencontainers.image.title="nsfw-image-detector" \
      org.opencontainers.image.description="Serves graded image moderation on Azure Machine Learning" \
      org.opencontainers.image.licenses="MIT"
# The first three are what Azure sets for a deployment's code. One process scores in many threads
# (nsfw_detector/threads.py); the two NVIDIA variables do nothing where there is no GPU.
ENV AML_APP_ROOT=/var/azureml-app \
    AZUREML_ENTRY_SCRIPT=score.py \
    AZUREML_MODEL_DIR=/model \
    PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GUNICORN_CMD_ARGS="--threads 16" \
    APP_INSIGHTS_LOG_RESPONSE_ENABLED=false \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
# Azure prepares the container of a batch job as root.
ARG USER_ID=0
USER ${USER_ID}
EXPOSE 5001
# The server takes its script from the command line only, and from this folder.
CMD ["sh", "-c", "cd \"$AML_APP_ROOT\" && exec azmlinfsrv --entry_script \"$AZUREML_ENTRY_SCRIPT\""]
