# SPDX-License-Identifier: MIT
"""hello does what its comment says."""
import support


class Hello(support.TestCase):
    def test_who_speaks_hears(self):
        hello = self.start('hello/hello')
        address = hello.line(r'hello on (127\.0\.0\.1:\d+)').group(1)
        first, second = (
            self.start('chat/chat-client', address, text, '--seconds', '3')
            for text in ('from the first', 'from the second'))
        first.line('from the first')
        second.line('from the second')
        self.assertEqual([first.status(), second.status()], [0, 0])


if __name__ == '__main__':
    support.main()
