# Copyright: (c) 2026, mesh.workshop contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HPACK (RFC 7541): header blocks of HTTP/2."""

from __future__ import annotations

from .wire import Headers

# HPACK (RFC 7541). Appendix B: the bits of each symbol's Huffman code, A for 5 to Z for 30. The code is canonical,
# so that lengths tell all: codes of one length follow each other in the order of their symbols.
HUFFMAN = (
    "ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHFIBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJBKABABABBBACCBBB"
    "ABCBAABCCCCCKGJIXPRPPRRRSRSSSSSTSTTRSTSSSSQRSRSSTRQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRSVVPORSRUVVVWWVTUOQVWWVWTQQVVXWW"
    "WPTPQRQQSRRUUTTVSVWVVWWWWWXWWWWWVZ"
)
# Appendix A, without the requests' pseudo headers, whose names are all that a client may be told.
STATIC = [
    "",
    ":authority",
    ":method=GET",
    ":method=POST",
    ":path=/",
    ":path=/index.html",
    ":scheme=http",
    ":scheme=https",
    ":status=200",
    ":status=204",
    ":status=206",
    ":status=304",
    ":status=400",
    ":status=404",
    ":status=500",
    "accept-charset",
    "accept-encoding=gzip, deflate",
    "accept-language",
    "accept-ranges",
    "accept",
    "access-control-allow-origin",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "refresh",
    "retry-after",
    "server",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
]


def huffman_codes() -> dict[tuple[int, int], int]:
    """Symbols by (length, code)."""
    codes = {}
    code = length = 0
    for bits, symbol in sorted((ord(letter) - 60, symbol) for symbol, letter in enumerate(HUFFMAN)):
        code <<= bits - length
        length = bits
        codes[length, code] = symbol
        code += 1
    return codes


CODES = huffman_codes()


def unhuffman(data: bytes) -> bytes:
    """The text of a Huffman coded string; what is left at its end is padding."""
    text = bytearray()
    code = length = 0
    for byte in data:
        for shift in range(7, -1, -1):
            code = code << 1 | byte >> shift & 1
            length += 1
            symbol = CODES.get((length, code))
            if symbol is not None:
                text.append(symbol & 0xFF)
                code = length = 0
    return bytes(text)


class HeaderReader:
    """Decodes header blocks of a peer that was told to keep no table (SETTINGS_HEADER_TABLE_SIZE 0)."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def number(self, bits: int) -> int:
        """An integer with a prefix of so many bits (RFC 7541, 5.1)."""
        most = (1 << bits) - 1
        value = self.data[self.at] & most
        self.at += 1
        shift = 0
        while value >= most:
            byte = self.data[self.at]
            self.at += 1
            value += (byte & 127) << shift
            shift += 7
            if not byte & 128:
                break
        return value

    def text(self) -> str:
        """A string literal (5.2)."""
        coded = self.data[self.at] & 128
        size = self.number(7)
        content = self.data[self.at : self.at + size]
        self.at += size
        return (unhuffman(content) if coded else content).decode("latin-1")

    def all(self) -> Headers:
        """All fields of the block."""
        found: Headers = []
        while self.at < len(self.data):
            first = self.data[self.at]
            if first & 128:  # an indexed field
                name, _equals, value = STATIC[self.number(7)].partition("=")
                found.append((name, value))
            elif first & 64 or not first & 32:  # a literal, to be indexed or not
                index = self.number(6 if first & 64 else 4)
                name = STATIC[index].partition("=")[0] if index else self.text()
                found.append((name, self.text()))
            else:  # the table's new size
                self.number(5)
        return found


def literal(name: str, value: str) -> bytes:
    """A field that is not indexed, not Huffman coded: valid anywhere."""
    coded = b"\0"
    for part in (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace")):
        size = len(part)
        if size < 127:
            coded += bytes([size])
        else:
            coded += b"\x7f"
            size -= 127
            while size >= 128:
                coded += bytes([size & 127 | 128])
                size >>= 7
            coded += bytes([size])
        coded += part
    return coded
