# SPDX-License-Identifier: MIT
"""Requests to the HTTP port as nobody well-meaning writes them, and some of
their harmless neighbours: what each is, its bytes, and what must come.

The statuses are those of the answers in their order, each with a + where the
connection stays open behind it; "none" is an end without an answer, "waits" is
no answer for now. 101 is an upgrade. The folder of the test has index.html,
sub/file.txt, .hidden, sub/.hidden, and link, a symbolic link to the first.
"""
NODE = 'NODE'  # stands for the node's id


def request(line, *headers, host='h', body=b''):
    """The bytes of a request; `host` is None for none."""
    lines = [line]
    if host is not None:
        lines.append(f'Host: {host}')
    return '\r\n'.join([*lines, *headers, '', '']).encode('latin-1') + body


def get(target, *headers, **more):
    return request(f'GET {target} HTTP/1.1', *headers, **more)


def post(*headers, body=b''):
    return request('POST / HTTP/1.1', *headers, body=body)


def chunked(body, *headers):
    return post('Transfer-Encoding: chunked', *headers, body=body)


KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
VERSION = 'Sec-WebSocket-Version: 13'
UPGRADE = ('Connection: Upgrade', 'Upgrade: websocket')


def upgrade(*headers, path='/ws', key=KEY, version=VERSION, asks=UPGRADE,
            method='GET', http='HTTP/1.1', body=b'', host='h'):
    lines = [*asks, *(line for line in (key, version) if line), *headers]
    return request(f'{method} {path} {http}', *lines, body=body, host=host)


GET = get('/')
LIMIT = 65536  # bytes of a body, as sent

CASES = []


def add(group, *rows):
    CASES.extend((f'{group}: {what}', data, expected)
                 for what, data, expected in rows)


add('line',
    ('as it should be', GET, '200+'),
    ('an empty line before it', b'\r\n' + GET, '200+'),
    ('ten empty lines before it', b'\r\n' * 10 + GET, '200+'),
    ('9,000 empty lines', b'\r\n' * 9000, '431'),
    ('a space before it', b' ' + GET, '400'),
    ('a tab before it', b'\t' + GET, '400'),
    ('a NUL before it', b'\0' + GET, '400'),
    ('two spaces before the version', request('GET /  HTTP/1.1'), '200+'),
    ('a space behind the version', request('GET / HTTP/1.1 '), '505'),
    ('tabs for spaces', request('GET\t/\tHTTP/1.1'), '400'),
    ('no target', request('GET HTTP/1.1'), '400'),
    ('nothing for a target', request('GET  HTTP/1.1'), '400'),
    ('no version', request('GET /'), '505'),
    ('HTTP/0.9', b'GET /\r\n', 'waits'),
    ('a carriage return within', request('GET /\r HTTP/1.1'), '400'),
    ('a carriage return for the end', b'GET / HTTP/1.1\rHost: h\r\n\r\n',
     '505'),
    ('something behind the version', request('GET / HTTP/1.1 x'), '505'),
    ('quotes', request('"GET" / HTTP/1.1'), '400'),
    ('only a line feed', b'\n', 'waits'),
    ('half of it', b'GET / HT', 'waits'))

add('version',
    ('1.0, which closes', request('GET / HTTP/1.0'), '200'),
    ('1.0 without Host', request('GET / HTTP/1.0', host=None), '200'),
    ('1.0 that stays', request('GET / HTTP/1.0', 'Connection: keep-alive'),
     '200+'),
    ('0.9', request('GET / HTTP/0.9'), '505'),
    ('1.2', request('GET / HTTP/1.2'), '505'),
    ('1.9', request('GET / HTTP/1.9'), '505'),
    ('2.0', request('GET / HTTP/2.0'), '505'),
    ('3.0', request('GET / HTTP/3.0'), '505'),
    ('9.9', request('GET / HTTP/9.9'), '505'),
    ('1.10', request('GET / HTTP/1.10'), '505'),
    ('11.1', request('GET / HTTP/11.1'), '400|505'),
    ('1', request('GET / HTTP/1'), '400|505'),
    ('1.', request('GET / HTTP/1.'), '400|505'),
    ('-1.1', request('GET / HTTP/-1.1'), '400|505'),
    ('1,1', request('GET / HTTP/1,1'), '400|505'),
    ('in small letters', request('GET / http/1.1'), '400'),
    ('of RTSP, which says the same', request('GET / RTSP/1.0'), '200'),
    ('of something else', request('GET / SIP/2.0'), '400'),
    ('with an s', request('GET / HTTPS/1.1'), '400'),
    ('the preface of HTTP/2', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '505'))

