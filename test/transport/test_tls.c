/* SPDX-License-Identifier: MIT */
/* Tests of TLS between socket and session: both ends are domi's, on one loop,
   with certificates that the openssl program has made. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "domi/err.h"
#include "domi/tls.h"
#include "frame/frame.h"

#define MIB (1u << 20)

static char folder[] = "/tmp/domi-tls-XXXXXX";

struct scene {
    struct fixture fixture;
    struct party server;
    struct party user;
    struct domi__tls *server_tls;
    struct domi__tls *user_tls;
    struct domi__listener *listener;
    char text[4096]; /* what was logged */
    bool holding;    /* the user takes no frame */
    uint32_t came;   /* frames to the user, in order */
};

/* ---- certificates -------------------------------------------------------- */

static const char *path_of(char *out, const char *name)
{
    snprintf(out, 128, "%s/%s", folder, name);
    return out;
}

static void run(const char *command, const char *arguments)
{
    char line[1024];

    snprintf(line, sizeof(line), "%s %s", command, arguments);
    assert_int_equal(system(line), 0);
}

static int make_certificates(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    run(CERTIFICATES, folder);
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    run("rm -r", folder);
    return 0;
}

/* Takes another's place, as an operator renews a certificate. */
static void copy(const char *from, const char *to)
{
    char line[512];

    snprintf(line, sizeof(line), "%s/%s.pem %s/%s.pem", folder, from, folder,
             to);
    run("cp", line);
    snprintf(line, sizeof(line), "%s/%s.key %s/%s.key", folder, from, folder,
             to);
    run("cp", line);
}

static struct domi__tls *new_tls(struct scene *scene, const char *name,
                                 const char *authority, bool listens)
{
    char cert[128], key[128], ca[128], file[64];
    struct domi_tls_options options = {0};
    struct domi__tls *tls;

    if (name) {
        snprintf(file, sizeof(file), "%s.pem", name);
        options.cert_file = path_of(cert, file);
        snprintf(file, sizeof(file), "%s.key", name);
        options.key_file = path_of(key, file);
    }
    if (authority) {
        snprintf(file, sizeof(file), "%s.pem", authority);
        options.ca_file = path_of(ca, file);
    }
    tls = domi__tls_new(&scene->fixture.log, &options, listens);
    assert_non_null(tls);
    return tls;
}

/* ---- set-up -------------------------------------------------------------- */

static void on_line(enum domi_log_level level, const char *text, void *user)
{
    struct scene *scene = user;
    size_t size = strlen(scene->text);

    (void)level;
    snprintf(scene->text + size, sizeof(scene->text) - size, "%s\n", text);
}

static bool on_user_frame(struct party *party, struct domi__session *session,
                          const struct domi_frame *frame)
{
    struct scene *scene = party->user;

    (void)session;
    if (scene->holding) {
        return false;
    }
    if (frame->type == FIRST_TYPE) {
        scene->came = number_of(frame) + 1;
    }
    return true;
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    fixture_init(&scene->fixture);
    domi__log_init(&scene->fixture.log, on_line, scene);
    party_init(&scene->server, &scene->fixture);
    party_init(&scene->user, &scene->fixture);
    scene->server.limits.send_limit = 64 * MIB;
    scene->user.limits.send_limit = 64 * MIB;
    scene->user.on_frame = on_user_frame;
    scene->user.user = scene;
    *state = scene;
    return 0;
}

static void listen_with(struct scene *scene, const char *name,
                        const char *authority)
{
    struct domi__listen listen = party_listen(&scene->server, 0);

    scene->server_tls = new_tls(scene, name, authority, true);
    assert_int_equal(domi__tls_check(scene->server_tls, "tls"), 0);
    assert_int_equal(
        domi__tls_load(scene->server_tls, scene->fixture.loop), 0);
    listen.tls = scene->server_tls;
    assert_int_equal(domi__tcp_listen(&scene->listener, &listen), 0);
}

static void dial(struct scene *scene)
{
    struct domi__listen listen =
        party_listen(&scene->user, domi__listener_port(scene->listener));

    listen.tls = scene->user_tls;
    assert_non_null(domi__tcp_dial(&listen));
}

