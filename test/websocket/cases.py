# SPDX-License-Identifier: MIT
"""What a WebSocket server must do, case by case: all of the Autobahn test
suite but compression, by its numbers, and some of domi's own (D).

Where the suite wants its message echoed, domi's messages are frames: a text or
binary message that is a heartbeat is answered with one, and a message for the
group comes back from it. What is none is refused with 1002, after its UTF-8
was found good if it is text; with 1007 if that is bad; and with 1009 as soon
as its size is known to be above the limit.
"""
import dataclasses
import os
import struct

from client import BEAT, BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from client import head, masked, wire
from support import JOIN, frame

LIMIT = 65536  # bytes of one message
# How often 9.8 goes to and fro; less where what is sanitized is slow.
TIMES = 1000 if os.environ.get('DOMI_TEST_SLOWNESS', '1') == '1' else 100
K, M = 1024, 1024 * 1024

TOGETHER, FRAMES = 'together', 'frames'
QUIET, HEARD = 'quiet', 'heard'


@dataclasses.dataclass
class Case:
    """`steps` are bytes; Said, a message for the group; QUIET, nothing may
    come now; HEARD, one thing more must have come. `expected` is what comes;
    where no close is among it, the client closes at last. `cut` says how bytes
    are sent: TOGETHER, FRAMES (one by one), or in parts of so many bytes."""
    id: str
    what: str
    steps: list
    expected: list
    cut: object = FRAMES


@dataclasses.dataclass
class Said:
    """A message of `size` bytes for the group, in fragments of `part` bytes;
    the same `times` over, each when the one before has come back."""
    size: int
    part: int = None
    times: int = 1


CASES = []


def case(number, what, steps, *expected, cut=FRAMES):
    CASES.append(Case(number, what, steps, list(expected), cut))


def text(payload, fin=True, rsv=0):
    return wire(TEXT, payload, fin, rsv)


def more(payload=b'', fin=True):
    return wire(CONTINUATION, payload, fin)


def ping(payload=b'', rsv=0):
    return wire(PING, payload, True, rsv)


def close(code=None, reason=b''):
    return wire(CLOSE, b'' if code is None
                else struct.pack('>H', code) + reason)


def fragments(opcode, payload, size):
    """A message in frames of so many bytes."""
    parts = [payload[at:at + size] for at in range(0, len(payload), size)]
    return [wire(CONTINUATION if at else opcode, part, at == len(parts) - 1)
            for at, part in enumerate(parts)]


def closed(code):
    return 'close', code, ''


def echo(size):
    """What comes back for Said(size)."""
    return 'echo', b'*' * (size - 26)


BEATEN = ('beat',)
NONE = closed(1002)   # it is no frame of domi's, or breaks the protocol
BAD_TEXT = closed(1007)
TOO_LONG = closed(1009)

# ---- 1 framing

for i, (size, cut) in enumerate([
        (0, FRAMES), (125, FRAMES), (126, FRAMES), (127, FRAMES),
        (128, FRAMES), (65535, FRAMES), (65536, FRAMES), (65536, 997)], 1):
    in_chops = '' if cut == FRAMES else f', in chops of {cut}'
    case(f'1.1.{i}', f'text of {size} bytes{in_chops}',
         [text(b'*' * size)], NONE, cut=cut)
    if size == 0:
        case(f'1.2.{i}', 'binary of 0 bytes', [wire(BINARY)], NONE)
    elif size < 1000:
        # The answer is 18 bytes shorter; the second is of this size there.
        case(f'1.2.{i}', f'binary of {size} bytes, both ways',
             [Said(size), Said(size + 18)], echo(size), echo(size + 18))
    else:
        case(f'1.2.{i}', f'binary of {size} bytes{in_chops}',
             [Said(size)], echo(size), cut=cut)

# ---- 2 pings and pongs

case('2.1', 'ping without payload', [ping()], ('pong', b''))
case('2.2', 'ping with text', [ping(b'Hello, world!')],
     ('pong', b'Hello, world!'))
NOT_TEXT = bytes([0, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0, 0xff])
case('2.3', 'ping with bytes that are no UTF-8', [ping(NOT_TEXT)],
     ('pong', NOT_TEXT))
case('2.4', 'ping of 125 bytes', [ping(b'\xfe' * 125)],
     ('pong', b'\xfe' * 125))
