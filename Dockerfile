FROM python:3.11.11-slim-bookworm
RUN useradd --system --create-home --home-dir /srv/daymark daymark
WORKDIR /srv/daymark
COPY requirements.lock Makefile ./
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/* && make install
COPY . .
USER daymark
EXPOSE 8000
CMD [".venv/bin/python", "-m", "config.serve"]
