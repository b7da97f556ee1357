"""A page as a tree of elements, read by the standard library."""

from html.parser import HTMLParser

EMPTY = {"meta", "br", "img", "input", "link", "hr"}


class Element:
    """An element: its tag, its attributes, its children, and its own text."""

    def __init__(self, tag, attributes=()):
        self.tag, self.attributes, self.children, self.texts = tag, dict(attributes), [], []

    def walk(self):
        yield self
        for child in self.children:
            yield from child.walk()

    def all(self, tag, **wanted):
        """Return the elements of a tag inside, whose attributes are those wanted; `class_` stands for class."""
        wanted = {name.strip("_"): value for name, value in wanted.items()}
        found = [each for each in self.walk() if each is not self and tag in (each.tag, "*")]
        return [each for each in found if all(each.attributes.get(name) == value for name, value in wanted.items())]

    def one(self, tag, **wanted):
        (found,) = self.all(tag, **wanted)
        return found

    @property
    def text(self):
        """The text of the element and of those inside, in order."""
        return " ".join("".join(part if isinstance(part, str) else f" {part.text} " for part in self.texts).split())

    def table(self):
        """Return the cells of the rows of a table, its head first."""
        return [[cell.text for cell in row.children] for row in self.all("tr")]


class Page(HTMLParser):
    """Reads a page; an element that is not closed, or closed in the wrong place, is an error."""

    def __init__(self, text):
        super().__init__()
        self.root = Element("page")
        self._open = [self.root]
        self.feed(text)
        self.close()
        assert self._open == [self.root]

    def handle_starttag(self, tag, attrs):
        element = Element(tag, attrs)
        self._open[-1].children.append(element)
        self._open[-1].texts.append(element)
        if tag not in EMPTY:
            self._open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in EMPTY:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self._open.pop().tag == tag

    def handle_data(self, data):
        self._open[-1].texts.append(data)


def read(path):
    """Return the root of the page in a file."""
    return Page(path.read_text("utf-8")).root