add('method',
    *((name, request(f'{name} / HTTP/1.1'), '405')
      for name in ('PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'PROPFIND',
                   'MKCOL', 'MOVE', 'COPY', 'LOCK', 'SEARCH', 'PURGE',
                   'SUBSCRIBE', 'LINK')),
    ('POST to a file', post('Content-Length: 0'), '405+'),
    ('HEAD', request('HEAD / HTTP/1.1'), '200+'),
    ('OPTIONS of everything', request('OPTIONS * HTTP/1.1'), '405'),
    ('CONNECT', request('CONNECT example.org:443 HTTP/1.1'), '405'),
    ('CONNECT to a path', request('CONNECT / HTTP/1.1'), '405'),
    *((repr(name), request(f'{name} / HTTP/1.1'), '400')
      for name in ('get', 'Get', 'GETT', 'G', 'FOO', 'GE T', 'GET\0', 'G\xc9T',
                   '-', '../GET', 'GET,POST', 'GET:')))

add('path',
    ('a file', get('/index.html'), '200+'),
    ('a file below', get('/sub/file.txt'), '200+'),
    ('a query', get('/?a=b'), '200+'),
    ('an empty query', get('/?'), '200+'),
    ('three slashes', get('///'), '200+'),
    ('a query of paths', get('/index.html?/../../etc/passwd'), '200+'),
    ('a query with an escaped NUL', get('/?%00'), '200+'),
    ('an escaped letter', get('/%69ndex.html'), '200+'),
    *((target, get(target), '400') for target in (
        '/..', '/../', '/../etc/passwd', '/sub/../index.html', '/sub/..',
        '/./index.html', '/.', '/sub/.', '/%2e%2e/etc/passwd', '/%2E%2e',
        '/.%2e/', '/%2e/', '/sub/%2e%2e/index.html', '/..?x', '/..%2fetc',
        '/%2fetc/passwd', '/sub%2Ffile.txt', '/\\..\\', '/sub\\file.txt',
        '/%5c..%5cetc', '/%00', '/index.html%00', '/index.html%00.txt',
        '/%', '/%0', '/%g0', '/%0g', '/%u002e', '/%%30', '/%0d%0aX:%20y',
        '/%0a', '/%0d', '/%09', '/%1b[2J', '/%7f', '/#x', '/index.html#',
        '?', '?/', '#', 'index.html', '*', 'http://h/', 'http://evil/',
        'https://h/', 'HTTP://h/', 'http://h', 'http:/', 'file:///etc/passwd',
        'ftp://h/', 'h:80', '%2f', '@h/', '~', '\\', '..')),
    *((repr(target), get(target), '400') for target in (
        '/\0', '/\x01', '/\x1b', '/\x7f', '/\xff', '/\xe9', '/a\vb', '/a b')),
    *((target, get(target), '404+') for target in (
        '/none', '//etc/passwd', '/sub', '/sub/', '/index.html/x',
        '/.hidden', '/%2ehidden', '/sub/.hidden', '/link', '/...',
        '/..;/', '/%252e%252e/', '/%252e', '/%c0%ae%c0%ae/etc/passwd',
        '/%e0%80%ae', '/%c0%af', '/INDEX.HTML', '/index.html.', '/con',
        '/index.html%20', '/%20', '/~root', '/<script>', "/';--", '/${x}',
        '/%3cscript%3e', '/proc/self/environ', '/1023/exit', '/-1/exit',
        '/999999999999999999999/exit')),
    ('a thousand folders', get('/' + 'a/' * 1000), '404+'),
    ('a name of 300 bytes', get('/' + 'a' * 300), '404+'),
    ('2,048 bytes', get('/' + 'a' * 2047), '404+'),
    ('2,049 bytes', get('/' + 'a' * 2048), '414'),
    ('a query of 2,049 bytes', get('/?' + 'a' * 2047), '414'),
    ('9,000 bytes', get('/' + 'a' * 9000), '414'),
    ('a million bytes', get('/' + 'a' * 1000000), '414'))