static void dial_with(struct scene *scene, const char *name,
                      const char *authority)
{
    domi__tls_free(scene->user_tls);
    scene->user_tls = new_tls(scene, name, authority, false);
    assert_int_equal(domi__tls_load(scene->user_tls, scene->fixture.loop), 0);
    dial(scene);
}

/* Waits until both ends are open. */
static void opens(struct scene *scene)
{
    RUN_UNTIL(&scene->fixture, scene->user.session && scene->server.session);
}

static void open_both(struct scene *scene)
{
    listen_with(scene, "node", NULL);
    dial_with(scene, NULL, "ca");
    opens(scene);
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    if (scene->user.session) {
        domi__session_close(scene->user.session, DOMI_REASON_LEFT);
    }
    RUN_UNTIL(&scene->fixture, scene->server.closed == scene->server.admitted);
    if (scene->listener) {
        listener_end(&scene->fixture, scene->listener);
    }
    fixture_fini(&scene->fixture);
    domi__tls_free(scene->server_tls);
    domi__tls_free(scene->user_tls);
    party_fini(&scene->server);
    party_fini(&scene->user);
    free(scene);
    return 0;
}

static bool was_logged(const struct scene *scene, const char *text)
{
    return strstr(scene->text, text) != NULL;
}

/* ---- frames -------------------------------------------------------------- */

static void carries_frames_of_all_sizes(void **state)
{
    static const uint32_t sizes[] = {4, 5, 100, 16000, 16384, 16385, 70000,
                                     MIB + 7};
    struct scene *scene = *state;
    uint32_t count = sizeof(sizes) / sizeof(sizes[0]);

    open_both(scene);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(send_numbered(scene->server.session, i, sizes[i]), 0);
        assert_int_equal(send_numbered(scene->user.session, i, sizes[i]), 0);
        RUN_UNTIL(&scene->fixture, scene->user.frames == i + 1 &&
                                       scene->server.frames == i + 1);
        assert_int_equal(scene->came, i + 1);
    }
    assert_int_equal(scene->user.size, scene->server.size);
    assert_memory_equal(scene->user.bytes, scene->server.bytes,
                        scene->user.size);
}

/* Many frames in few records, that are in no socket any more when reading goes
   on. */
static void hands_on_what_was_held(void **state)
{
    struct scene *scene = *state;

    open_both(scene);
    scene->holding = true;
    for (uint32_t i = 0; i < 5000; i++) {
        send_numbered(scene->server.session, i, 20);
    }
    RUN_UNTIL(&scene->fixture, scene->user.session->held);
    for (int i = 0; i < 50; i++) {
        fixture_turn_once(&scene->fixture);
    }
    scene->holding = false;
    domi__session_resume(scene->user.session);
    RUN_UNTIL(&scene->fixture, scene->user.frames == 5000);
    assert_int_equal(scene->came, 5000);
}

/* 40 MiB through sockets that take a part of it at a time. */
static void fills_sockets_and_goes_on(void **state)
{
    struct scene *scene = *state;
    const int small = 8192;

    open_both(scene);
    setsockopt(scene->server.session->watch.fd, SOL_SOCKET, SO_SNDBUF, &small,
               sizeof(small));
    scene->holding = true;
    for (uint32_t i = 0; i < 4000; i++) {
        assert_int_equal(send_numbered(scene->server.session, i, 10000), 0);
    }
    RUN_UNTIL(&scene->fixture, scene->server.session->blocked);
    assert_true(domi__session_queued(scene->server.session) > 0);
    scene->holding = false;
    RUN_UNTIL(&scene->fixture, scene->user.session->held);
    domi__session_resume(scene->user.session);
    RUN_UNTIL(&scene->fixture, scene->user.frames == 4000);
    assert_int_equal(scene->came, 4000);
    RUN_UNTIL(&scene->fixture, !scene->server.session->blocked);
    /* The other way as well. */
    send_numbered(scene->user.session, 0, 100);
    RUN_UNTIL(&scene->fixture, scene->server.frames == 1);
}

/* What is encrypted already cannot be taken back: only whole frames behind it
   may go. */
