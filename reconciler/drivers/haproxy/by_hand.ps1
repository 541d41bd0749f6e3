# ---- HAProxy: one entry of a map, exchanged by a versioned commit on the runtime socket ----

function Send-Command([string]$Command) { return Send-Text $Socket "$Command`n" }

function Get-Served($State) {
    $shown = if ($State.Up) { Send-Command "show map $($State.Map)" } else { Get-Content $MapFile -Raw }
    return [regex]::Match($shown, '(?m)^(?:0x[0-9a-f]+ )?routing (.*?)\s*$').Groups[1].Value
}

# What is written in the place of an entry, and whether it stands there already.
function Set-Next($State, [string]$Entry) {
    $sealed, $generation, $sequence, $by = 0, 0, 0, $Journal
    if ($Entry -match '^[^/]+/[^/]+/[^/]+/[^/]+/[^/]+/([0-9]+)/([0-9]+)/([0-9]+)/([^/]+)') {
        $sealed, $generation, $sequence, $by = $Matches[1], $Matches[2], [int]$Matches[3], $Matches[4]
    }
    if ($by -cne $Journal) { Stop-Refused "somebody else's reconciler has written this gateway since (journal $by)" }
    $State.So = $Entry -ceq "$Routing/$sealed/$generation/$sequence/$Journal/by-hand"
    $State.Next = if ($State.So) { $Entry } else { "$Routing/$sealed/$generation/$($sequence + 1)/$Journal/by-hand" }
}

function Find-State {
    $state = @{ Up = (Send-Command 'show info').Contains('Pid:'); Map = $Map; So = $false; Next = ''; Now = '' }
    if (-not $state.Up -and -not ($Folder -and (Test-Path $MapFile))) { Stop-Refused "no HAProxy answers at $Socket" }
    if (-not $state.Map) {
        $state.Map = [regex]::Match((Send-Command 'show map'), "\((\S*/$([regex]::Escape($MapName)))\)").Groups[1].Value
        if (-not $state.Map) { Stop-Refused "the HAProxy at $Socket has no map $MapName" }
    }
    $entry = Get-Served $state
    Set-Next $state $entry
    $state.Now = "$entry (blue/green/...)"
    return $state
}

# What was prepared by anybody before our commit cannot be committed after it.
function Move-Traffic($State) {
    foreach ($try in 1..5) {
        if (-not $State.Up) { break }
        $number = [regex]::Match((Send-Command "prepare map $($State.Map)"), 'New version created: ([0-9]+)').Groups[1].Value
        if (-not $number) { Stop-Failed 'HAProxy prepares no new version of its map; its socket needs level admin' }
        Set-Next $State (Get-Served $State)
        $said = (Send-Command "add map @$number $($State.Map) routing $($State.Next); commit map @$number $($State.Map)").Trim()
        if (-not $said) { break }
        if ($try -eq 5) { Stop-Failed "HAProxy does not take it: $said" }
    }
    if ($MapFile) {
        $draft = "$MapFile.by-hand"
        [IO.File]::WriteAllText($draft, "routing $($State.Next)`n")
        [IO.File]::Move($draft, $MapFile, $true)
    }
}

function Confirm-Traffic($State) {
    if (-not $State.Up) { Stop-Failed "$MapFile is written, but HAProxy is down, and nobody is served; start it: $Start" }
    $now = Get-Served $State
    if ($now -cne $State.Next) { Stop-Failed "HAProxy serves $now" }
    Write-Output "Read back from HAProxy: $now"
}