add('Host',
    ('none', get('/', host=None), '400'),
    ('empty', get('/', host=''), '400'),
    ('spaces', get('/', host='   '), '400'),
    ('twice', get('/', 'Host: h'), '400'),
    ('two different', get('/', 'Host: evil'), '400'),
    ('two in one', get('/', host='h, evil'), '400'),
    ('a path', get('/', host='h/evil'), '400'),
    ('a user', get('/', host='a@h'), '400'),
    ('a scheme', get('/', host='http://h'), '400'),
    ('a space within', get('/', host='h evil'), '400'),
    ('a tab within', get('/', host='h\tevil'), '400'),
    ('a quote', get('/', host='h"'), '400'),
    ('markup', get('/', host='<b>'), '400'),
    ('a semicolon, into the policy', get('/', host='h;script-src *'), '400'),
    ('a percent', get('/', host='h%0d%0aX'), '400'),
    ('a NUL', get('/', host='h\0evil'), '400'),
    ('a byte above 127', get('/', host='h\xe9'), '400'),
    ('a backslash', get('/', host='h\\'), '400'),
    ('a port', get('/', host='h:80'), '200+'),
    ('an IPv6 address', get('/', host='[::1]:80'), '200+'),
    ('255 bytes', get('/', host='h' * 255), '200+'),
    ('256 bytes', get('/', host='h' * 256), '431'),
    ('a space before the colon', get('/', 'Host : h', host=None), '400'),
    ('folded', get('/', 'Host:', ' h', host=None), '400'))

add('headers',
    ('one that is unknown', get('/', 'X-Unknown: y'), '200+'),
    ('one without value', get('/', 'X:'), '200+'),
    ('a tab in a value', get('/', 'X: a\tb'), '200+'),
    ('a byte above 127 in a value', get('/', 'X: \xff'), '200+'),
    ('no colon', get('/', 'X'), '400'),
    ('no name', get('/', ': y'), '400'),
    ('a space before the colon', get('/', 'X : y'), '400'),
    ('a tab before the colon', get('/', 'X\t: y'), '400'),
    ('a space in a name', get('/', 'X Y: z'), '400'),
    ('a space before the first', b'GET / HTTP/1.1\r\n Host: h\r\n\r\n', '400'),
    ('a space before a name', get('/', ' X: y'), '400'),
    ('a tab before a name', get('/', '\tX: y'), '400'),
    ('folded', get('/', 'X: y', ' z'), '400'),
    ('folded with a tab', get('/', 'X: y', '\tz'), '400'),
    ('folded into nothing', get('/', 'X:', ' '), '400'),
    *((f'{repr(c)} in a name', get('/', f'X{c}: y'), '400')
      for c in '\0\x01\x0b\x0c\x1f\x7f\xe9()<>@,;\\"/[]?={}'),
    *((f'{repr(c)} in a value', get('/', f'X: a{c}b'), '400')
      for c in '\0\x01\x08\x0b\x0c\x1b\x1f\x7f'),
    ('a carriage return in a value', get('/', 'X: a\rb'), '400'),
    ('two carriage returns', get('/', 'X: y\r'), '400'),
    ('line feeds alone', GET.replace(b'\r\n', b'\n'), '400'),
    ('a line feed alone at one end', get('/', 'X: y\nZ: z'), '400'),
    ('a line feed alone at the last', b'GET / HTTP/1.1\r\nHost: h\n\n', '400'),
    ('a carriage return alone at the last',
     b'GET / HTTP/1.1\r\nHost: h\r\n\rX', '400'),
    ('8,192 bytes in all', get('/', 'X: ' + 'y' * (8192 - len(GET) - 5)),
     '200+'),
    ('8,193 bytes in all', get('/', 'X: ' + 'y' * (8193 - len(GET) - 5)),
     '431'),
    ('a value of a million bytes', get('/', 'X: ' + 'y' * 1000000), '431'),
    ('a name of a million bytes', get('/', 'X' * 1000000 + ': y'), '431'),
    ('ten thousand of them', get('/', *['X: y'] * 10000), '431'),
    ('a known one that is too long', get('/', 'Origin: ' + 'o' * 512), '431'),
    ('a known one, repeated until too long',
     get('/', *['Connection: keep-alive'] * 30), '431'),
    ('two answers wanted by Authorization',
     get('/', 'Authorization: a', 'Authorization: b'), '400'),
    ('Expect', post('Expect: 100-continue', 'Content-Length: 5'), '417'),
    ('Expect something else', get('/', 'Expect: x'), '417'),
    ('Range', get('/', 'Range: bytes=0-0'), '200+'),
    ('many ranges', get('/', 'Range: bytes=' + '0-,' * 1000), '200+'),
    ('If-None-Match of anything', get('/', 'If-None-Match: *'), '304+'),
    ('Connection: close', get('/', 'Connection: close'), '200'),
    ('Connection of both', get('/', 'Connection: keep-alive, close'), '200'),
    ('half of one', b'GET / HTTP/1.1\r\nHost: h\r\nX', 'waits'))

