# Two stages: the first builds with Node (from the lock), the second runs without it, as nobody, on a read-only root.
# .github/dependabot.yml keeps the digests of the base image new.
FROM python:3.13-slim-bookworm@sha256:2325bb286ec344af3e5898cc224b5844e2707ac6e26b1632516fd3edc84a5e26 AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN apt-get update \
    && apt-get install -y --no-install-recommends make=4.3-4.1 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY . .
RUN make setup \
    && make image-files INTO=/image

FROM python:3.13-slim-bookworm@sha256:2325bb286ec344af3e5898cc224b5844e2707ac6e26b1632516fd3edc84a5e26
RUN groupadd --system --gid 10001 account \
    && useradd --system --uid 10001 --gid account --no-create-home --home-dir /nonexistent account \
    && mkdir -p /app/data \
    && chown account:account /app/data
COPY --from=build /image /app
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LOG_FORMAT=json
USER 10001
VOLUME ["/app/data"]
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=6s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:3000/readyz', timeout=5)"]
ENTRYPOINT ["account-app"]
CMD ["serve", "--host", "0.0.0.0", "--port", "3000"]