static void drops_whole_frames_for_a_slow_reader(void **state)
{
    struct scene *scene = *state;
    uint32_t last = 0;
    size_t at = 0;

    scene->server.limits.send_policy = DOMI_SEND_DROP_OLDEST;
    scene->server.limits.send_limit = MIB;
    open_both(scene);
    scene->holding = true;
    for (uint32_t i = 0; i < 8000; i++) {
        send_numbered(scene->server.session, i, 5000);
        if (i % 50 == 0) {
            fixture_turn_once(&scene->fixture);
        }
    }
    assert_true(scene->server.dropped > 0);
    scene->holding = false;
    domi__session_resume(scene->user.session);
    RUN_UNTIL(&scene->fixture,
              scene->user.frames + scene->server.dropped == 8000);
    while (at < scene->user.size) {
        struct domi_frame frame;
        uint32_t number;

        at += (size_t)domi_frame_decode(scene->user.bytes + at,
                                        scene->user.size - at, UINT32_MAX,
                                        &frame);
        number = number_of(&frame);
        assert_true(last == 0 || number > last);
        last = number;
    }
    assert_int_equal(last, 7999);
}

static void says_goodbye_behind_the_last_frame(void **state)
{
    struct scene *scene = *state;

    scene->server.has_farewell = true;
    open_both(scene);
    send_numbered(scene->server.session, 0, 100);
    domi__session_close(scene->server.session, DOMI_REASON_KICKED);
    RUN_UNTIL(&scene->fixture, scene->user.closed == 1);
    assert_int_equal(scene->user.frames, 2);
    assert_int_equal(scene->user.reason, DOMI_REASON_PEER_CLOSED);
    assert_false(was_logged(scene, "failed"));
}

/* ---- who is who ---------------------------------------------------------- */

static void refuses_whom_it_does_not_believe(void **state)
{
    static const struct {
        const char *certificate;
        const char *authority;
        const char *why;
    } rows[] = {
        {"forged", "ca", "unable to get local issuer certificate"},
        {"node", "stranger", "unable to get local issuer certificate"},
        {"expired", "ca", "certificate has expired"},
        {"elsewhere", "ca", "IP address mismatch"},
        {"node", NULL, "unable to get local issuer certificate"},
    };
    struct scene *scene = *state;

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        listen_with(scene, rows[i].certificate, NULL);
        dial_with(scene, NULL, rows[i].authority);
        RUN_UNTIL(&scene->fixture, scene->user.closed == i + 1 &&
                                       scene->server.closed == i + 1);
        assert_int_equal(scene->user.reason, DOMI_REASON_TLS);
        assert_int_equal(scene->user.opened, 0);
        assert_int_equal(scene->server.opened, 0);
        assert_true(was_logged(scene, rows[i].why));
        scene->text[0] = '\0';
        listener_end(&scene->fixture, scene->listener);
        domi__tls_free(scene->server_tls);
        scene->server_tls = NULL;
        scene->listener = NULL;
    }
}

static void lets_in_only_whom_the_authority_has_signed(void **state)
{
    static const char *const strangers[] = {NULL, "forged", "expired"};
    struct scene *scene = *state;

    listen_with(scene, "node", "ca");
    for (unsigned i = 0; i < 3; i++) {
        dial_with(scene, strangers[i], "ca");
        RUN_UNTIL(&scene->fixture, scene->user.closed == i + 1 &&
                                       scene->server.closed == i + 1);
        assert_int_equal(scene->server.reason, DOMI_REASON_TLS);
        assert_int_equal(scene->server.opened, 0);
        assert_int_equal(scene->user.opened, 0);
    }
    assert_true(was_logged(scene, "peer did not return a certificate"));
    assert_true(was_logged(scene, "certificate has expired"));
    dial_with(scene, "second", "ca");
    opens(scene);
}

