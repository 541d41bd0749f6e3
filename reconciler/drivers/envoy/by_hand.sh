# ---- Envoy: a file that it watches, replaced by rename ----

render() {
    VERSION=$1
    cat <<ROUTES_END
#@ routes
ROUTES_END
}

# Of routes without spaces or line ends: which members' slots are given what.
shares() { tr '{' '\n' | sed -n 's/^"name":"\([^"/]*\/[^"/]*\)[^"]*","weight":\([0-9][0-9]*\).*/\1 \2 %/p' | sort | paste -s -d , - | sed 's/,/, /g'; }

look() {
    if [ ! -r "$ROUTES" ] || [ ! -r "$SECRET_FILE" ]; then
        refuse "$ROUTES and $SECRET_FILE are not there, or not for $(id -un) to read; run this where the gateway is, as who owns it"
    fi
    if [ ! -w "$FOLDER" ] || [ ! -w "${ROUTES%/*}" ]; then
        refuse "$(id -un) cannot write in $FOLDER; run this as who owns it"
    fi
    SECRET=$(cat "$SECRET_FILE")
    case $SECRET in '' | *[!A-Za-z0-9_-]*) refuse "$SECRET_FILE does not hold what it should" ;; esac
    [ ! -s "$ADMIN_FILE" ] || ADMIN=$(cat "$ADMIN_FILE")
    was=$(sed -n 's/^{"version_info": "\([^"]*\)".*/\1/p' "$ROUTES")
    base=${was%.by-hand} by=$JOURNAL.0 sequence=0
    case ${base##*.} in
        '' | *[!0-9]*) ;;
        *) by=${base%.*} sequence=${base##*.} ;;
    esac
    [ "${by%.*}" = "$JOURNAL" ] || refuse "somebody else's reconciler has written this gateway since (journal ${by%.*}); ask there"
    SO='' NEXT=$by.$((sequence + 1)).by-hand
    if [ "$was" != "$base" ] && render "$was" | cmp -s - "$ROUTES"; then
        SO=1 NEXT=$was
    fi
    NOW="$(tr -d ' \n' <"$ROUTES" | shares) (in $ROUTES)"
}

warn() {
    [ -e "$LOCK" ] && command -v flock >/dev/null 2>&1 || return 0
    flock -n "$LOCK" true || say "A reconciler seems to be there and owns this gateway: if it answers, reconcile abort $ENVIRONMENT is better than this."
}

move() {
    draft=$FOLDER/.routes.by-hand former=$FOLDER/.routes.former
    if ! { rm -f "$draft" "$former" && render "$NEXT" >"$draft" && cp "$ROUTES" "$former"; }; then
        refuse "cannot write in $FOLDER"
    fi
    mv -f "$draft" "$ROUTES" || refuse "cannot replace $ROUTES"
}

# Envoy tells a version only of routes that it has taken, whole.
verify() {
    tries=0 said=''
    while [ "$tries" -lt 25 ]; do
        said=$(http "$ADMIN" "$DUMP" | tr -d ' \r\n')
        case $said in *"\"version\":\"$NEXT\""*) break ;; esac
        tries=$((tries + 1))
        [ -n "$said" ] || tries=$((tries + 7)) # it may be down, and need not be asked as often
        nap
    done
    [ -n "$SPEAKER" ] || fail "the routes were written, and nobody could ask Envoy whether it took them; look: $ADMIN"
    if [ -z "$said" ]; then
        rm -f "$FOLDER/.routes.former"
        fail "the routes are written, but Envoy does not answer on $ADMIN. Where it runs, it takes them by itself. Where it is down, nobody is served; start it: $START"
    fi
    taken=$(printf '%s' "$said" | shares)
    case $said in
        *"\"version\":\"$NEXT\""*) ;;
        *)
            [ ! -e "$FOLDER/.routes.former" ] || mv -f "$FOLDER/.routes.former" "$ROUTES"
            fail "Envoy did not take the routes (see $FOLDER/envoy.log); the former ones lie there again, and it serves $taken"
            ;;
    esac
    rm -f "$FOLDER/.routes.former"
    say "Read back from Envoy: $taken"
    if printf '%s' "$taken" | tr ',' '\n' | grep "/$OTHER " | grep -qv ' 0 %$'; then
        fail "Envoy still gives $OTHER a share"
    fi
}