add('length',
    ('0', post('Content-Length: 0'), '405+'),
    ('5', post('Content-Length: 5', body=b'hello'), '405+'),
    ('of a GET', get('/', 'Content-Length: 5', body=b'hello'), '200+'),
    ('00005', post('Content-Length: 00005', body=b'hello'), '405+'),
    *((repr(value), post(f'Content-Length: {value}', body=b'hello'), '400')
      for value in ('-1', '+5', '0x5', '5 5', '5,5', '5, 5', '5;', 'abc',
                    '1e3', '5.0', '', ' ', '"5"', '5\0', '5\x0b',
                    '18446744073709551616', '99999999999999999999999')),
    ('twice the same', post(*['Content-Length: 5'] * 2, body=b'hello'), '400'),
    ('two different', post('Content-Length: 5', 'Content-Length: 6',
                           body=b'hello!'), '400'),
    ('folded', post('Content-Length:', ' 5', body=b'hello'), '400'),
    ('a space before the colon', post('Content-Length : 5', body=b'hello'),
     '400'),
    ('at the limit', post(f'Content-Length: {LIMIT}', body=bytes(LIMIT)),
     '405+'),
    ('one above the limit', post(f'Content-Length: {LIMIT + 1}'), '413'),
    ('2^63', post('Content-Length: 9223372036854775808'), '413'),
    ('2^64 - 1', post('Content-Length: 18446744073709551615'), '413'),
    ('more than comes', post('Content-Length: 6', body=b'hello'), 'waits'),
    ('less than comes', post('Content-Length: 4', body=b'hello'), '405+ 400'),
    ('both, the length first',
     post('Content-Length: 5', 'Transfer-Encoding: chunked',
          body=b'0\r\n\r\n'), '400'),
    ('both, the length last',
     chunked(b'0\r\n\r\n', 'Content-Length: 5'), '400'),
    ('both, a length of 0',
     chunked(b'0\r\n\r\n', 'Content-Length: 0'), '400'),
    ('both, and another request in the body',
     post('Content-Length: 40', 'Transfer-Encoding: chunked',
          body=b'0\r\n\r\n' + GET), '400'))