static void believes_a_name_that_it_was_given(void **state)
{
    char ca[128];
    struct domi_tls_options options = {
        .ca_file = path_of(ca, "ca.pem"),
        .server_name = "domi.test",
    };
    struct scene *scene = *state;

    listen_with(scene, "node", NULL);
    scene->user_tls = domi__tls_new(&scene->fixture.log, &options, false);
    assert_int_equal(domi__tls_load(scene->user_tls, scene->fixture.loop), 0);
    dial(scene);
    opens(scene);
    domi__session_close(scene->user.session, DOMI_REASON_LEFT);
    RUN_UNTIL(&scene->fixture, scene->server.closed == 1);

    options.server_name = "other.test";
    domi__tls_free(scene->user_tls);
    scene->user_tls = domi__tls_new(&scene->fixture.log, &options, false);
    assert_int_equal(domi__tls_load(scene->user_tls, scene->fixture.loop), 0);
    dial(scene);
    RUN_UNTIL(&scene->fixture, scene->user.closed == 2);
    assert_int_equal(scene->user.reason, DOMI_REASON_TLS);
    assert_true(was_logged(scene, "hostname mismatch"));
}

static void believes_anybody_when_it_is_told_to(void **state)
{
    const struct domi_tls_options options = {.insecure = 1};
    struct scene *scene = *state;

    listen_with(scene, "forged", NULL);
    scene->user_tls = domi__tls_new(&scene->fixture.log, &options, false);
    assert_int_equal(domi__tls_load(scene->user_tls, scene->fixture.loop), 0);
    dial(scene);
    opens(scene);
}

/* ---- other ways to talk -------------------------------------------------- */

static void cuts_plain_text_at_its_first_byte(void **state)
{
    struct scene *scene = *state;
    struct client client;

    listen_with(scene, "node", NULL);
    client_open(&client, domi__listener_port(scene->listener));
    client_send_magic(&client);
    RUN_UNTIL(&scene->fixture, scene->server.closed == 1);
    assert_int_equal(scene->server.reason, DOMI_REASON_TLS);
    assert_true(was_logged(scene, "it does not speak TLS"));
    RUN_UNTIL(&scene->fixture, client_ended(&client));
    client_close(&client);
}

static void cuts_tls_where_there_is_none(void **state)
{
    struct scene *scene = *state;

    scene->listener = party_open(&scene->server);
    dial_with(scene, NULL, "ca");
    RUN_UNTIL(&scene->fixture,
              scene->server.closed == 1 && scene->user.closed == 1);
    assert_int_equal(scene->server.reason, DOMI_REASON_BAD_MAGIC);
    assert_true(was_logged(scene, "speaks TLS to a port without it"));
    assert_int_equal(scene->user.opened, 0);
}

static void does_not_wait_for_a_slow_handshake(void **state)
{
    struct scene *scene = *state;
    struct client client;

    scene->server.limits.handshake_ms = 50;
    listen_with(scene, "node", NULL);
    client_open(&client, domi__listener_port(scene->listener));
    client_send(&client, "\x16\x03\x01", 3);
    RUN_UNTIL(&scene->fixture, scene->server.closed == 1);
    assert_int_equal(scene->server.reason, DOMI_REASON_HANDSHAKE_TIMEOUT);
    RUN_UNTIL(&scene->fixture, client_ended(&client));
    client_close(&client);
}

/* Bytes that are flipped on the way end the connection. */
static void notices_what_was_changed_on_the_way(void **state)
{
    struct scene *scene = *state;
    const uint8_t record[] = {0x17, 3, 3, 0, 32, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
                              11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
                              23, 24, 25, 26, 27, 28, 29, 30, 31, 32};

    open_both(scene);
    assert_int_equal(send(scene->user.session->watch.fd, record,
                          sizeof(record), MSG_NOSIGNAL),
                     sizeof(record));
    RUN_UNTIL(&scene->fixture, scene->server.closed == 1);
    assert_int_equal(scene->server.reason, DOMI_REASON_TLS);
    RUN_UNTIL(&scene->fixture, scene->user.closed == 1);
}

/* ---- files --------------------------------------------------------------- */

