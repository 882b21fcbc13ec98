"""Django's settings. What differs between machines comes from the environment: see `config.env`."""

from __future__ import annotations

import os
import sys
from datetime import timedelta

from csp.constants import NONE, SELF
from kombu import Queue
from pghistory import ContextJSONField

from config import embedded, env

PRODUCTION = env.production()
if PRODUCTION:
    env.check_production(os.environ)

DEBUG = False
SECRET_KEY = env.generated("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.listed("SECRET_KEY_FALLBACKS")
FIELD_KEYS = [key for key in env.generated("FIELD_KEYS").split(",") if key]
SEAL_KEYS = [key for key in env.generated("SEAL_KEY").split(",") if key]
ALLOWED_HOSTS = env.listed("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1],testserver")
BASE_URL = os.environ.get("BASE_URL", f"http://localhost:{os.environ.get('PORT', '8000')}")
CSRF_TRUSTED_ORIGINS = [BASE_URL]

# --- servers ---------------------------------------------------------------------------------------
DATABASE_ROLE = os.environ.get("DAYMARK_DB_ROLE", "daymark_app")
MIGRATION_DATABASE_URL = os.environ.get("MIGRATION_DATABASE_URL", "")
DATABASES = {"default": env.database(embedded.database_url(), DATABASE_ROLE)}
REDIS_URL = embedded.redis_url()
_mail = os.environ.get("EMAIL_URL") or f"filemail://{env.VAR / 'demo' / 'mail'}"
globals().update(env.email(_mail))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = os.environ.get("MAIL_FROM", "daymark@localhost")

# --- applications ----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "outcomes",
    "workflow",
    "patients",
    "config.admin_site.DaymarkAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "django_filters",
    "knox",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "pgtrigger",
    "pghistory",
]
MIDDLEWARE = [
    "config.middleware.headers",
    "csp.middleware.CSPMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "config.middleware.request_transaction",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [env.ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = env.VAR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 50 * 1024 * 1024
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "daymark_cache"}}

# --- people ----------------------------------------------------------------------------------------
AUTH_USER_MODEL = "patients.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "config.accounts.PasswordBackend",
]
PASSWORD_HASHERS = ["patients.hashers.Argon2"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 15}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/admin/"
ACCOUNT_ADAPTER = "config.accounts.ClosedAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = False
ACCOUNT_FORMS = {
    "change_password": "config.account_forms.PasswordChange",
    "reset_password": "config.account_forms.PasswordForgotten",
    "user_token": "config.account_forms.PasswordKey",
}
PASSWORD_RESET_TIMEOUT = 24 * 3600
"""Seconds a link of the operator lasts; a mailed one lasts for an hour (`patients.services.passwords`)."""
RESETS_PER_HOUR = 20 if PRODUCTION else 200
"""New passwords asked for from one address."""
SECOND_FACTOR_REQUIRED = PRODUCTION
MFA_ADAPTER = "config.accounts.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "config.account_forms.SignInCode",
    "reauthenticate": "config.account_forms.ConfirmCode",
}
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION
SIGN_IN_TOTAL = 100
"""So many wrong passwords and codes, from wherever, until only a new password helps."""
SIGN_INS_PER_HOUR = 600 if PRODUCTION else 6000
"""From one address."""
AXES_HANDLER = "axes.handlers.database.AxesDatabaseHandler"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "config.accounts.attempted"
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "account/locked.html"
AXES_IPWARE_PROXY_COUNT = 0

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE_SECONDS = 30 * 60
SESSION_LONGEST_SECONDS = 12 * 3600
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
PROXIES = int(os.environ.get("PROXIES", "1" if PRODUCTION else "0"))
"""Own proxies in front of the web process: the address of a client is what the first of them saw."""
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
if PRODUCTION:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- REST ------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["patients.api.parsing.JsonBody"],
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "patients.api.authentication.BearerToken",
        "patients.api.authentication.SignedInSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["patients.api.permissions.MatrixPermission"],
    "DEFAULT_PAGINATION_CLASS": "patients.api.paging.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.problems.handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": True,
}
FEED_READS_PER_HOUR = 60 if PRODUCTION else 600
REST_KNOX = {"TOKEN_TTL": timedelta(days=90), "AUTH_HEADER_PREFIX": "Bearer", "TOKEN_LIMIT_PER_USER": None}
SPECTACULAR_SETTINGS = {
    "TITLE": "Daymark",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["patients.api.permissions.MatrixPermission"],
    "SERVE_AUTHENTICATION": None,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {},
}

EXPORTS_PER_HOUR = 20 if PRODUCTION else 200
"""Exports one person may ask for, and released files an analyst may fetch, in an hour."""

# --- audit -----------------------------------------------------------------------------------------
PGHISTORY_CONTEXT_FIELD = ContextJSONField()
PGHISTORY_APPEND_ONLY = True
PGHISTORY_BASE_MODEL = "patients.models.audit.SealedEvent"
PGHISTORY_CREATED_AT_FUNCTION = "clock_timestamp()"

# --- Celery: a bell that wakes; PostgreSQL is the record -------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_QUEUES = [Queue("celery"), Queue("long")]
CELERY_TASK_ROUTES = {name: {"queue": "long"} for name in ("workflow.run_imports", "outcomes.run_exports")}
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logs.JsonLines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": sys.stderr, "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "daymark": {"level": "INFO"},
        "celery": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        "axes": {"level": "ERROR"},
    },
}
SILENCED_SYSTEM_CHECKS = ["axes.W003", "security.W002"]
"""Addresses of clients are told by `PROXIES`; X-Frame-Options is set by `config.middleware.headers`, on errors too."""
OWNER_DATABASE = env.database(MIGRATION_DATABASE_URL, None) if MIGRATION_DATABASE_URL else {}