case('2.5', 'ping of 126 bytes', [ping(b'\xfe' * 126)], NONE)
case('2.6', 'ping of 125 bytes, octet by octet', [ping(b'\xfe' * 125)],
     ('pong', b'\xfe' * 125), cut=1)
case('2.7', 'pong that nobody asked for', [wire(PONG), QUIET])
case('2.8', 'the same with payload', [wire(PONG, b'unsolicited'), QUIET])
case('2.9', 'the same, then a ping',
     [wire(PONG, b'unsolicited'), ping(b'ping')], ('pong', b'ping'))
TEN = [b'ping %d' % n for n in range(10)]
case('2.10', 'ten pings', [ping(one) for one in TEN],
     *[('pong', one) for one in TEN])
case('2.11', 'ten pings, octet by octet', [ping(one) for one in TEN],
     *[('pong', one) for one in TEN], cut=1)

# ---- 3 reserved bits

case('3.1', 'text with reserved bits 1', [text(BEAT, rsv=1)], NONE)
case('3.2', 'text, text with reserved bits 2, ping',
     [text(BEAT), text(BEAT, rsv=2), ping()], BEATEN, NONE, cut=TOGETHER)
case('3.3', 'the same with 3, frame by frame',
     [text(BEAT), text(BEAT, rsv=3), ping()], BEATEN, NONE)
case('3.4', 'the same with 4, octet by octet',
     [text(BEAT), text(BEAT, rsv=4), ping()], BEATEN, NONE, cut=1)
case('3.5', 'binary with reserved bits 5', [wire(BINARY, BEAT, rsv=5)], NONE)
case('3.6', 'ping with reserved bits 6', [ping(b'ping', rsv=6)], NONE)
case('3.7', 'close with reserved bits 7', [wire(CLOSE, rsv=7)], NONE)

# ---- 4 opcodes

for category, first in ('4.1', 3), ('4.2', 11):
    case(f'{category}.1', f'opcode {first}', [wire(first)], NONE)
    case(f'{category}.2', f'opcode {first + 1} with payload',
         [wire(first + 1, b'reserved')], NONE)
    case(f'{category}.3', f'text, opcode {first + 2}, ping',
         [text(BEAT), wire(first + 2), ping()], BEATEN, NONE)
    case(f'{category}.4', f'text, opcode {first + 3} with payload, ping',
         [text(BEAT), wire(first + 3, b'reserved'), ping()], BEATEN, NONE)
    case(f'{category}.5', f'the same with {first + 4}, octet by octet',
         [text(BEAT), wire(first + 4, b'reserved'), ping()], BEATEN, NONE,
         cut=1)

# ---- 5 fragmentation

FIRST, SECOND = text(BEAT[:3], fin=False), more(BEAT[3:])
ALL_WAYS = ((TOGETHER, 'at once'), (FRAMES, 'frame by frame'),
            (1, 'octet by octet'))
case('5.1', 'ping in two fragments',
     [wire(PING, b'one', fin=False), more(b'two')], NONE)
case('5.2', 'pong in two fragments',
     [wire(PONG, b'one', fin=False), more(b'two')], NONE)
for i, (cut, how) in enumerate(ALL_WAYS):
    case(f'5.{3 + i}', f'text in two fragments, {how}', [FIRST, SECOND],
         BEATEN, cut=cut)
    case(f'5.{6 + i}', f'the same with a ping between them, {how}',
         [FIRST, ping(b'ping'), SECOND], ('pong', b'ping'), BEATEN, cut=cut)
    case(f'5.{9 + i}', f'last continuation of nothing, text, {how}',
         [more(BEAT), text(BEAT)], NONE, cut=cut)
    case(f'5.{12 + i}', f'continuation of nothing, text, {how}',
         [more(BEAT, fin=False), text(BEAT)], NONE, cut=cut)
case('5.15', 'text in two fragments, continuation of nothing, text',
     [FIRST, SECOND, more(BEAT, fin=False), text(BEAT)], BEATEN, NONE,
     cut=TOGETHER)
case('5.16', 'twice: continuation of nothing, text in two fragments',
     [more(BEAT, fin=False), FIRST, SECOND] * 2, NONE)
