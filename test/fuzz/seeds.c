/* SPDX-License-Identifier: MIT */
/* Writes the inputs that fuzzing begins with: seeds FOLDER */
#include "seeds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../frame/golden.h"

#define SEED_MAX 65536u

static const char *folder;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

void seed_write(const char *target, const char *name, const void *bytes,
                size_t size)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, target);
    mkdir(path, 0777);
    snprintf(path, sizeof(path), "%s/%s/%s", folder, target, name);
    file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file)) {
        fail(path);
    }
}

size_t seed_hex(uint8_t *out, const char *hex)
{
    size_t size = 0;
    unsigned byte;

    for (; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
        out[size++] = (uint8_t)byte;
    }
    return size;
}

/* ---- frames -------------------------------------------------------------- */

static void write_frame(const char *name, const char *hex)
{
    uint8_t seed[SEED_MAX];

    domi_put_u16(seed, GOLDEN_LIMIT);
    seed_write("frame", name, seed, 2 + seed_hex(seed + 2, hex));
}

static void write_frames(void)
{
    uint8_t all[SEED_MAX];
    size_t size = 2;

    domi_put_u16(all, 65535);
    for (size_t i = 0; i < sizeof(golden_frames) / sizeof(golden_frames[0]);
         i++) {
        write_frame(golden_frames[i].name, golden_frames[i].hex);
        size += seed_hex(all + size, golden_frames[i].hex);
    }
    seed_write("frame", "all", all, size);
    for (size_t i = 0; i < sizeof(golden_hostile) / sizeof(golden_hostile[0]);
         i++) {
        write_frame(golden_hostile[i].name, golden_hostile[i].hex);
    }
}

/* ---- WebSocket ----------------------------------------------------------- */

/* Masks are 00000000, so that texts can be read, or 01020304. */
static const struct {
    const char *name;
    const char *hex;
} websocket[] = {
    {"binary", "82880000000008000000000001 00"},
    {"masked", "8284010203046163636f"},
    {"magic-then-frame", "828400000000fb08000082880000000008000000000032 00"},
    {"text-in-fragments", "018300000000e282ac0083000000006162638080000000 00"},
    {"text-cut-in-a-character", "018100000000e280820000000082ac"},
    {"text-of-all-lengths", "818f0000000041c3a9e282acf09f9880f48fbfbf41"},
    {"text-surrogate", "818300000000eda080"},
    {"text-overlong", "818300000000e08080"},
    {"text-beyond", "818400000000f4908080"},
    {"text-not-ended", "818100000000f0"},
    {"text-bad-byte", "8181000000 00ff"},
    {"ping", "898300000000616263"},
    {"pong", "8a8000000000"},
    {"ping-in-a-message", "0281000000004189800000000080810000000042"},
    {"close", "888200000000 03e8"},
    {"close-with-text", "888500000000 0fa0627965"},
    {"close-without-code", "888000000000"},
    {"close-of-one-byte", "88810000000003"},
    {"close-bad-code", "888200000000 03ed"},
    {"close-bad-text", "888300000000 03e8ff"},
    {"not-masked", "820161"},
    {"reserved-bit", "c28100000000 61"},
    {"reserved-opcode", "838100000000 61"},
    {"reserved-control", "8b8000000000"},
    {"ping-in-fragments", "098000000000"},
    {"ping-too-long", "89fe007e00000000"},
    {"length-16", "82fe007e00000000"},
    {"length-16-not-shortest", "82fe007d00000000"},
    {"length-64", "82ff000000000001000000000000"},
    {"length-64-not-shortest", "82ff000000000000ffff00000000"},
    {"length-64-huge", "82ffffffffffffffffff00000000"},
    {"continuation-of-nothing", "80800000000 0"},
    {"message-in-a-message", "028100000000618281000000 0062"},
    {"empty-fragments", "02800000000000800000000000800000000080800000 0000"},
};

static void write_websocket(void)
{
    for (size_t i = 0; i < sizeof(websocket) / sizeof(websocket[0]); i++) {
        uint8_t seed[SEED_MAX] = {2};
        char hex[1024];
        size_t size = 0;

        for (const char *c = websocket[i].hex; *c; c++) {
            if (*c != ' ') {
                hex[size++] = *c;
            }
        }
        hex[size] = '\0';
        domi_put_u16(seed + 1, 1024);
        seed_write("websocket", websocket[i].name, seed,
                   3 + seed_hex(seed + 3, hex));
    }
}

