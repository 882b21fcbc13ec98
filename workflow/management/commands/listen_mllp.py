"""`listen_mllp`: receives HL7 messages over MLLP and answers each one when it is stored."""

from __future__ import annotations

import ipaddress
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from patients.access import everywhere
from patients.management.base import OperatorCommand, operator
from patients.models import Site, Source
from workflow.management.mllp import Listener, Patience, Receiver
from workflow.management.options import seconds, source_named
from workflow.management.stopping import stopping


class Command(OperatorCommand):
    help = (
        "Listens for HL7 version 2 messages over MLLP. Each is stored before it is answered: AA, AE (stored, but"
        " somebody must look) or AR (send it again, or mend it). MLLP knows neither encryption nor passwords."
    )
    one_transaction = False

    def add_arguments(self, parser: CommandParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--source", metavar="CODE", help="all messages are of this source")
        whose.add_argument(
            "--site", metavar="CODE", help="the source is found by the sender in MSH-3 and MSH-4"
        )
        parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS")
        parser.add_argument("--port", type=int, default=2575, help="0 takes any free one")
        parser.add_argument("--allow-remote", action="store_true", help="listen to other machines as well")
        parser.add_argument(
            "--idle-timeout",
            type=seconds,
            default=Patience().idle,
            metavar="S",
            help="rest between two messages",
        )
        parser.add_argument(
            "--message-timeout", type=seconds, default=Patience().message, metavar="S", help="for one message"
        )

    def run(self, **options: Any) -> None:
        host = _address(options["host"], options["allow_remote"])
        self.options = options
        self._found()
        receiver = Receiver(self._found, operator(), self.stderr.write)
        patience = Patience(options["idle_timeout"], options["message_timeout"])
        try:
            server = Listener((host, options["port"]), receiver, patience)
        except (OSError, OverflowError) as error:
            raise CommandError(f"Cannot listen on {host}, port {options['port']}: {error}") from error
        with server, stopping(server.stop):
            self.stderr.write(f"listening on {host} port {server.server_address[1]}")
            server.serve_forever()

    def _found(self) -> tuple[UUID, Source | None]:
        """The site, and the source where one is named."""
        if self.options["source"]:
            source = source_named(self.options["source"])
            return source.site_id, source
        with everywhere(by=operator()):
            site = Site.objects.filter(code=self.options["site"]).first()
        if site is None:
            raise CommandError(f"There is no site “{self.options['site']}”; make it with create_site.")
        return site.pk, None


def _address(host: str, remote: bool) -> str:
    """The address to listen on: one of this machine, unless remote ones are asked for."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as error:
        raise CommandError(f"“{host}” is no address in numbers, such as 127.0.0.1.") from error
    if not address.is_loopback and not remote:
        raise CommandError(
            f"{address} can be reached by other machines, and MLLP neither encrypts nor asks for a password: anyone "
            "there could send and read patient data. Put a tunnel or VPN in front of 127.0.0.1, or add --allow-remote."
        )
    return str(address)