static void refuses_files_that_cannot_be_used(void **state)
{
    static const struct {
        const char *cert;
        const char *key;
        const char *ca;
        const char *why;
    } rows[] = {
        {"none.pem", "node.key", NULL, "none.pem cannot be used: No such file"},
        {"node.key", "node.key", NULL, "node.key cannot be used: "},
        {"node.pem", "none.key", NULL, "none.key cannot be used: No such file"},
        {"node.pem", "second.key", NULL, "second.key cannot be used: "},
        {"node.pem", "node.key", "none.pem", "none.pem cannot be used: "},
        {"node.pem", "node.key", "node.key", "node.key cannot be used: "},
    };
    struct scene *scene = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char cert[128], key[128], ca[128];
        const struct domi_tls_options options = {
            .cert_file = path_of(cert, rows[i].cert),
            .key_file = path_of(key, rows[i].key),
            .ca_file = rows[i].ca ? path_of(ca, rows[i].ca) : NULL,
        };
        struct domi__tls *tls =
            domi__tls_new(&scene->fixture.log, &options, true);

        scene->text[0] = '\0';
        assert_int_equal(domi__tls_load(tls, scene->fixture.loop), DOMI_E_TLS);
        assert_true(was_logged(scene, rows[i].why));
        domi__tls_free(tls);
    }
}

static void wants_certificate_and_key(void **state)
{
    struct scene *scene = *state;
    const struct domi_tls_options half = {.cert_file = "a"};
    const struct domi_tls_options none = {.ca_file = "a"};
    struct domi__tls *tls;

    tls = domi__tls_new(&scene->fixture.log, &half, false);
    assert_int_equal(domi__tls_check(tls, "tls"), DOMI_E_OPTION);
    assert_true(was_logged(scene, "option tls must have both"));
    domi__tls_free(tls);
    tls = domi__tls_new(&scene->fixture.log, &none, true);
    assert_int_equal(domi__tls_check(tls, "link_tls"), DOMI_E_OPTION);
    assert_true(was_logged(scene, "option link_tls must have cert_file"));
    domi__tls_free(tls);
    tls = domi__tls_new(&scene->fixture.log, &none, false);
    assert_int_equal(domi__tls_check(tls, "link_tls"), 0);
    domi__tls_free(tls);
}

/* The certificate is renewed by another authority, then replaced by rubbish. */
static void new_files_are_for_new_connections(void **state)
{
    struct scene *scene = *state;
    struct domi__session *first;

    copy("node", "live");
    listen_with(scene, "live", NULL);
    dial_with(scene, NULL, "ca");
    opens(scene);
    first = scene->server.session;

    copy("forged", "live");
    assert_int_equal(domi__tls_load(scene->server_tls, scene->fixture.loop),
                     0);
    scene->user.session = NULL;
    dial_with(scene, NULL, "stranger");
    RUN_UNTIL(&scene->fixture, scene->user.opened == 2);

    run("echo rubbish >", path_of((char[128]){0}, "live.pem"));
    assert_int_equal(domi__tls_load(scene->server_tls, scene->fixture.loop),
                     DOMI_E_TLS);
    domi__session_close(scene->user.session, DOMI_REASON_LEFT);
    RUN_UNTIL(&scene->fixture, scene->user.closed == 1);
    dial_with(scene, NULL, "stranger");
    RUN_UNTIL(&scene->fixture, scene->user.opened == 3);

    /* The first knows nothing of all that. */
    send_numbered(first, 0, 100);
    RUN_UNTIL(&scene->fixture, scene->user.frames == 1);
    domi__session_close(first, DOMI_REASON_LEFT);
    RUN_UNTIL(&scene->fixture, scene->user.closed == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(carries_frames_of_all_sizes),
        TEST(hands_on_what_was_held),
        TEST(fills_sockets_and_goes_on),
        TEST(drops_whole_frames_for_a_slow_reader),
        TEST(says_goodbye_behind_the_last_frame),
        TEST(refuses_whom_it_does_not_believe),
        TEST(lets_in_only_whom_the_authority_has_signed),
        TEST(believes_a_name_that_it_was_given),
        TEST(believes_anybody_when_it_is_told_to),
        TEST(cuts_plain_text_at_its_first_byte),
        TEST(cuts_tls_where_there_is_none),
        TEST(does_not_wait_for_a_slow_handshake),
        TEST(notices_what_was_changed_on_the_way),
        TEST(refuses_files_that_cannot_be_used),
        TEST(wants_certificate_and_key),
        TEST(new_files_are_for_new_connections),
#undef TEST
    };

    return cmocka_run_group_tests(tests, make_certificates,
                                  remove_certificates);
}