/* ---- HTTP ---------------------------------------------------------------- */

#define HOST "Host: localhost:8080\r\n"
#define UPGRADE                                                                \
    "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"                \
    "Sec-WebSocket-Version: 13\r\n"                                            \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static const struct {
    const char *name;
    const char *text;
} http[] = {
    {"get", "GET / HTTP/1.1\r\n" HOST "\r\n"},
    {"get-old", "GET /a HTTP/1.0\r\n\r\n"},
    {"head", "HEAD /chat.js?v=1 HTTP/1.1\r\n" HOST "\r\n"},
    {"pipelined", "GET /a HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/1.1\r\n" HOST
                  "\r\n"},
    {"post", "POST /1/exit HTTP/1.1\r\n" HOST
             "Authorization: Bearer t\r\nContent-Length: 3\r\n\r\nabc"},
    {"chunked", "POST /1/exit HTTP/1.1\r\n" HOST "X-Domi-Token: t\r\n"
                "Transfer-Encoding: chunked\r\n\r\n"
                "3;x=y\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n"},
    {"upgrade", "GET /ws HTTP/1.1\r\n" HOST UPGRADE
                "Origin: http://localhost:8080\r\n\r\n"},
    {"upgrade-foreign", "GET /ws HTTP/1.1\r\n" HOST UPGRADE
                        "Origin: https://evil.example\r\n\r\n"},
    {"upgrade-null", "GET /ws HTTP/1.1\r\n" HOST UPGRADE
                     "Origin: null\r\n\r\n"},
    {"upgrade-post", "POST /ws HTTP/1.1\r\n" HOST UPGRADE "\r\n"},
    {"upgrade-with-body", "GET /ws HTTP/1.1\r\n" HOST UPGRADE
                          "Content-Length: 1\r\n\r\nx"},
    {"upgrade-no-key", "GET /ws HTTP/1.1\r\n" HOST
                       "Connection: upgrade\r\nUpgrade: websocket\r\n"
                       "Sec-WebSocket-Version: 13\r\n\r\n"},
    {"known-file", "GET / HTTP/1.1\r\n" HOST
                   "If-None-Match: \"1.1.1\", \"5f.1.2\"\r\n\r\n"},
    {"expect", "POST / HTTP/1.1\r\n" HOST
               "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n"},
    {"two-lengths", "POST / HTTP/1.1\r\n" HOST
                    "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"},
    {"both-lengths", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"gzip", "POST / HTTP/1.1\r\n" HOST
             "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
    {"long-body", "POST / HTTP/1.1\r\n" HOST
                  "Content-Length: 99999999\r\n\r\n"},
    {"no-host", "GET / HTTP/1.1\r\n\r\n"},
    {"two-hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n"},
    {"bad-host", "GET / HTTP/1.1\r\nHost: a b<c\r\n\r\n"},
    {"host-v6", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"},
    {"host-v4", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"},
    {"joined", "GET / HTTP/1.1\r\n" HOST "Connection: a\r\nConnection: b\r\n"
               "\r\n"},
    {"put", "PUT / HTTP/1.1\r\n" HOST "\r\n"},
    {"connect", "CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n"},
    {"absolute", "GET http://a/b HTTP/1.1\r\n" HOST "\r\n"},
    {"star", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"},
    {"old", "GET /\r\n"},
    {"two", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    {"version", "GET / HTTP/1.2\r\n" HOST "\r\n"},
    {"escaped", "GET /a%20b%C3%a9 HTTP/1.1\r\n" HOST "\r\n"},
    {"escaped-slash", "GET /a%2fb HTTP/1.1\r\n" HOST "\r\n"},
    {"escaped-badly", "GET /a%2 HTTP/1.1\r\n" HOST "\r\n"},
    {"escaped-none", "GET /a%zz HTTP/1.1\r\n" HOST "\r\n"},
    {"dots", "GET /a/%2e%2e/b HTTP/1.1\r\n" HOST "\r\n"},
    {"backslash", "GET /a%5cb HTTP/1.1\r\n" HOST "\r\n"},
    {"fragment", "GET /a#b HTTP/1.1\r\n" HOST "\r\n"},
    {"folded", "GET / HTTP/1.1\r\n" HOST "Upgrade: a\r\n b\r\n\r\n"},
    {"spaces", "GET / HTTP/1.1\r\n" HOST "Upgrade:  a \t \r\n\r\n"},
    {"long-name", "GET / HTTP/1.1\r\n" HOST
                  "A-name-that-is-longer-than-any-that-is-kept: 1\r\n\r\n"},
    {"line-feeds", "GET / HTTP/1.1\nHost: a\n\n"},
};

static void write_http_long(const char *name, const char *before,
                            size_t filling, const char *after)
{
    static char seed[2 * SEED_MAX];
    int size = snprintf(seed + 1, sizeof(seed) - 1, "%s%*s%s", before,
                        (int)filling, "", after);

    for (int i = 1; i <= size; i++) {
        seed[i] = seed[i] == ' ' && (size_t)i > strlen(before) &&
                          (size_t)i <= strlen(before) + filling
                      ? 'a'
                      : seed[i];
    }
    seed[0] = 63;
    seed_write("http", name, seed, (size_t)size + 1);
}

static void write_http(void)
{
    for (size_t i = 0; i < sizeof(http) / sizeof(http[0]); i++) {
        char seed[4096];
        int size = snprintf(seed, sizeof(seed), "\x06%s", http[i].text);

        seed_write("http", http[i].name, seed, (size_t)size);
    }
    write_http_long("long-target", "GET /", 2048, " HTTP/1.1\r\n" HOST "\r\n");
    write_http_long("long-value", "GET / HTTP/1.1\r\n" HOST "Upgrade: ", 64,
                    "\r\n\r\n");
    write_http_long("long-join", "GET / HTTP/1.1\r\n" HOST "Upgrade: ", 62,
                    "\r\nUpgrade: b\r\n\r\n");
    write_http_long("long-head", "GET / HTTP/1.1\r\n" HOST "A: ", 8192,
                    "\r\n\r\n");
    write_http_long("long-chunks", "POST / HTTP/1.1\r\n" HOST
                    "Transfer-Encoding: chunked\r\n\r\n20000\r\n", 65536, "");
}

/* ---- Consul -------------------------------------------------------------- */

#define ENTRY(id, host, port, more, checks)                                    \
    "{\"Node\":{\"Node\":\"n1\",\"Address\":\"10.0.0.1\"},"                    \
    "\"Service\":{\"ID\":\"" id "\",\"Address\":\"" host "\",\"Port\":" port   \
    more "},\"Checks\":[" checks "]}"
#define PASSING "{\"Status\":\"passing\"}"
#define META(port, version, state)                                             \
    ",\"CreateIndex\":7,\"Meta\":{\"http_port\":\"" port                       \
    "\",\"version\":\"" version "\",\"state\":\"" state "\"}"
#define KEY "{\"Key\":\"domi/nodes/7\",\"ModifyIndex\":9,"

/* The first byte chooses the reader, see target_consul.c. */
static const struct {
    const char *name;
    char reader;
    const char *text;
} consul[] = {
    {"health", 0, "[" ENTRY("1", "127.0.0.1", "80", META("81", "2", "serve"),
                            PASSING) "]"},
    {"health-drain", 0, "[" ENTRY("1", "::1", "80", META("81", "2", "drain"),
                                  "{\"Status\":\"warning\"}") "]"},
    {"health-critical", 0, "[" ENTRY("3", "", "80", "", PASSING
                           ",{\"Status\":\"critical\"},{\"Status\":\"x\"},{}")
                           "]"},
    {"health-meta", 0, "[" ENTRY("2", "127.0.0.1", "80",
                                 META("x", "0x1", "what"), "") "]"},
    {"health-two", 0,
     "[" ENTRY("1", "127.0.0.1", "80", "", PASSING) ","
     ENTRY("1", "127.0.0.2", "81", META("1", "1", ""), PASSING) ","
     ENTRY("2", "127.0.0.2", "81", "", "") ","
     ENTRY("3", "127.0.0.2", "81", META("0", "1", ""), PASSING) "]"},
    {"health-bad", 0, "[{},1,null,\"x\",[]," ENTRY("1023", "a", "80", "", "")
                      "," ENTRY("01", "127.0.0.1", "80", "", "") ","
                      ENTRY("", "127.0.0.1", "80", "", "") ","
                      ENTRY("-1", "0.0.0.0", "80", "", "") ","
                      ENTRY("5", "0.0.0.0", "80", "", "") ","
                      ENTRY("5", "127.0.0.1", "0", "", "") ","
                      ENTRY("5", "127.0.0.1", "1.5", "", "") "]"},
    {"health-none", 0, "{}"},
    {"health-empty", 0, ""},
    {"health-cut", 0, "[{\"Service\":"},
    {"health-string", 0, "[\"a\\u0000\\\"[[[\"]"},
    {"deep", 0, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
                "[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"},
    {"closed", 0, "]]]]}}[]"},
    {"key", 1, "[" KEY "\"Session\":\"a-b-c\",\"Value\":\"MTIz\"}]"},
    {"key-empty", 1, "[" KEY "\"Value\":null}]"},
    {"key-bad-base64", 1, "[" KEY "\"Value\":\"M=Iz\"}]"},
    {"key-short-base64", 1, "[" KEY "\"Value\":\"MTI\"}]"},
    {"key-long-session", 1, "[" KEY "\"Session\":\"0123456789012345678901234567"
                            "890123456789012345678901234567890123456789\"}]"},
    {"key-no-index", 1, "[{\"Key\":\"a\",\"ModifyIndex\":0}]"},
    {"key-none", 1, "[]"},
    {"health-short", 18, "\x01" "[" ENTRY("1", "127.0.0.1", "80", "", "") "]"},
    {"health-short-2", 18, "\x02[{}]"},
    {"health-short-3", 18, "\x03[{}]"},
    {"health-short-4", 18, "\x04[{}]"},
    {"address-short", 112, "\x01http://a:1"},
    {"base64-short", 80, "\x01YWI="},
    {"key-object", 1, "{\"Key\":\"a\"}"},
    {"ids-keys", 2,
     "[\"domi/nodes/0\",\"domi/nodes/1022\",\"domi/nodes/x\",1]"},
    {"ids-reserves", 5, "[" KEY "\"Flags\":0}," KEY "\"Session\":\"x\"},{}]"},
    {"ids-services", 2, "[{\"ServiceID\":\"7\",\"Status\":\"passing\","
                        "\"Notes\":\"domi\"},{\"ServiceID\":\"8\",\"Status\":"
                        "\"critical\"},{\"ServiceID\":\"x\"}]"},
    {"ids-no-list", 2, "1"},
    {"error-403", 33, "Permission denied: token lacks 'key:write'\n"},
    {"error-500", 34, "rpc error: No cluster leader\r\n"},
    {"error-302", 37, "<a href=\"x\">\x01\x7f\xff</a>"},
    {"error-404", 35, ""},
    {"base64", 64, "aGVsbG8gd29ybGQhIQ=="},
    {"base64-two", 64, "YWI="},
    {"base64-long", 64, "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4O"
                        "TAxMjM0NTY3ODkwMTIz"},
    {"address", 96, "127.0.0.1:8500"},
    {"address-port", 96, ":8500"},
    {"address-name", 96, "localhost"},
    {"address-url", 96, "http://consul.example:80/"},
    {"address-tls", 96, "https://[::1]:8501"},
    {"address-v6", 96, "[::1]"},
    {"address-v6-bad", 96, "[::zz]:1"},
    {"address-unix", 96, "unix:///run/consul.sock"},
    {"address-unix-none", 96, "unix://"},
    {"address-user", 96, "http://a@b:80"},
    {"address-scheme", 96, "ftp://b"},
    {"index", (char)128, "18446744073709551616"},
    {"index-good", (char)128, "1022"},
    {"index-none", (char)128, "x"},
    {"version-long", (char)128, "2147483648"},
};

/* More faults than are kept. */
static void write_faults(void)
{
    char seed[1024] = "\x03[";
    size_t size = 2;

    for (unsigned i = 0; i < 70; i++) {
        size += (size_t)sprintf(seed + size, "{},");
    }
    sprintf(seed + size, "1]");
    seed_write("consul", "health-faults", seed, size + 2);
}

static void write_consul(void)
{
    write_faults();
    for (size_t i = 0; i < sizeof(consul) / sizeof(consul[0]); i++) {
        char seed[8192];
        size_t size = strlen(consul[i].text);

        seed[0] = consul[i].reader;
        memcpy(seed + 1, consul[i].text, size);
        seed_write("consul", consul[i].name, seed, size + 1);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: seeds FOLDER\n");
        return 1;
    }
    folder = argv[1];
    mkdir(folder, 0777);
    write_frames();
    write_websocket();
    write_http();
    write_consul();
    seeds_write_scripts();
    return 0;
}
