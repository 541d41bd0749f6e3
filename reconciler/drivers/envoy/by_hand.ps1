# ---- Envoy: a file that it watches, replaced by rename ----

$Document = @'
#@ routes
'@

# Of routes without spaces or line ends: which members' slots are given what.
function Get-Shares([string]$Text) {
    $found = [regex]::Matches($Text, '{"name":"([^"/]*/[^"/]*)[^"]*","weight":([0-9]+)')
    return ($found | ForEach-Object { "$($_.Groups[1].Value) $($_.Groups[2].Value) %" } | Sort-Object) -join ', '
}

function Find-State {
    if (-not (Test-Path $Routes) -or -not (Test-Path $SecretFile)) { Stop-Refused "$Routes and $SecretFile are not there" }
    $secret = (Get-Content $SecretFile -Raw).Trim()
    if ($secret -notmatch '^[A-Za-z0-9_-]+$') { Stop-Refused "$SecretFile does not hold what it should" }
    $admin = if (Test-Path $AdminFile) { (Get-Content $AdminFile -Raw).Trim() } else { $Admin }
    $text = Get-Content $Routes -Raw
    $was = if ($text -match '^{"version_info": "([^"]*)"') { $Matches[1] } else { '' }
    $by = "$Journal.0"
    $sequence = 0
    if ($was -match '^(.*)\.([0-9]+)(\.by-hand)?$') {
        $by = $Matches[1]
        $sequence = [int]$Matches[2]
    }
    if ($by -notmatch "^$([regex]::Escape($Journal))\.[0-9]+$") { Stop-Refused "somebody else's reconciler has written this gateway since ($by)" }
    $so = $was.EndsWith('.by-hand') -and $text.Trim() -ceq $Document.Replace('$VERSION', $was).Replace('$SECRET', $secret).Trim()
    $next = if ($so) { $was } else { "$by.$($sequence + 1).by-hand" }
    $new = $Document.Replace('$VERSION', $next).Replace('$SECRET', $secret)
    return @{ Now = (Get-Shares ($text -replace '\s', '')); So = $so; Next = $next; New = $new; Former = $text; Admin = $admin }
}

function Set-Routes([string]$Text) {
    $draft = Join-Path $Folder '.routes.by-hand'
    [IO.File]::WriteAllText($draft, $Text)
    if (-not $IsWindows) { [IO.File]::SetUnixFileMode($draft, 'UserRead, UserWrite') }
    [IO.File]::Move($draft, $Routes, $true)
}

function Move-Traffic($State) { Set-Routes $State.New }

# Envoy tells a version only of routes that it has taken, whole.
function Confirm-Traffic($State) {
    $said = ''
    foreach ($try in 1..25) {
        $said = (Get-Answer $State.Admin $Dump) -replace '\s', ''
        if ($said.Contains("""version"":""$($State.Next)""")) {
            Write-Output "Read back from Envoy: $(Get-Shares $said)"
            return
        }
        Start-Sleep -Milliseconds 200
    }
    if (-not $said) { Stop-Failed "the routes are written, but Envoy does not answer on $($State.Admin). Where it is down, start it: $Start" }
    Set-Routes $State.Former
    Stop-Failed "Envoy did not take the routes (see $Folder); the former ones lie there again"
}