case('5.17', 'twice: last continuation of nothing, text in two fragments',
     [more(BEAT), FIRST, SECOND] * 2, NONE)
case('5.18', 'text in two fragments that both begin one',
     [FIRST, text(BEAT[3:])], NONE)
for number, cut, how in ('5.19', TOGETHER, 'at once'), \
        ('5.20', FRAMES, 'frame by frame'):
    case(number, f'five fragments, two pings, answered before the end, {how}',
         [text(BEAT[:2], fin=False), more(BEAT[2:4], fin=False),
          ping(b'pongme 1!'), HEARD, more(BEAT[4:6], fin=False),
          more(BEAT[6:7], fin=False), ping(b'pongme 2!'), HEARD,
          more(BEAT[7:])],
         ('pong', b'pongme 1!'), ('pong', b'pongme 2!'), BEATEN, cut=cut)

# ---- 6 UTF-8

KOSME = bytes.fromhex('cebae1bdb9cf83cebcceb5')
EDITED = b'edited'


def joined(name):
    """A text message with this in it that is answered with it: 8 bytes."""
    payload = name.encode()
    assert len(payload) == 8
    return frame(JOIN, payload), ('joined', payload)


case('6.1.1', 'text of 0 bytes', [text(b'')], NONE)
case('6.1.2', 'text in three fragments of 0 bytes',
     [text(b'', fin=False), more(fin=False), more()], NONE)
case('6.1.3', 'text between two fragments of 0 bytes',
     [text(b'', fin=False), more(BEAT, fin=False), more()], BEATEN)
GERMAN, GERMAN_BACK = joined('\u00b5@\u00df\u00f6U')
GREEK, GREEK_BACK = joined('\u03ba\u03cc\u03c3\u03bc')
case('6.2.1', 'characters of several bytes', [text(GERMAN)], GERMAN_BACK)
case('6.2.2', 'the same in two fragments, between characters',
     [text(GERMAN[:11], fin=False), more(GERMAN[11:])], GERMAN_BACK)
case('6.2.3', 'the same in fragments of an octet',
     fragments(TEXT, GERMAN, 1), GERMAN_BACK)
case('6.2.4', 'others in fragments of an octet', fragments(TEXT, GREEK, 1),
     GREEK_BACK)
SURROGATE = KOSME + b'\xed\xa0\x80' + EDITED
case('6.3.1', 'a surrogate among good text', [text(SURROGATE)], BAD_TEXT)
case('6.3.2', 'the same in fragments of an octet',
     fragments(TEXT, SURROGATE, 1), BAD_TEXT)
BEYOND = KOSME + b'\xf4\x90\x80\x80' + EDITED
for number, at in ('6.4.1', (11, 15)), ('6.4.2', (12, 13)):
    case(number, 'bad text in the second fragment of three, refused there',
         [text(BEYOND[:at[0]], fin=False), QUIET,
          more(BEYOND[at[0]:at[1]], fin=False)], BAD_TEXT)
for number, at in ('6.4.3', (11, 15)), ('6.4.4', (12, 13)):
    whole = text(BEYOND)
    start = len(whole) - len(BEYOND)
    case(number, 'bad text in the second chop of a frame, refused there',
         [whole[:start + at[0]], QUIET, whole[start + at[0]:start + at[1]]],
         BAD_TEXT)

LONELY = [b''.join(bytes([byte, 0x20]) for byte in range(first, last))
          for first, last in ((0xc0, 0xdf), (0xe0, 0xef), (0xf0, 0xf7),
                              (0xf8, 0xfb), (0xfc, 0xfd))]
CUT_SHORT = [bytes.fromhex(one) for one in (
    'c0', 'e080', 'f08080', 'f8808080', 'fc80808080',
    'df', 'efbf', 'f7bfbf', 'fbbfbfbf', 'fdbfbfbfbf')]
NO_CHARACTERS = [bytes.fromhex('efbfbe'), bytes.fromhex('efbfbf')] + [
    chr(plane << 16 | 0xfffe | last).encode() for plane in range(1, 17)
    for last in (0, 1)]


def of(*texts):
    return [bytes.fromhex(one) for one in texts]


