# SPDX-License-Identifier: MIT
"""Real Consul agents: started, killed, frozen, and brought back.

Every agent of a test's process has a loopback address that is this process's
own, so that tests that run at once cannot take each other's ports, and an
agent comes back on the same ports.
"""
import base64
import http.client
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.parse

from support import wait_for

SLOWNESS = float(os.environ.get('DOMI_TEST_SLOWNESS', '1'))

FIRST_PORT = 21000  # below those that the kernel gives to clients
PORTS_EACH = 4

SETTINGS = '''
performance { raft_multiplier = 1 }
limits { http_max_conns_per_client = 5000 }
session_ttl_min = "1s"
disable_update_check = true
'''

_numbers = itertools.count()


def _own_address():
    """A loopback address that no other process has."""
    number = os.getpid() + (1 << 22)  # process ids have 22 bits
    return f'127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}'


def program():
    """The path of Consul; it is an error if there is none."""
    path = os.environ.get('DOMI_CONSUL') or shutil.which('consul')
    if not path or not os.path.exists(path):
        raise AssertionError('there is no consul: DOMI_CONSUL does not name '
                             'it, and it is not on PATH')
    return path


class Refused(Exception):
    """Consul answered, but not with what was asked for."""

    def __init__(self, status, body):
        super().__init__(f'{status}: {body[:200]!r}')
        self.status = status


class Agent:
    """An agent, with its ports and its data, from start to start."""

    def __init__(self, *options, data=False):
        number = next(_numbers)
        self.host = _own_address()
        self.port, self.rpc, self.serf, _ = range(
            FIRST_PORT + number * PORTS_EACH,
            FIRST_PORT + (number + 1) * PORTS_EACH)
        self.name = f'agent-{number}'
        self.options = options
        self.folder = tempfile.mkdtemp(prefix='domi-consul-')
        self.data = os.path.join(self.folder, 'data') if data else None
        self.process = None

    @property
    def url(self):
        return f'http://{self.host}:{self.port}'

    @property
    def serf_address(self):
        return f'{self.host}:{self.serf}'

    def start(self):
        command = [program(), 'agent', f'-node={self.name}',
                   f'-bind={self.host}', f'-client={self.host}',
                   f'-http-port={self.port}', f'-server-port={self.rpc}',
                   f'-serf-lan-port={self.serf}', '-serf-wan-port=-1',
                   '-grpc-port=-1', '-dns-port=-1', '-hcl', SETTINGS,
                   *self.options]
        if self.data:
            command.append(f'-data-dir={self.data}')
        with open(os.path.join(self.folder, 'log'), 'ab') as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def log(self):
        with open(os.path.join(self.folder, 'log'), encoding='utf-8') as log:
            return ''.join(log.readlines()[-30:])

    # ---- what is done to it ------------------------------------------------

    def kill(self):
        """kill -9, as a machine's sudden end looks to the others."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM, upon which a server ends and a client agent leaves."""
        self.process.terminate()
        self.process.wait(30 * SLOWNESS)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def lose_data(self):
        if self.data:
            shutil.rmtree(self.data)

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- HTTP --------------------------------------------------------------

    def ask(self, method, path, body=None, seconds=10):
        """Status, headers and body of one request; OSError without answer."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        connection = http.client.HTTPConnection(self.host, self.port,
                                                timeout=seconds)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except http.client.HTTPException as failed:
            raise OSError(str(failed)) from failed
        finally:
            connection.close()

    def get(self, path, seconds=10):
        """What Consul answers to a GET, None for 404."""
        status, _, body = self.ask('GET', path, seconds=seconds)
        if status == 404:
            return None
        if status != 200:
            raise Refused(status, body)
        return json.loads(body)

    def put(self, path, body=None, seconds=10):
        status, _, answer = self.ask('PUT', path, body, seconds)
        if status != 200:
            raise Refused(status, answer)
        return json.loads(answer) if answer.strip() else None

    def delete(self, path):
        status, _, answer = self.ask('DELETE', path)
        if status != 200:
            raise Refused(status, answer)

    def try_get(self, path):
        """As get, and None also for whatever goes wrong."""
        try:
            return self.get(path, seconds=2)
        except (OSError, Refused, ValueError):
            return None

    # ---- what the tests look at --------------------------------------------

    def leader(self):
        return self.try_get('/v1/status/leader') or None

    def wait_ready(self, seconds=30):
        """Until there is a leader, and sessions can be made."""
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f'{self.name} has ended:\n{self.log()}')
            return (self.leader() and self.try_get('/v1/agent/self')
                    and self.try_get('/v1/catalog/node/' + self.name))
        wait_for(ready, f'{self.name} to be ready', seconds * SLOWNESS)
        return self

    def voters(self):
        """How many servers vote; 0 while that cannot be known."""
        raft = self.try_get('/v1/operator/raft/configuration')
        return sum(server['Voter'] for server in raft['Servers']) if raft \
            else 0

    def key(self, name):
        """A key's entry with its value in bytes, or None."""
        entries = self.get('/v1/kv/' + urllib.parse.quote(name))
        if not entries:
            return None
        entry = entries[0]
        entry['Value'] = base64.b64decode(entry['Value'] or '')
        return entry

    def keys(self, prefix):
        return self.get('/v1/kv/' + urllib.parse.quote(prefix) + '?keys') or []

    def put_key(self, name, value, query=''):
        return self.put('/v1/kv/' + urllib.parse.quote(name) + query, value)

    def nodes(self, service):
        """All instances of a service by their ids."""
        return {entry['Service']['ID']: entry for entry in
                self.get('/v1/health/service/' + service)}

    def passing(self, service):
        return {entry['Service']['ID']: entry['Service'] for entry in
                self.get(f'/v1/health/service/{service}?passing=1')}


def start_dev():
    """One agent that keeps nothing."""
    return Agent('-dev').start().wait_ready()


def server():
    """One server that keeps its data; not started yet."""
    return Agent('-server', '-bootstrap-expect=1', data=True)


def client_of(servers):
    """An agent that is no server, as each machine of a cluster has one."""
    return Agent(*_joins(servers), data=True)


def _joins(agents):
    return [f'-retry-join={agent.serf_address}' for agent in agents] \
        + ['-retry-interval=1s']


class Servers:
    """Three servers, which outlive the loss of one."""

    def __init__(self):
        self.agents = [Agent('-server', '-bootstrap-expect=3', data=True)
                       for _ in range(3)]
        for agent in self.agents:
            agent.options += tuple(_joins(
                other for other in self.agents if other is not agent))

    def start(self):
        for agent in self.agents:
            agent.start()
        self.wait_whole()
        return self

    def alive(self):
        return [agent for agent in self.agents
                if agent.process.poll() is None]

    def wait_whole(self, seconds=60):
        """Until all three vote, so that one more may be lost."""
        for agent in self.alive():
            agent.wait_ready(seconds)
        wait_for(lambda: all(agent.voters() == 3 for agent in self.alive()),
                 'three voters', seconds * SLOWNESS)

    def leader(self):
        """The agent that leads, or None."""
        for agent in self.alive():
            address = agent.leader()
            for other in self.alive():
                if address == f'{other.host}:{other.rpc}':
                    return other
        return None

    def wait_leader(self, seconds=30):
        return wait_for(self.leader, 'a leader', seconds * SLOWNESS)

    def close(self):
        for agent in self.agents:
            agent.close()
