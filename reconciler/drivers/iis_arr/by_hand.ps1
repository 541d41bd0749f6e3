# ---- IIS with ARR: servers of the farms and our entry of the rewrite map, in one commit of ServerManager ----

function Find-One($Collection, [string]$Attribute, [string]$Value) {
    foreach ($one in $Collection) {
        if ([string]$one.GetAttributeValue($Attribute) -eq $Value) { return $one }
    }
}

function Open-Manager {
    $file = [IO.Path]::Combine($env:windir, 'System32', 'inetsrv', 'Microsoft.Web.Administration.dll')
    if (-not [IO.File]::Exists($file)) { Stop-Refused 'IIS is not installed here' }
    [void][Reflection.Assembly]::LoadFrom($file)
    return New-Object Microsoft.Web.Administration.ServerManager
}

function Get-Entries($Manager) {
    try {
        $maps = $Manager.GetApplicationHostConfiguration().GetSection('system.webServer/rewrite/rewriteMaps', $Site)
    } catch {
        Stop-Refused "the configuration of IIS cannot be read: $($_.Exception.Message) Run this as an administrator."
    }
    $there = Find-One $maps.GetCollection() 'name' $Map
    if ($null -eq $there) { Stop-Refused "the site $Site has no rewrite map $Map" }
    return , $there.GetCollection()
}

function Get-Entry($Manager) {
    $one = Find-One (Get-Entries $Manager) 'key' 'routing'
    if ($null -eq $one) { return '' }
    return [string]$one.GetAttributeValue('value')
}

# The server that a line of $Servers is about, and how it is to stand.
function Get-Wanted($Manager, [string]$Line) {
    $farm, $address, $enabled, $weight, $state = $Line.Split('|')
    $farms = $Manager.GetApplicationHostConfiguration().GetSection('webFarms').GetCollection()
    $there = Find-One $farms 'name' $farm
    if ($null -eq $there) { Stop-Refused "there is no server farm $farm here" }
    $server = Find-One $there.GetCollection() 'address' $address
    if ($null -eq $server) { Stop-Refused "the server farm $farm has no server $address" }
    return @{ Server = $server; Enabled = ($enabled -eq 'true'); Weight = [int]$weight; Name = "$farm $address" }
}

# How servers stand that do not stand as they are to.
function Get-Wrong($Manager) {
    foreach ($line in ($Servers -split "`n")) {
        $wanted = Get-Wanted $Manager $line
        $weight = $wanted.Server.GetChildElement('applicationRequestRouting').GetAttributeValue('weight')
        $enabled = $wanted.Server.GetAttributeValue('enabled')
        if ([bool]$enabled -ne $wanted.Enabled -or [int]$weight -ne $wanted.Weight) {
            "$($wanted.Name): enabled $enabled, weight $weight"
        }
    }
}

function Find-State {
    $manager = Open-Manager
    $entry = Get-Entry $manager
    $sealed, $generation, $sequence, $by = 0, 0, 0, $Journal
    if ($entry -match '^[^/]+/[^/]+/[^/]+/[^/]+/[^/]+/([0-9]+)/([0-9]+)/([0-9]+)/([^/]+)') {
        $sealed, $generation, $sequence, $by = $Matches[1], $Matches[2], [int]$Matches[3], $Matches[4]
    }
    if ($by -cne $Journal) { Stop-Refused "somebody else's reconciler has written this gateway since (journal $by)" }
    $same = $entry -ceq "$Routing/$sealed/$generation/$sequence/$Journal/by-hand"
    $next = "$Routing/$sealed/$generation/$($sequence + 1)/$Journal/by-hand"
    if ($same) { $next = $entry }
    $wrong = @(Get-Wrong $manager)
    $now = "$entry (blue/green/...)"
    if ($wrong.Count) { $now += ', and ' + ($wrong -join '; ') }
    return @{ So = ($same -and -not $wrong.Count); Next = $next; Now = $now }
}

# A server that drained is available again: that is told to the process that serves, and is in no configuration.
function Set-Available($Server) {
    try {
        $call = $Server.GetChildElement('applicationRequestRouting').Methods['SetState'].CreateInstance()
        $call.Input.Attributes[0].Value = 0
        $call.Execute()
    } catch {
        Write-Output "Its state could not be told: $($_.Exception.Message) Where nobody has asked yet, that is no matter."
    }
}

function Move-Traffic($State) {
    $manager = Open-Manager
    foreach ($line in ($Servers -split "`n")) {
        $wanted = Get-Wanted $manager $line
        $wanted.Server.SetAttributeValue('enabled', $wanted.Enabled)
        $wanted.Server.GetChildElement('applicationRequestRouting').SetAttributeValue('weight', $wanted.Weight)
    }
    $entries = Get-Entries $manager
    $one = Find-One $entries 'key' 'routing'
    if ($null -eq $one) {
        $one = $entries.CreateElement('add')
        $one.SetAttributeValue('key', 'routing')
        [void]$entries.Add($one)
    }
    $one.SetAttributeValue('value', $State.Next)
    try { $manager.CommitChanges() } catch { Stop-Failed "IIS does not take it: $($_.Exception.Message)" }
    $manager = Open-Manager
    foreach ($line in ($Servers -split "`n")) {
        $wanted = Get-Wanted $manager $line
        if ($wanted.Enabled) { Set-Available $wanted.Server }
    }
}

function Confirm-Traffic($State) {
    $manager = Open-Manager
    $now = Get-Entry $manager
    $wrong = @(Get-Wrong $manager)
    if ($now -cne $State.Next -or $wrong.Count) { Stop-Failed "IIS says $now $($wrong -join '; ')" }
    Write-Output "Read back from IIS: $now"
}
