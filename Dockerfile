# The command in a container that runs as nobody on a read-only file system: see docs/how-to/install.md.
# `make release` first: the wheels come from dist/, the libraries from lock/ with their hashes.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv
COPY lock/runtime.txt /build/
RUN python3 -m venv --without-pip /opt/dfly-analysis \
 && python3 -m venv /build/pip \
 && /build/pip/bin/pip --python /opt/dfly-analysis/bin/python install --no-cache-dir --no-compile --require-hashes -r /build/runtime.txt
COPY dist/*.whl /build/dist/
# what no command needs: tests, headers, and Arrow's clients of servers
RUN /build/pip/bin/pip --python /opt/dfly-analysis/bin/python install --no-index --find-links /build/dist --no-compile --no-deps dfly-analysis \
 && cd /opt/dfly-analysis/lib/python3*/site-packages \
 && find . -type d \( -name tests -o -path ./pyarrow/include -o -path ./pyarrow/src \) -prune -exec rm -rf {} + \
 && find . -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' -not -path './dfly_analysis/*' \) -delete \
 && rm -f pyarrow/*flight* pyarrow/*_s3fs* pyarrow/libarrow_s3* \
 && /opt/dfly-analysis/bin/python -m compileall -q dfly_analysis

FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc /usr/share/man
COPY --from=build /opt/dfly-analysis /opt/dfly-analysis
# temporary tables go to /tmp, the one place that has to be writable
ENV PATH=/opt/dfly-analysis/bin:$PATH DFLY_ANALYSIS_CACHE=off HOME=/tmp PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8
USER 65532:65532
WORKDIR /data
HEALTHCHECK --interval=5m --timeout=30s CMD ["dfly-analysis", "--version"]
ENTRYPOINT ["dfly-analysis"]
CMD ["--help"]
