"""Settings, addresses, processes. `celery -A config` finds the application here."""


def __getattr__(name: str) -> object:
    """The Celery application, made only when somebody asks for it."""
    if name in ("celery_app", "app"):
        from config.celery import app

        return app
    raise AttributeError(name)