# Whether each is good, as the bytes of the suite are, and what they are.
SEQUENCES = (
    (5, True, 'characters of one to four bytes',
     [b'hello$world', 'hello¢world'.encode(), 'hello€world'.encode(),
      'hello𤭢world'.encode(), KOSME]),
    (6, None, 'beginnings of good text',
     [KOSME[:size] for size in range(1, len(KOSME) + 1)]),
    (7, True, 'the first character of a length',
     of('00', 'c280', 'e0a080', 'f0908080')),
    (8, False, 'lengths of five and six',
     of('f888808080', 'fc8480808080')),
    (9, True, 'the last character of a length',
     of('7f', 'dfbf', 'efbfbf', 'f48fbfbf')),
    (10, False, 'the last of lengths four to six',
     of('f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf')),
    (11, None, 'other edges',
     of('ed9fbf', 'ee8080', 'efbfbd', 'f48fbfbf', 'f4908080')),
    (12, False, 'continuation bytes alone',
     of('80', 'bf', '80bf', '80bf80', '80bf80bf', '80bf80bf80',
        '80bf80bf80bf') + [bytes(range(0x80, 0xbf))]),
    (13, False, 'first bytes alone', LONELY),
    (14, False, 'the last byte missing', CUT_SHORT),
    (15, False, 'all of these behind each other', [b''.join(CUT_SHORT)]),
    (16, False, 'impossible bytes', of('fe', 'ff', 'fefeffff')),
    (17, False, 'an overlong slash',
     of('c0af', 'e080af', 'f08080af', 'f8808080af', 'fc80808080af')),
    (18, False, 'the longest overlong characters',
     of('c1bf', 'e09fbf', 'f08fbfbf', 'f887bfbfbf', 'fc83bfbfbfbf')),
    (19, False, 'an overlong NUL',
     of('c080', 'e08080', 'f0808080', 'f880808080', 'fc8080808080')),
    (20, False, 'single surrogates',
     of('eda080', 'edadbf', 'edae80', 'edafbf', 'edb080', 'edbe80',
        'edbfbf')),
    (21, False, 'paired surrogates',
     of('eda080edb080', 'eda080edbfbf', 'edadbfedb080', 'edadbfedbfbf',
        'edae80edb080', 'edae80edbfbf', 'edafbfedb080', 'edafbfedbfbf')),
    (22, True, 'code points that are no characters', NO_CHARACTERS),
    (23, True, 'Unicode specials',
     of('efbfb9', 'efbfba', 'efbfbb', 'efbfbc', 'efbfbd', 'efbfbe',
        'efbfbf')),
)


def is_text(payload):
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


for group, good, what, payloads in SEQUENCES:
    for i, payload in enumerate(payloads, 1):
        # Python's opinion and the suite's have to agree.
        assert good is None or good == is_text(payload), (group, i)
        case(f'6.{group}.{i}', what, [text(payload)],
             NONE if is_text(payload) else BAD_TEXT)

# ---- 7 close

case('7.1.1', 'text, close', [text(BEAT), close(1000)], BEATEN, closed(1000))
case('7.1.2', 'two closes', [close(1000), close(1000)], closed(1000))
case('7.1.3', 'close, ping', [close(1000), ping()], closed(1000))
case('7.1.4', 'close, text', [close(1000), text(BEAT)], closed(1000))
case('7.1.5', 'a fragment, close, the other', [FIRST, close(1000), SECOND],
     closed(1000))
