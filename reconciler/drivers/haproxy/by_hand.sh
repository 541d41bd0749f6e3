# ---- HAProxy: one entry of a map, exchanged by a versioned commit on the runtime socket ----

ask() { printf '%s\n' "$1" | talk "$SOCKET"; }

shares() { printf '%s\n' "$1" | sed 's/^\([^/]*\)\/\([^/]*\).*/blue \1 %, green \2 %/'; }

# The entry that is served; of one of ours that is down, the one that it would begin with.
served() {
    if [ -n "$UP" ]; then
        ask "show map $MAP" | sed -n 's/^[^ ]* routing //p'
    elif [ -r "$MAP_FILE" ]; then
        sed -n 's/^routing //p' "$MAP_FILE"
    fi
}

kept() { [ -z "$MAP_FILE" ] || [ "$(sed -n 's/^routing //p' "$MAP_FILE" 2>/dev/null)" = "$entry" ]; }

# Of the entry in $entry: what this writes in its place. SO: it stands there already.
next() {
    sealed=0 generation=0 sequence=0 journal=$JOURNAL SO=''
    before=$IFS IFS=/
    set -f
    # shellcheck disable=SC2086
    set -- $entry
    set +f
    IFS=$before
    if [ $# -ge 9 ]; then
        case $6$7$8 in
            *[!0-9]*) ;;
            *) sealed=$6 generation=$7 sequence=$8 journal=$9 ;;
        esac
    fi
    [ "$journal" = "$JOURNAL" ] || refuse "somebody else's reconciler has written this gateway since (journal $journal); ask there"
    NEXT=$ROUTING/$sealed/$generation/$((sequence + 1))/$JOURNAL/by-hand
    if [ "$entry" = "$ROUTING/$sealed/$generation/$sequence/$JOURNAL/by-hand" ] && kept; then
        SO=1 NEXT=$entry
    fi
}

look() {
    UP='' KEPT=''
    case $(ask 'show info') in *Pid:*) UP=1 ;; esac
    [ -n "$UP" ] || [ -e "$MAP_FILE" ] || refuse "no HAProxy answers at $SOCKET; run this where it can be reached, as who may"
    [ -n "$UP" ] || [ -n "$FOLDER" ] || refuse "no HAProxy answers at $SOCKET; start it, then run this again"
    [ -n "$MAP" ] || MAP=$(ask 'show map' | sed -n "s/^[-0-9]* (\(.*\/$MAP_NAME\)) .*/\1/p" | head -n 1)
    [ -n "$MAP" ] || refuse "the HAProxy at $SOCKET has no map $MAP_NAME"
    entry=$(served)
    next
    NOW="$(shares "$entry") (in $MAP)"
}

warn() { :; }

keep() {
    [ -n "$MAP_FILE" ] || { say "Without a folder for its maps a restart of HAProxy does not know this."; return 0; }
    draft=${MAP_FILE%/*}/.by-hand.map
    if ! { printf 'routing %s\n' "$NEXT" >"$draft" && chmod 644 "$draft" && mv -f "$draft" "$MAP_FILE"; }; then
        KEPT="it is served, but $MAP_FILE cannot be written: a restart of HAProxy would not know it"
    fi
}

# What was prepared by anybody before our commit cannot be committed after it.
move() {
    tries=0
    while [ -n "$UP" ]; do
        number=$(ask "prepare map $MAP" | sed -n 's/.*New version created: \([0-9]*\).*/\1/p')
        [ -n "$number" ] || fail "HAProxy prepares no new version of its map; its socket needs level admin"
        entry=$(served)
        next
        said=$(ask "add map @$number $MAP routing $NEXT; commit map @$number $MAP" | tr -d '\n')
        [ -n "$said" ] || break
        tries=$((tries + 1))
        [ "$tries" -lt 5 ] || fail "HAProxy does not take it: $said"
    done
    keep
}

verify() {
    [ -n "$UP" ] || fail "$MAP_FILE is written, but HAProxy is down, and nobody is served; start it: $START"
    now=$(served)
    [ "$now" = "$NEXT" ] || fail "HAProxy serves $now"
    say "Read back from HAProxy: $(shares "$now")"
    [ -z "$KEPT" ] || fail "$KEPT"
}
