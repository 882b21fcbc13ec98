"""Settings, addresses, processes. `celery -A config` finds the application here.

Deciding one patient makes tens of thousands of small objects that live as long as the decision. At Python's usual
setting the search for cycles among them took 40 % of the time; it is made more rarely in every process.
"""

import gc

gc.set_threshold(50_000, 20, 50)


def __getattr__(name: str) -> object:
    """The Celery application, made only when somebody asks for it."""
    if name in ("celery_app", "app"):
        from config.celery import app

        return app
    raise AttributeError(name)