HELLO = b'5\r\nhello\r\n0\r\n\r\n'
add('encoding',
    ('chunked', chunked(HELLO), '405+'),
    ('in another case', post('TRANSFER-ENCODING: ChunkeD', body=HELLO),
     '405+'),
    *((repr(value), post(f'Transfer-Encoding: {value}', body=HELLO),
       '400|501') for value in (
           'identity', 'gzip', 'gzip, chunked', 'chunked, gzip',
           'chunked, chunked', 'chunked,', ', chunked', 'xchunked', 'chunkedx',
           'chunked;q=1', '"chunked"', '', 'chunk', 'chunked identity',
           'chunked\x0b', '\x0bchunked', 'chunked\0')),
    ('twice', post(*['Transfer-Encoding: chunked'] * 2, body=HELLO),
     '400|501'),
    ('twice, one unknown', post('Transfer-Encoding: chunked',
                                'Transfer-Encoding: x', body=HELLO),
     '400|501'),
    ('a space before the colon', post('Transfer-Encoding : chunked',
                                      body=HELLO), '400'),
    ('folded', post('Transfer-Encoding:', ' chunked', body=HELLO), '400'),
    ('of HTTP/1.0', request('POST / HTTP/1.0', 'Transfer-Encoding: chunked',
                            body=HELLO), '400|405'),
    ('of a GET', get('/', 'Transfer-Encoding: chunked', body=HELLO), '200+'),
    ('another header like it', post('Transfer_Encoding: chunked', body=HELLO),
     '405+ 400'))

add('chunks',
    ('none but the last', chunked(b'0\r\n\r\n'), '405+'),
    ('a last of many zeros', chunked(b'0000\r\n\r\n'), '405+'),
    ('capital digits', chunked(b'A\r\n0123456789\r\n0\r\n\r\n'), '405+'),
    ('an extension', chunked(b'5;a=b\r\nhello\r\n0\r\n\r\n'), '405+'),
    ('a quoted extension', chunked(b'5;a="b c"\r\nhello\r\n0\r\n\r\n'),
     '405+'),
    *((repr(size), chunked(size + b'\r\nhello\r\n0\r\n\r\n'), '400')
      for size in (b'', b'g', b'-5', b'+5', b'0x5', b' 5', b'5 5', b'5,',
                   b'5\0', b'5\r', b'\n5', b'5;\0', b'5;\x01',
                   b'10000000000000005', b'fffffffffffffffff')),
    ('2^64 - 1', chunked(b'ffffffffffffffff\r\nhello'), 'waits'),
    ('a size above the limit', chunked(b'10001\r\n' + bytes(LIMIT + 1)),
     '413'),
    ('no line end behind the data', chunked(b'5\r\nhello0\r\n\r\n'), '400'),
    ('too much data', chunked(b'5\r\nhello!\r\n0\r\n\r\n'), '400'),
    ('too little data', chunked(b'5\r\nhell\r\n0\r\n\r\n'), '400'),
    ('a line feed behind the size', chunked(b'5\nhello\r\n0\r\n\r\n'), '400'),
    ('a line feed behind the data', chunked(b'5\r\nhello\n0\r\n\r\n'), '400'),
    ('a line feed behind the last', chunked(b'0\n\n'), '400'),
    ('a carriage return behind the size', chunked(b'5\rhello\r\n0\r\n\r\n'),
     '400'),
    ('no last', chunked(b'5\r\nhello\r\n'), 'waits'),
    ('a thousand', chunked(b'1\r\nx\r\n' * 1000 + b'0\r\n\r\n'), '405+'),
    ('a hundred thousand', chunked(b'1\r\nx\r\n' * 100000), '413'),
    ('an extension of 70,000 bytes',
     chunked(b'5;' + b'a' * 70000 + b'\r\nhello\r\n0\r\n\r\n'), '413'),
    ('a size of 70,000 zeros', chunked(b'0' * 70000), '400|413'),
    ('a trailer', chunked(b'0\r\nX: y\r\n\r\n'), '405+'),
    ('a trailer that would be a length',
     chunked(b'0\r\nContent-Length: 5\r\n\r\n'), '400|405+'),
    ('a trailer that would be a Host', chunked(b'0\r\nHost: evil\r\n\r\n'),
     '405+'),
    ('a trailer without a colon', chunked(b'0\r\nX\r\n\r\n'), '400'),
    ('a trailer with a NUL', chunked(b'0\r\nX: \0\r\n\r\n'), '400'),
    ('trailers of 70,000 bytes', chunked(b'0\r\n' + b'X: y\r\n' * 12000),
     '413'))

