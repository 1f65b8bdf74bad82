"""Runs a command on a terminal, or with its output to a pipe, that nobody reads. A line "read" on standard input begins to pass on what is written to
it, a line "close" closes it, a line "stop" sends SIGTERM and tells the exit code; the end of standard input kills the command."""
import os, pty, signal, subprocess, sys, threading

terminal, end = pty.openpty() if sys.argv[1] == "terminal" else os.pipe()
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=end, stderr=end, start_new_session=True)
os.close(end)


def read():
    while True:
        try:
            sys.stdout.buffer.write(os.read(terminal, 65536))
            sys.stdout.flush()
        except OSError:
            return


try:
    for line in sys.stdin:
        if line == "read\n":
            threading.Thread(target=read, daemon=True).start()
        elif line == "close\n":
            os.close(terminal)
            terminal = -1
        elif line == "stop\n":
            child.send_signal(signal.SIGTERM)
            print("exit code", child.wait(), flush=True)
finally:
    child.kill()
