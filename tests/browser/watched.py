"""Notice what a visitor would not see: errors, requests to other servers, breaches of the policy."""

import re

PATIENCE = 60_000  # milliseconds that a condition may take on a machine that does other things
LOCAL = ("data:", "blob:", "file:")  # addresses that ask no server
TELL_BREACHES = """
addEventListener("securitypolicyviolation", event => console.error(`policy: ${event.violatedDirective}`));
"""


class Watch:
    """The mistakes of the pages that it follows, in `found`.

    Args:
        origin: the only server that they may ask.
    """

    def __init__(self, origin):
        self._origin = origin
        self.found = []
        self._expected = []

    def follow(self, page):
        """Note the mistakes of a page from now on."""
        page.add_init_script(TELL_BREACHES)
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        page.on("request", self._note_request)

    def expect(self, pattern):
        """Allow messages with this pattern, which the test provokes."""
        self._expected.append(pattern)

    def unexpected(self):
        """Return the mistakes that no test provoked."""
        return [one for one in self.found if not any(re.search(known, one) for known in self._expected)]

    def _note_message(self, message):
        if message.type in ("error", "warning"):
            self.found.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _note_request(self, request):
        if not request.url.startswith((f"{self._origin}/", *LOCAL)):
            self.found.append(f"request: {request.url}")
