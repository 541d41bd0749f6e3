#!/bin/sh
# Goes back by hand, where no reconciler does: all traffic of one environment to one slot, in one write.
# It holds no secret, needs nothing but this machine, and may be run again. What it does not do it says.
# Ends with 0: it is so, and was read back. 1: it is not so. 2: refused, nothing was changed. 64: asked wrongly.
# shellcheck disable=SC1003,SC2016
set -u
umask 077
LC_ALL=C
export LC_ALL

#@ values

#@ product

say() { printf '%s\n' "$@"; }
refuse() { say "REFUSED, nothing was changed: $*" >&2; exit 2; }
fail() { say "NOT SO: $*" >&2; exit 1; }
nap() { sleep 0.2 2>/dev/null || sleep 1; }

usage() {
    say "usage: $0 [--yes] [--force]"
    say "$TITLE"
    say "  --yes    do not ask"
    say "  --force  go on although $TO does not answer, or nothing is here that could ask it"
}

# ---- who can speak to a socket here: the first of these ----

SPEAKER=''
PYTHON_SPEAKS='
import socket, sys
where = sys.argv[1]
if where.startswith("/"):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(where)
else:
    host, port = where.rsplit(":", 1)
    s = socket.create_connection((host.strip("[]"), int(port)), 5)
s.sendall(sys.stdin.buffer.read())
while True:
    piece = s.recv(65536)
    if not piece:
        break
    sys.stdout.buffer.write(piece)
'
PERL_SPEAKS='
$SIG{ALRM} = sub { exit 1 }; alarm 5;
my $where = $ARGV[0];
my $s = $where =~ m{^/} ? IO::Socket::UNIX->new($where) : IO::Socket::INET->new($where);
exit 1 unless $s;
print $s join("", <STDIN>); $s->flush; print while <$s>;
'

find_speaker() {
    for tool in python3 "$PYTHON" perl socat nc; do
        command -v "$tool" >/dev/null 2>&1 || continue
        case $tool in
            perl) perl -MIO::Socket::INET -MIO::Socket::UNIX -e 1 2>/dev/null || continue ;;
            nc) nc -h 2>&1 | grep -q -e '-[A-Za-z0-9]*U' || continue ;;
            socat) ;;
            *) "$tool" -I -c 'import socket' 2>/dev/null || continue ;;
        esac
        SPEAKER=$tool
        return
    done
}

# The answer to what stands on standard input. $1: a socket's path, or HOST:PORT.
talk() {
    [ -n "$SPEAKER" ] || return 1
    case $SPEAKER:$1 in
        perl:*) perl -MIO::Socket::INET -MIO::Socket::UNIX -e "$PERL_SPEAKS" "$1" ;;
        socat:/*) socat -t 5 -T 5 - "UNIX-CONNECT:$1,shut-none" ;;
        socat:*) socat -t 5 -T 5 - "TCP:$1,shut-none" ;;
        nc:/*) nc -U -w 5 "$1" ;;
        nc:*) nc -w 5 "${1%:*}" "${1##*:}" ;;
        *) "$SPEAKER" -I -c "$PYTHON_SPEAKS" "$1" ;;
    esac 2>/dev/null
}

http() { printf 'GET %s HTTP/1.1\r\nHost: by-hand\r\nConnection: close\r\n\r\n' "$2" | talk "$1"; }

# Does a member answer at all, with something else than an error of its own?
answers() {
    case $(http "$1" "$READY" | sed -n '1s/^HTTP\/[0-9.]* \([0-9][0-9][0-9]\).*/\1/p') in
        [1234]??) return 0 ;;
        *) return 1 ;;
    esac
}

# ---- what is done ----

check_members() {
    printf '%s\n' "$MEMBERS" | while read -r name address; do
        [ -z "$name" ] || answers "$address" || say "$name at $address"
    done
}

confirm() {
    printf 'Do it? Write yes: '
    answer=''
    read -r answer || :
    case $answer in [Yy][Ee][Ss]) ;; *) refuse "nobody said yes" ;; esac
}

main() {
    yes='' force=''
    for word in "$@"; do
        case $word in
            --yes) yes=1 ;;
            --force) force=1 ;;
            -h | --help) usage; exit 0 ;;
            *) usage >&2; exit 64 ;;
        esac
    done
    [ -z "${ELSEWHERE-}" ] || refuse "$ELSEWHERE"
    machine=$(uname -n)
    [ "$machine" = "$MACHINE" ] || refuse "this was written for the machine $MACHINE, and this one is $machine; where it was only renamed, say so in the line MACHINE= of this file"
    find_speaker
    [ -n "$SPEAKER$force" ] || refuse "nothing here can speak to a socket, so nothing could be read back: install python3, perl, socat, or an nc that knows -U"
    look
    say "$TITLE" "This goes where that says, whatever has become of it since."
    say "Now:  $NOW"
    say "Then: $THEN, in one write, and marked as moved by hand."
    warn
    silent=$(check_members)
    if [ -n "$silent" ]; then
        say "These members of $TO do not answer:" "$silent"
        [ -z "$STARTS" ] || say "How they are started (docs/by-hand.md says it with an example):" "$STARTS"
        [ -n "$force" ] || refuse "users would be led to a slot that does not answer; start what is missing, or: $0 --force"
    fi
    [ -z "$UNDONE" ] || say "What this does NOT do:" "$UNDONE"
    [ -n "$yes" ] || confirm
    if [ -n "$SO" ]; then
        say "It is so already: nothing is written."
    else
        move
    fi
    verify
    say "DONE: all traffic of $ENVIRONMENT goes to $TO."
    say "When a reconciler comes back it finds this, and stands still until a person has spoken: reconcile status $ENVIRONMENT says what to type." "That is: reconcile resume $ENVIRONMENT. Where it says AdoptionNeeded, also, in whichever order: reconcile adopt $ENVIRONMENT --stable $TO"
}

main "$@"