add('behind each other',
    ('two', GET * 2, '200+ 200+'),
    ('fifty', GET * 50, ' '.join(['200+'] * 50)),
    ('a refused one, then another', get('/..') + GET, '400'),
    ('one, then rubbish', GET + b'\0\1\2', '200+ 400'),
    ('one, then a line feed', GET + b'\n' + GET, '200+ 200+'),
    ('one that closes, then another', get('/', 'Connection: close') + GET,
     '200'),
    ('HTTP/1.0, then another', request('GET / HTTP/1.0') + GET, '200'),
    ('a body, then another', post('Content-Length: 5', body=b'hello') + GET,
     '405+ 200+'),
    ('chunks, then another', chunked(HELLO) + GET, '405+ 200+'),
    ('a body that looks like another',
     post(f'Content-Length: {len(GET)}', body=GET), '405+'),
    ('HEAD, GET, none, POST',
     request('HEAD / HTTP/1.1') + GET + get('/none') + post(),
     '200+ 200+ 404+ 405+'),
    ('one, then half', GET + b'GET / ', '200+ waits'),
    ('one, then an upgrade', GET + upgrade(), '200+ 101'),
    ('an upgrade that is refused, then another',
     upgrade(version=None) + GET, '426'),
    ('an upgrade, then another', upgrade() + GET, '101'))

add('upgrade',
    ('as it should be', upgrade(), '101'),
    ('a query', upgrade(path='/ws?a=b'), '101'),
    ('an escaped letter', upgrade(path='/%77s'), '101'),
    ('words in other cases', upgrade(asks=('connection: keep-alive, UPGRADE',
                                           'upgrade: WebSocket')), '101'),
    ('a subprotocol', upgrade('Sec-WebSocket-Protocol: chat'), '101'),
    ('compression', upgrade('Sec-WebSocket-Extensions: permessage-deflate'),
     '101'),
    ('its own page', upgrade('Origin: http://h'), '101'),
    ('another page', upgrade('Origin: http://evil'), '403+'),
    ('no page', upgrade('Origin: null'), '403+'),
    ('a page of another port', upgrade('Origin: http://h:81'), '403+'),
    ('a page with a longer name', upgrade('Origin: http://h.evil'), '403+'),
    ('two pages', upgrade('Origin: http://h', 'Origin: http://evil'), '400'),
    ('two pages in one', upgrade('Origin: http://h http://evil'), '403+'),
    ('an empty page', upgrade('Origin:'), '403+'),
    ('POST', upgrade(method='POST'), '405+'),
    ('HEAD', upgrade(method='HEAD'), '405+'),
    ('PUT', upgrade(method='PUT'), '405'),
    ('HTTP/1.0', upgrade(http='HTTP/1.0'), '426'),
    ('HTTP/2.0', upgrade(http='HTTP/2.0'), '505'),
    ('no Host', upgrade(host=None), '400'),
    ('a body', upgrade('Content-Length: 5', body=b'hello'), '400+'),
    ('chunks', upgrade('Transfer-Encoding: chunked', body=HELLO), '400+'),
    ('a body without end', upgrade('Content-Length: 70000'), '413'),
    ('no key', upgrade(key=None), '400+'),
    *((f'the key {value}', upgrade(key=f'Sec-WebSocket-Key: {value}'), '400+')
      for value in ('', 'x', 'dGhlIHNhbXBsZSBub25jZQ', 'dGhlIHNhbXBsZSBub25j',
                    '!!!!!!!!!!!!!!!!!!!!!!==', 'dGhlIHNhbXBsZSBub25jZQ=a',
                    'dGhlIHNhbXBsZSBub25jZQ==, x')),
    ('two keys', upgrade(KEY), '400'),
    ('a key of 5,000 bytes', upgrade(key='Sec-WebSocket-Key: ' + 'a' * 5000),
     '431'),
    ('a key folded', upgrade(key='Sec-WebSocket-Key:\r\n dGhlIHNhbXBsZSBub25j'
                             'ZQ=='), '400'),
    ('no version', upgrade(version=None), '426'),
    *((f'the version {value}',
       upgrade(version=f'Sec-WebSocket-Version: {value}'), '426')
      for value in ('', '0', '8', '12', '14', '013', '13.0', '13, 8', '-13',
                    'x')),
    ('two versions', upgrade(VERSION), '400'),
    ('no Connection', upgrade(asks=('Upgrade: websocket',)), '426'),
    ('Connection of another', upgrade(asks=('Connection: close',
                                            'Upgrade: websocket')), '426'),
    ('Connection like it', upgrade(asks=('Connection: upgraded',
                                         'Upgrade: websocket')), '426'),
    ('no Upgrade', upgrade(asks=('Connection: Upgrade',)), '426'),
    ('to HTTP/2', upgrade(asks=('Connection: Upgrade', 'Upgrade: h2c')),
     '426'),
    ('to TLS', upgrade(asks=('Connection: Upgrade', 'Upgrade: TLS/1.0')),
     '426'),
    ('to something like it', upgrade(asks=('Connection: Upgrade',
                                           'Upgrade: websockets')), '426'),
    ('no upgrade at all', get('/ws'), '426'),
    ('of a file', upgrade(path='/'), '200+'),
    ('of nothing', upgrade(path='/none'), '404+'),
    *((f'at {path}', upgrade(path=path), '404+')
      for path in ('/ws/', '/WS', '//ws', '/ws/x', '/wss')),
    ('at /ws/..', upgrade(path='/ws/..'), '400'),
    ('at an absolute URI', upgrade(path='ws://h/ws'), '400'))