case('7.1.6', 'text of 256 KiB, text, close, ping',
     [text(b'BAsd7&jh23' * (256 * K // 10)), text(BEAT), close(1000), ping()],
     TOO_LONG)
case('7.3.1', 'close without payload', [close()], closed(1000))
case('7.3.2', 'close with one byte', [wire(CLOSE, b'a')], NONE)
case('7.3.3', 'close with a code', [close(1000)], closed(1000))
case('7.3.4', 'close with a code and a reason', [close(1000, b'Hello!')],
     closed(1000))
case('7.3.5', 'close with a reason of 123 bytes', [close(1000, b'*' * 123)],
     closed(1000))
case('7.3.6', 'close with a reason of 124 bytes', [close(1000, b'*' * 124)],
     NONE)
case('7.5.1', 'close with a reason that is no UTF-8',
     [close(1000, SURROGATE)], BAD_TEXT)
for i, code in enumerate((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010,
                          1011, 3000, 3999, 4000, 4999), 1):
    case(f'7.7.{i}', f'close with {code}', [close(code)], closed(code))
for i, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999),
                         1):
    case(f'7.9.{i}', f'close with {code}, which is not allowed',
         [close(code)], NONE)
case('7.13.1', 'close with 5000', [close(5000)], NONE)
case('7.13.2', 'close with 65536, in four bytes',
     [wire(CLOSE, struct.pack('>I', 65536))], NONE)

# ---- 9 limits

for i, size in enumerate((64 * K, 256 * K, M, 4 * M, 8 * M, 16 * M), 1):
    case(f'9.1.{i}', f'text of {size // K} KiB', [text(b'*' * size)],
         NONE if size <= LIMIT else TOO_LONG)
    case(f'9.2.{i}', f'binary of {size // K} KiB',
         *([[Said(size)], echo(size)] if size <= LIMIT
           else [[wire(BINARY, bytes(size))], TOO_LONG]))
for i, size in enumerate((64, 256, K, 4 * K, 16 * K, 64 * K, 256 * K, M,
                          4 * M), 1):
    case(f'9.3.{i}', f'text of 4 MiB in fragments of {size}',
         fragments(TEXT, b'*' * 4 * M, size), TOO_LONG, cut=TOGETHER)
    case(f'9.4.{i}', f'64 KiB, then 4 MiB, in fragments of {size}',
         [Said(LIMIT, part=size), HEARD]
         + fragments(BINARY, bytes(4 * M), size), echo(LIMIT), TOO_LONG,
         cut=TOGETHER)
for i, size in enumerate((64, 128, 256, 512, K, 2 * K), 1):
    case(f'9.5.{i}', f'text of 1 MiB in chops of {size}',
         [text(b'*' * M)], TOO_LONG, cut=size)
    case(f'9.6.{i}', f'64 KiB, then 1 MiB, in chops of {size}',
         [Said(LIMIT), HEARD, wire(BINARY, bytes(M))], echo(LIMIT), TOO_LONG,
         cut=size)
for i, size in enumerate((0, 16, 64, 256, K, 4 * K), 1):
    case(f'9.7.{i}', f'text of {size} bytes, of which 1,000 would follow',
         [text(b'*' * size)], NONE)
    case(f'9.8.{i}', f'1,000 times {size} bytes to the group and back',
         [Said(size + 26, times=TIMES)], *[echo(size + 26)] * TIMES)

# ---- 10 misc

case('10.1.1', 'binary of 64 KiB in fragments of 1300',
     [Said(LIMIT, part=1300)], echo(LIMIT))

# ---- domi's own

case('D.1', 'text without a mask', [bytes([0x81, 8]) + BEAT], NONE)
case('D.2', 'ping without a mask', [bytes([0x89, 0])], NONE)
case('D.3', 'a length of 2^63', [head(BINARY, 1 << 63)], TOO_LONG)
case('D.4', 'a length of 2^64 - 1', [head(BINARY, (1 << 64) - 1)], TOO_LONG)
case('D.5', 'a length one above the limit, and nothing more',
     [head(BINARY, LIMIT + 1)], TOO_LONG)
case('D.6', 'eight bytes with a length of two bytes',
     [head(BINARY, 8, form=2) + masked(BEAT)], NONE)
case('D.7', 'eight bytes with a length of eight bytes',
     [head(BINARY, 8, form=8) + masked(BEAT)], NONE)
case('D.8', '300 bytes with a length of eight bytes',
     [head(BINARY, 300, form=8) + masked(bytes(300))], NONE)
case('D.9', 'fragments of 0 bytes without end',
     [text(b'', fin=False)] + [more(fin=False)] * (LIMIT + 1), TOO_LONG,
     cut=TOGETHER)
case('D.10', 'two frames in one message', [wire(BINARY, BEAT + BEAT)], NONE)
case('D.11', 'half a frame in a message', [wire(BINARY, BEAT[:5])], NONE)
case('D.12', 'a ping whose length has two bytes',
     [head(PING, 5, form=2) + masked(b'hello')], NONE)

# How many cases each category of the suite has.
SUITE = {'1': 16, '2': 11, '3': 7, '4': 10, '5': 20, '6': 145, '7': 37,
         '9': 54, '10': 1}
