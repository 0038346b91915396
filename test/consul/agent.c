/* SPDX-License-Identifier: MIT */
/* A real Consul agent for a test, and a look into it. */
#include "agent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PORT 18500 /* below the ports that the system gives away */
#define PORTS 4
#define HCL_SIZE 2048
#define READY_S 60
#define ANSWER_S 10
#define LOOK_AGAIN_NS 10000000
#define ARGUMENTS 24

#define COMMON_HCL                                                             \
    "session_ttl_min = \"1s\" disable_update_check = true "                    \
    "limits { http_max_conns_per_client = 5000 } "                             \
    "performance { raft_multiplier = 1 }"

static const char *program(void)
{
    const char *path = getenv("DOMI_CONSUL");

    if (!path) {
        fail_msg("DOMI_CONSUL is not set; test/run sets it to what "
                 "test/consul/fetch prints");
    }
    return path;
}

/* ---- one request --------------------------------------------------------- */

static int connect_to(const struct agent *agent)
{
    const struct timeval limit = {.tv_sec = ANSWER_S};
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)agent->port),
        .sin_addr.s_addr = inet_addr(agent->host),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Version 1.0, so that the answer ends with the connection and comes in one
   piece. */
static int send_request(const struct agent *agent, int fd, const char *method,
                        const char *path, const char *body)
{
    char *request = NULL;
    const char *token = agent->options.token;
    int size =
        asprintf(&request,
                 "%s %s HTTP/1.0\r\nHost: consul\r\n"
                 "%s%s%sContent-Length: %zu\r\n\r\n%s",
                 method, path, token ? "X-Consul-Token: " : "",
                 token ? token : "", token ? "\r\n" : "", strlen(body), body);
    ssize_t sent;

    assert_true(size > 0);
    sent = send(fd, request, (size_t)size, MSG_NOSIGNAL);
    free(request);
    return sent == size ? 0 : -1;
}

static char *read_answer(int fd)
{
    size_t size = 0;
    size_t room = 65536;
    char *answer = malloc(room + 1);

    assert_non_null(answer);
    for (;;) {
        ssize_t n = recv(fd, answer + size, room - size, 0);

        if (n < 0) {
            free(answer);
            return NULL;
        }
        size += (size_t)n;
        answer[size] = '\0';
        if (n == 0) {
            return answer;
        }
        if (size == room) {
            room *= 2;
            answer = realloc(answer, room + 1);
            assert_non_null(answer);
        }
    }
}

int agent_ask(const struct agent *agent, const char *method, const char *path,
              const char *body, char *out, size_t size)
{
    int fd = connect_to(agent);
    char *answer = NULL;
    const char *end = NULL;
    int status = 0;

    if (fd >= 0 &&
        send_request(agent, fd, method, path, body ? body : "") == 0) {
        answer = read_answer(fd);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (answer) {
        end = strstr(answer, "\r\n\r\n");
    }
    if (end && sscanf(answer, "HTTP/%*s %d", &status) != 1) {
        fail_msg("%s %s: no HTTP: %.80s", method, path, answer);
    }
    if (out) {
        snprintf(out, size, "%s", end ? end + 4 : "");
    }
    free(answer);
    return status;
}

int agent_get(const struct agent *agent, const char *path, char *out,
              size_t size)
{
    return agent_ask(agent, "GET", path, NULL, out, size);
}

int agent_put(const struct agent *agent, const char *path, const char *body)
{
    return agent_ask(agent, "PUT", path, body, NULL, 0);
}

int agent_delete(const struct agent *agent, const char *path)
{
    return agent_ask(agent, "DELETE", path, NULL, NULL, 0);
}

/* ---- its process --------------------------------------------------------- */

/* The child's part. Nothing but system calls: the test may have threads. */
static void become(const char *const *arguments, const char *log, pid_t parent)
{
    int in = open("/dev/null", O_RDONLY);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent && dup2(in, 0) == 0 && dup2(out, 1) == 1 &&
        dup2(out, 2) == 2) {
        execv(arguments[0], (char *const *)arguments);
    }
    _exit(127);
}

