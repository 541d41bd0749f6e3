# ---- IIS: nothing here can tell it anything ----

ELSEWHERE="the gateway of $ENVIRONMENT is the site $SITE (map $MAP) of the IIS on $MACHINE: run the rollback.ps1 that lies beside this one there, in a Windows PowerShell of an administrator"

# What that one writes: $ROUTING, by $JOURNAL, and these servers: $SERVERS
look() { : "$ROUTING" "$JOURNAL" "$SERVERS"; }
warn() { :; }
move() { :; }
verify() { :; }
