# A serving image with the code inside, which runs anywhere; `make image` builds it, from the root of
# the repository, on top of the image of ./Dockerfile.
#
#     docker run --rm -p 5001:5001 -v "$PWD/models/demo:/model:ro" nsfw-image-detector
ARG BASE_IMAGE=nsfw-image-detector-cpu
FROM ${BASE_IMAGE}
COPY score.py swagger3.json /var/azureml-app/
COPY nsfw_detector /var/azureml-app/nsfw_detector