static pid_t spawn(const struct agent *agent, const char *const *arguments)
{
    char log[80];
    pid_t parent = getpid();
    pid_t pid;

    snprintf(log, sizeof(log), "%s/log", agent->dir);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        become(arguments, log, parent);
    }
    return pid;
}

static void print_log(const struct agent *agent)
{
    char path[80];
    char line[512];
    FILE *log;

    snprintf(path, sizeof(path), "%s/log", agent->dir);
    log = fopen(path, "r");
    while (log && fgets(line, sizeof(line), log)) {
        print_error("%s", line);
    }
    if (log) {
        fclose(log);
    }
}

/* Copies the configuration with its @NAMES@ replaced. */
static void fill_in(const struct agent *agent, char *out)
{
    char https[16];
    const struct {
        const char *name;
        const char *value;
    } names[] = {
        {"@DIR@", agent->dir}, {"@HOST@", agent->host}, {"@HTTPS@", https}};
    const char *in = agent->options.hcl;
    size_t size = 0;

    snprintf(https, sizeof(https), "%d", agent->port + 3);
    while (*in) {
        const char *value = NULL;

        for (size_t i = 0; i < 3 && !value; i++) {
            size_t length = strlen(names[i].name);

            if (strncmp(in, names[i].name, length) == 0) {
                value = names[i].value;
                in += length;
            }
        }
        if (value) {
            size += (size_t)snprintf(out + size, HCL_SIZE - size, "%s", value);
        } else {
            out[size++] = *in++;
        }
        assert_true(size < HCL_SIZE);
    }
    out[size] = '\0';
}

static void spawn_agent(struct agent *agent)
{
    char hcl[HCL_SIZE];
    char bind[32], client[32], http[32], server[32], serf[32], node[40];
    char data[80];
    const char *arguments[ARGUMENTS] = {
        program(),
        "agent",
        bind,
        client,
        http,
        server,
        serf,
        node,
        "-serf-wan-port=-1",
        "-grpc-port=-1",
        "-dns-port=-1",
        "-hcl",
        COMMON_HCL,
    };
    size_t count = 0;

    snprintf(bind, sizeof(bind), "-bind=%s", agent->host);
    snprintf(client, sizeof(client), "-client=%s", agent->host);
    snprintf(http, sizeof(http), "-http-port=%d", agent->port);
    snprintf(server, sizeof(server), "-server-port=%d", agent->port + 1);
    snprintf(serf, sizeof(serf), "-serf-lan-port=%d", agent->port + 2);
    snprintf(node, sizeof(node), "-node=test-%d", agent->port);
    snprintf(data, sizeof(data), "-data-dir=%s/data", agent->dir);
    while (arguments[count]) {
        count++;
    }
    if (agent->options.dev) {
        arguments[count++] = "-dev";
    } else {
        arguments[count++] = "-server";
        arguments[count++] = "-bootstrap-expect=1";
        arguments[count++] = data;
    }
    if (agent->options.hcl) {
        arguments[count++] = "-hcl";
        fill_in(agent, hcl);
        arguments[count++] = hcl;
    }
    agent->pid = spawn(agent, arguments);
}

/* A session can be made once there is a leader and the agent's node is in the
   catalog. */
static bool is_ready(const struct agent *agent)
{
    char answer[256];
    char path[128];
    char id[64];

    if (agent_ask(agent, "PUT", "/v1/session/create", "{}", answer,
                  sizeof(answer)) != 200) {
        return false;
    }
    if (sscanf(answer, "{ \"ID\" : \"%63[0-9a-f-]", id) != 1) {
        fail_msg("no session id in: %s", answer);
    }
    snprintf(path, sizeof(path), "/v1/session/destroy/%s", id);
    return agent_put(agent, path, NULL) == 200;
}

static time_t now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void wait_until_ready(struct agent *agent)
{
    const struct timespec pause = {.tv_nsec = LOOK_AGAIN_NS};
    time_t until = now_s() + READY_S;

    while (!is_ready(agent)) {
        if (waitpid(agent->pid, NULL, WNOHANG) == agent->pid) {
            agent->pid = 0;
            print_log(agent);
            fail_msg("the agent has ended");
        }
        if (now_s() > until) {
            print_log(agent);
            fail_msg("the agent is not ready after %d s", READY_S);
        }
        nanosleep(&pause, NULL);
    }
}

