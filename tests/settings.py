"""Settings of a test run: the throw-away servers, a fast password hasher, files kept in a temporary folder."""

import os
import tempfile

os.environ.setdefault("DATABASE_URL", "postgresql://daymark:none@127.0.0.1:1/none")
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:1/0")
os.environ.setdefault("DAYMARK_VAR", tempfile.mkdtemp(prefix="daymark-var-"))

from config.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
FEED_READS_PER_HOUR = 0
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
