FROM python:3.11.11-slim-bookworm
RUN useradd --system --create-home --home-dir /srv/daymark daymark
WORKDIR /srv/daymark
COPY requirements.lock Makefile ./
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/* && make install
COPY . .
RUN DATABASE_URL=postgresql://none@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1/0 SECRET_KEY=build FIELD_KEYS=build \
    SEAL_KEY=build .venv/bin/python manage.py collectstatic --noinput
USER daymark
EXPOSE 8000
CMD [".venv/bin/python", "-m", "config.serve"]