static void end(struct agent *agent, int signal)
{
    assert_true(agent->pid > 0);
    kill(agent->pid, signal);
    assert_int_equal(waitpid(agent->pid, NULL, 0), agent->pid);
    agent->pid = 0;
}

/* ---- its life ------------------------------------------------------------ */

static bool is_free(const struct agent *agent, int port)
{
    const int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = inet_addr(agent->host),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int err;

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    err = bind(fd, (struct sockaddr *)&address, sizeof(address));
    close(fd);
    return err == 0;
}

/* The address is this process's alone; of its ports another agent of this test
   may have some. */
static void choose_address(struct agent *agent)
{
    unsigned pid = (unsigned)getpid();

    snprintf(agent->host, sizeof(agent->host), "127.%u.%u.%u",
             64 + (pid >> 16) % 128, (pid >> 8) % 256, pid % 256);
    agent->port = FIRST_PORT;
    while (!is_free(agent, agent->port) || !is_free(agent, agent->port + 1) ||
           !is_free(agent, agent->port + 2) ||
           !is_free(agent, agent->port + 3)) {
        agent->port += PORTS;
        assert_true(agent->port < FIRST_PORT + 1000);
    }
    snprintf(agent->url, sizeof(agent->url), "http://%s:%d", agent->host,
             agent->port);
    snprintf(agent->https_url, sizeof(agent->https_url), "https://%s:%d",
             agent->host, agent->port + 3);
}

void agent_start(struct agent *agent, const struct agent_options *options)
{
    const char *temporary = getenv("TMPDIR");

    memset(agent, 0, sizeof(*agent));
    agent->options = *options;
    snprintf(agent->dir, sizeof(agent->dir), "%s/domi-consul-XXXXXX",
             temporary && strlen(temporary) < 32 ? temporary : "/tmp");
    assert_non_null(mkdtemp(agent->dir));
    choose_address(agent);
    if (options->prepare) {
        options->prepare(agent);
    }
    spawn_agent(agent);
    wait_until_ready(agent);
}

static int remove_one(const char *path, const struct stat *status, int type,
                      struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static void remove_files(const char *dir)
{
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void agent_stop(struct agent *agent)
{
    if (agent->pid > 0) {
        agent_kill(agent);
    }
    if (agent->dir[0]) {
        remove_files(agent->dir);
    }
    memset(agent, 0, sizeof(*agent));
}

void agent_kill(struct agent *agent)
{
    end(agent, SIGKILL);
}

void agent_terminate(struct agent *agent)
{
    end(agent, SIGTERM);
}

void agent_restart(struct agent *agent, bool keep_data)
{
    char data[80];

    assert_int_equal(agent->pid, 0);
    if (!keep_data) {
        snprintf(data, sizeof(data), "%s/data", agent->dir);
        remove_files(data);
    }
    spawn_agent(agent);
    wait_until_ready(agent);
}

/* Waits until it hangs: a signal takes its time. */
void agent_freeze(struct agent *agent)
{
    int status;

    assert_int_equal(kill(agent->pid, SIGSTOP), 0);
    assert_int_equal(waitpid(agent->pid, &status, WUNTRACED), agent->pid);
    assert_true(WIFSTOPPED(status));
}

void agent_thaw(struct agent *agent)
{
    assert_int_equal(kill(agent->pid, SIGCONT), 0);
}

void agent_run_consul(const struct agent *agent, const char *const *arguments)
{
    const char *all[ARGUMENTS] = {"/bin/sh", "-c", "cd \"$0\" && exec \"$@\"",
                                  agent->dir, program()};
    size_t count = 5;
    int status;
    pid_t pid;

    for (; *arguments; arguments++) {
        assert_true(count < ARGUMENTS - 1);
        all[count++] = *arguments;
    }
    pid = spawn(agent, all);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        print_log(agent);
        fail_msg("consul %s: status %d", all[5], status);
    }
}
