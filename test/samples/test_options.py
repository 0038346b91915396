# SPDX-License-Identifier: MIT
"""Command lines: help, and what is said when they are wrong."""
import os
import re
import subprocess

import support

SERVERS = ('chat/chat', 'chat/chat-gateway', 'chat/chat-room')
CLIENT = 'chat/chat-client'
NO_CONSUL = {'CONSUL_HTTP_ADDR': '127.0.0.1:1'}


class Options(support.TestCase):
    def run_program(self, name, *options):
        path = os.path.join(os.environ['DOMI_SAMPLES'], name)
        return subprocess.run([path, *options], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=20,
                              env=support.environment())

    def assert_refused(self, name, *options, says):
        result = self.run_program(name, *options)
        self.assertEqual(result.returncode, 2, result)
        self.assertEqual(result.stdout, '')
        self.assertIn(says, result.stderr)
        self.assertIn('--help', result.stderr)

    def test_help_names_every_option(self):
        common = ('--host', '--tcp-port', '--http-port', '--name',
                  '--version', '--id', '--admin-token', '--drain-rate',
                  '--help')
        users = ('--web', '--origin', '--come-back', '--sessions',
                 '--sessions-per-address', '--handshakes-per-address',
                 '--limit-loopback', '--frame-rate', '--byte-rate',
                 '--delivery-rate', '--join-rate', '--tls-cert', '--tls-key',
                 '--tls-ca')
        cluster = ('--zone', '--consul', '--advertise', '--check-interval',
                   '--damp', '--settle', '--claim-ttl', '--id-prefix',
                   '--lost-id', '--cluster-key-file',
                   '--cluster-key-old-file', '--link-tls-cert',
                   '--link-tls-key', '--link-tls-ca')
        dialler = ('--full-percent', '--link-tls-name')
        for name, more, idle in (
                (SERVERS[0], users + ('--workers', '--groups'),
                 cluster + dialler),
                (SERVERS[1], users + cluster + dialler,
                 ('--workers', '--groups')),
                (SERVERS[2], cluster + ('--workers', '--groups'),
                 users + dialler)):
            result = self.run_program(name, '--help')
            self.assertEqual(result.returncode, 0)
            self.assertEqual(result.stderr, '')
            means, _, nothing = result.stdout.partition('without a meaning')
            for option in common + more:
                self.assertIn(f'  {option} ' if option != '--help' else option,
                              means)
            self.assertEqual(set(nothing.replace('here:', '').split()),
                             set(idle))
            for line in result.stdout.splitlines()[1:]:
                self.assertLess(len(line), 80, line)
        result = self.run_program(CLIENT, '--help')
        self.assertEqual(result.returncode, 0)
        self.assertIn('HOST:PORT TEXT', result.stdout)

    def test_an_unknown_option_is_named(self):
        for name in SERVERS + (CLIENT,):
            self.assert_refused(name, '--nonsense', says='nonsense')

    def test_a_wrong_value_is_named_with_its_option(self):
        for name in SERVERS:
            for option, values in (
                    ('--tcp-port', ('x', '-1', '65536', '80x', '', ' 80')),
                    ('--http-port', ('99999999999999999999',)),
                    ('--id', ('1023', '-1')), ('--version', ('0', 'new')),
                    ('--host', ('',)), ('--admin-token', ('',)),
                    ('--drain-rate', ('-1', 'slow', '1000001'))):
                for value in values:
                    self.assert_refused(name, f'{option}={value}',
                                        says=f'{option}: "{value}"')
        self.assert_refused(SERVERS[0], '--workers=65', says='--workers')
        for name in SERVERS[1:]:
            for option, values in (
                    ('--check-interval', ('0', '0.5', '3601', '')),
                    ('--damp', ('0',)), ('--settle', ('x',)),
                    ('--claim-ttl', ('0',)), ('--id-prefix', ('',)),
                    ('--lost-id', ('', 'Stop', 'ignore')),
                    ('--cluster-key-file', ('', '.', '/nowhere', '/dev/null',
                                            __file__)),
                    ('--cluster-key-old-file', ('/nowhere',)),
                    ('--consul', ('',)), ('--advertise', ('',))):
                for value in values:
                    self.assert_refused(name, f'{option}={value}',
                                        says=f'{option}: "{value}"')
        for value in ('gate.example.com', ':80', 'gate:0', 'gate:http',
                      'g' * 200 + ':80'):
            for name in SERVERS[:2]:
                self.assert_refused(name, f'--come-back={value}',
                                    says='HOST:PORT')
        for value in ('0', '101', 'all'):
            self.assert_refused(SERVERS[1], f'--full-percent={value}',
                                says='a percentage')

    def test_zones_are_checked(self):
        for zone in ('room', 'room=', 'room=127.0.0.1', 'room=127.0.0.1:0',
                     '=127.0.0.1:1', 'room=localhost:9999',
                     'room=127.0.0.1:65536'):
            self.assert_refused(SERVERS[1], '--zone', zone, says='--zone')
        for name in SERVERS[1:]:
            self.assert_refused(name, '--zone=room=127.0.0.1:1',
                                '--zone=room=127.0.0.1:1', says='once')

    def test_consul_and_a_list_exclude_each_other(self):
        for name in SERVERS[1:]:
            self.assert_refused(name, '--consul=127.0.0.1:1',
                                '--zone=room=127.0.0.1:1',
                                says='--consul: "127.0.0.1:1" is not allowed:'
                                ' must be left out beside --zone')

    def test_a_list_is_stronger_than_the_environment(self):
        for name in SERVERS[1:]:
            self.start(name, '--tcp-port=0', '--http-port=0',
                       '--zone=room=127.0.0.1:1', variables=NO_CONSUL).ready()

    def test_a_whole_chat_asks_no_consul(self):
        self.start(SERVERS[0], '--tcp-port=0', '--http-port=0',
                   variables=NO_CONSUL).ready()

    def test_without_consul_they_wait_and_end_when_asked(self):
        for name in SERVERS[1:]:
            for options, variables in (((), NO_CONSUL),
                                       (('--consul=127.0.0.1:1',), {})):
                program = self.start(name, '--tcp-port=0', '--http-port=0',
                                     *options, variables=variables)
                support.wait_for(
                    lambda: 'waits for Consul' in program.stderr(), 'a line')
                self.assertEqual(program.lines, [])
                self.assert_stops(program)

    def test_arguments_that_nobody_asked_for_are_refused(self):
        for name in SERVERS:
            self.assert_refused(name, 'something', says='too many')
        self.assert_refused(CLIENT, says='too few')
        self.assert_refused(CLIENT, '127.0.0.1:1', says='too few')

    def test_the_client_checks_what_it_is_given(self):
        for address in ('127.0.0.1', 'localhost:80', '127.0.0.1:0', ':80'):
            self.assert_refused(CLIENT, address, 'hi', says='HOST:PORT')
        self.assert_refused(CLIENT, '127.0.0.1:1', 'a\nb', says='TEXT')
        self.assert_refused(CLIENT, '127.0.0.1:1', 'x' * 4097, says='TEXT')
        self.assert_refused(CLIENT, '127.0.0.1:1', 'hi', '--name', 'x' * 33,
                            says='--name')
        self.assert_refused(CLIENT, '127.0.0.1:1', 'hi', '--seconds', '0',
                            says='--seconds')

    def test_a_host_that_is_no_address_is_named(self):
        for name in SERVERS:
            result = self.run_program(name, '--host=nowhere', '--tcp-port=0',
                                      '--http-port=0')
            self.assertEqual(result.returncode, 1)
            self.assertIn('nowhere', result.stderr)

    def test_a_port_in_use_is_named(self):
        for name in SERVERS:
            first = self.start(name, '--tcp-port=0', '--http-port=0').ready()
            for tcp, http in ((first.tcp, 0), (0, first.http)):
                result = self.run_program(name, f'--tcp-port={tcp}',
                                          f'--http-port={http}')
                self.assertEqual(result.returncode, 1)
                self.assertIn('address already in use', result.stderr)
                self.assertIn(str(tcp or http), result.stderr)
                self.assertEqual(result.stdout, '')

    def test_a_folder_that_is_not_there_is_named(self):
        for name in SERVERS[:2]:
            result = self.run_program(name, '--web=/nowhere', '--tcp-port=0',
                                      '--http-port=0')
            self.assertEqual(result.returncode, 1)
            self.assertIn('/nowhere: no such file', result.stderr)
            self.assertNotIn('port -1', result.stderr)

    def test_all_take_the_common_options(self):
        for program, count in zip(SERVERS, (8, 1, 4)):
            started = self.start(
                program, '--host=127.0.0.1', '--http-port=0', '--tcp-port=0',
                '--zone=other=127.0.0.1:1', '--name=other', '--version=1',
                '--workers=1', '--web=.', '--advertise=127.0.0.1',
                '--check-interval=2', '--damp=2', '--settle=2',
                '--claim-ttl=10', '--lost-id=stop', '--admin-token=secret',
                '--drain-rate=10', '--come-back=gate.example.com:8888',
                '--full-percent=80').ready()
            idle = re.findall('--(.*) means nothing to this program',
                              started.stderr())
            self.assertEqual(len(idle), count, idle)
            self.assertNotIn('secret', started.stderr())

    def test_services_have_their_names(self):
        for program, service in ((SERVERS[0], 'gateway gate: id'),
                                 (SERVERS[1], 'gateway gate: id'),
                                 (SERVERS[2], 'zone room: id')):
            started = self.start(program, '--tcp-port=0',
                                 '--http-port=0').ready()
            support.wait_for(lambda: service in started.stderr(), service)

    def test_an_id_that_was_given_is_used(self):
        for name in SERVERS:
            program = self.start(name, '--tcp-port=0', '--http-port=0',
                                 '--id=77').ready()
            self.assertEqual(program.id, 77)

    def test_a_reader_who_goes_away_does_no_harm(self):
        path = os.path.join(os.environ['DOMI_SAMPLES'], SERVERS[0])
        process = subprocess.Popen([path, '--tcp-port=0', '--http-port=0'],
                                   stdout=subprocess.PIPE, text=True,
                                   stderr=subprocess.DEVNULL,
                                   env=support.environment())
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        line = process.stdout.readline()
        process.stdout.close()
        port = int(line.split('tcp=127.0.0.1:')[1].split()[0])
        users = [support.User(port) for _ in range(2)]
        for user in users:
            self.addCleanup(user.close)
            user.join()
        self.assert_they_chat(*users)
        process.terminate()
        self.assertEqual(process.wait(8), 0)


if __name__ == '__main__':
    support.main()