add('administration',
    ('exit by GET', get(f'/{NODE}/exit'), '405+'),
    ('exit by HEAD', request(f'HEAD /{NODE}/exit HTTP/1.1'), '405+'),
    ('exit by a name', request(f'POST /{NODE}/exit HTTP/1.1',
                               host='evil.example'), '403+'),
    ('exit by another page', request(
        f'POST /{NODE}/exit HTTP/1.1', 'Origin: http://evil.example',
        host='127.0.0.1'), '403+'),
    ('exit by no page', request(f'POST /{NODE}/exit HTTP/1.1', 'Origin: null',
                                host='127.0.0.1'), '403+'),
    ('exit of another node', request('POST /1022/exit HTTP/1.1',
                                     host='127.0.0.1'), '404+|405+'),
    ('exit with dots', request(f'POST /x/../{NODE}/exit HTTP/1.1',
                               host='127.0.0.1'), '400'))

add('other protocols',
    ('TLS', bytes.fromhex('16030100c8010000c403034f') + bytes(200), '400'),
    ('SSH', b'SSH-2.0-OpenSSH_9.2\r\n', '400'),
    ('SMB', b'\0\0\0\x85\xffSMB' + bytes(120), '400'),
    ('SMTP', b'EHLO example.org\r\n', '400'),
    ('Redis', b'*1\r\n$4\r\nPING\r\n', '400'),
    ('domi over TCP', bytes.fromhex('fb080000'), '400'),
    ('a WebSocket frame', bytes.fromhex('8205 6865 6c6c 6f'), '400'),
    ('an answer', b'HTTP/1.1 200 OK\r\n\r\n', '400'),
    ('zeros', bytes(10000), '400'),
    ('ones', b'\xff' * 10000, '400'),
    ('every byte', bytes(range(256)) * 40, '400'),
    ('nothing at all', b'', 'waits'))
