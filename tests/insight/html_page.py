"""A page as a parser reads it."""

from html.parser import HTMLParser

VOID = {"meta", "img", "input"}


class Page(HTMLParser):
    """Elements as (tag, attributes, pieces of text below it), in order of their start."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for element in self.open:
            element[2].append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    def all(self, tag, kind=None):
        return [
            (attributes, "".join(text))
            for name, attributes, text in self.elements
            if name == tag and (kind is None or attributes.get("class") == kind)
        ]

    def texts(self, tag, kind=None):
        return [text for _, text in self.all(tag, kind)]


def read_page(file):
    return Page(file.read_text(encoding="utf-8"))
