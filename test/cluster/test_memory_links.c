/* SPDX-License-Identifier: MIT */
/* Links to zones of the same process: opened through memory, and given up. */
#include "links_fixture.h"

/* A zone in this process, as the port sees it. */
struct port {
    struct domi__memory_port base;
    struct domi__session_limits limits;
    uint64_t id; /* for the next link; 0 refuses it */
    struct domi__session *session;
    unsigned hellos, closed;
};

static uint64_t port_admit(void *arg)
{
    return ((struct port *)arg)->id;
}

static void port_on_open(struct domi__session *session)
{
    ((struct port *)session->arg)->session = session;
}

static bool port_on_frame(struct domi__session *session,
                          const struct domi_frame *frame, const uint8_t *wire)
{
    (void)wire;
    ((struct port *)session->arg)->hellos += frame->type == DOMI__FRAME_HELLO;
    return true;
}

static void port_on_close(struct domi__session *session,
                          enum domi_reason reason)
{
    (void)reason;
    ((struct port *)session->arg)->closed++;
}

static const struct domi__session_owner port_owner = {
    .size = sizeof(struct domi__session),
    .admit = port_admit,
    .on_open = port_on_open,
    .on_frame = port_on_frame,
    .on_close = port_on_close,
};

static struct domi__node port_open(struct fixture *fixture, struct port *port)
{
    *port = (struct port){
        .base = {.loop = fixture->loop,
                 .log = &fixture->log,
                 .owner = &port_owner,
                 .limits = &port->limits,
                 .arg = port},
        .limits = {.frame_limit = 1024,
                   .send_limit = 64 * 1024,
                   .handshake_ms = 5000,
                   .silence_ms = 10000},
        .id = 77,
    };
    return (struct domi__node){
        .id = 1, .service = "room", .memory = &port->base};
}

static void opens_a_link_through_memory(void **state)
{
    struct fixture fixture;
    struct port port;
    struct domi__node node;
    struct domi__link *link;

    (void)state;
    open_links(&fixture);
    node = port_open(&fixture, &port);
    link = domi__links_get(fixture.links, &node);
    assert_int_equal(fixture.up, 0); /* never before it returns */
    assert_ptr_equal(domi__links_get(fixture.links, &node), link);
    UNTIL(&fixture.net, fixture.up == 1 && port.hellos == 1);
    assert_int_equal(domi__link_id(link), 77);
    stop_links(&fixture);
    UNTIL(&fixture.net, port.closed == 1);
    close_links(&fixture);
}

static void gives_up_a_lost_link_through_memory(void **state)
{
    struct fixture fixture;
    struct port port;
    struct domi__node node;

    (void)state;
    open_links(&fixture);
    node = port_open(&fixture, &port);
    domi__links_get(fixture.links, &node);
    UNTIL(&fixture.net, fixture.up == 1 && port.hellos == 1);
    /* Who asks while it is lost gets a link to the present port. */
    fixture.ask_again = &node;
    port.id = 78;
    domi__session_close(port.session, DOMI_REASON_STOPPING);
    UNTIL(&fixture.net, fixture.gone == 1);
    assert_int_equal(fixture.down, 1);
    UNTIL(&fixture.net, fixture.up == 2);
    assert_ptr_equal(fixture.last, fixture.again);
    assert_int_equal(domi__link_id(fixture.again), 78);
    close_links(&fixture);
}

static void gives_up_when_the_port_refuses(void **state)
{
    struct fixture fixture;
    struct port port;
    struct domi__node node;

    (void)state;
    open_links(&fixture);
    node = port_open(&fixture, &port);
    port.id = 0;
    assert_non_null(domi__links_get(fixture.links, &node));
    assert_int_equal(fixture.gone, 0);
    UNTIL(&fixture.net, fixture.gone == 1);
    assert_int_equal(fixture.up, 0);
    assert_int_equal(fixture.down, 0);
    close_links(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_a_link_through_memory),
        cmocka_unit_test(gives_up_a_lost_link_through_memory),
        cmocka_unit_test(gives_up_when_the_port_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
