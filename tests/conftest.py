"""For every test: where SIGINT is ignored (`nohup`, a background job), our children must hear it all the same."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
