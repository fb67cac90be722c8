"""The links of a web server's index page that lead to files below its folder. Pure.

nginx, Apache, Caddy and Python's http.server each write another page; all of them link to what is there.
"""

from collections.abc import Sequence
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit


def below(page: str, address: str) -> Sequence[str]:
    """The paths that a page links to, relative to its folder, decoded; those of folders end in a slash.

    Links to other hosts, upwards, with a query (to sort the page) or to the page itself are none of them.

    Args:
        page: HTML.
        address: of the page, without its query, with the last slash of its path.
    """
    parser = _Links()
    parser.feed(page)
    parser.close()
    here = urlsplit(address)
    found: dict[str, None] = {}
    for link in parser.links:
        try:
            goal = urlsplit(urljoin(address, link.strip()))
        except ValueError:
            continue
        same = (goal.scheme, goal.netloc) == (here.scheme, here.netloc)
        if same and not goal.query and goal.path.startswith(here.path):
            found[unquote(goal.path.removeprefix(here.path))] = None
    return [path for path in found if path]


class _Links(HTMLParser):
    """Collects the targets of links."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """As HTMLParser calls it."""
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]
