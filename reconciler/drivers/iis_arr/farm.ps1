# Says how the farms of one environment stand, and what was counted there; with -Entry it first changes them, in one commit.
# What it changes: weights and `enabled` of their servers, the entry of our rewrite map, the map of the forced roads, and
# which servers drain. By hand, and changing nothing:
# .\farm.ps1 -Site Portal -Pool Portal -Map reconciler-production -Farms reconciler-production.web | ConvertTo-Json -Depth 5
# safe to repeat: yes
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string]$Site,
    [Parameter(Mandatory = $true)][string]$Pool,
    [Parameter(Mandatory = $true)][string]$Map,
    [Parameter(Mandatory = $true)][string[]]$Farms,
    [string]$Entry = '',      # what the map is to say; empty: nothing is changed
    [string]$Expected = '',   # what it said when that was worked out
    [string]$Seen = '',       # and how the servers stood: `print` of that answer
    [string[]]$Servers = @(), # FARM|ADDRESS|ENABLED|WEIGHT|STATE, as they are to be; none: as they are
    [string[]]$Roads = @()    # VALUE|SLOT of the forced roads; none: as they are
)

function Open-Manager {
    $file = [IO.Path]::Combine($env:windir, 'System32', 'inetsrv', 'Microsoft.Web.Administration.dll')
    if (-not [IO.File]::Exists($file)) { throw 'IIS is not installed there, or not its management tools; see docs/windows.md.' }
    [void][Reflection.Assembly]::LoadFrom($file)
    New-Object Microsoft.Web.Administration.ServerManager
}

# An error of Windows' for want of rights, also where IIS tells it as a number, in every language.
function Stop-Denied($Problem) {
    $base = $Problem.Exception.GetBaseException()
    if ($base -is [UnauthorizedAccessException] -or $base.HResult -eq -2147024891) {
        Write-Error -Message $base.Message.Trim() -Category PermissionDenied -ErrorAction Stop
    }
}

# A section of applicationHost.config; which of them are known is a matter of what is installed. But what cannot be read
# may only just be written by somebody, as IIS reads that file without a lock: so it is unknown, and Windows says why.
function Get-Section($Configuration, [string]$Path, [string]$Of, [string]$Product) {
    try {
        if ($Of -eq '') { return $Configuration.GetSection($Path) }
        return $Configuration.GetSection($Path, $Of)
    } catch {
        Stop-Denied $_
        $why = $_.Exception.GetBaseException().Message.Trim()
        Write-Error -Message ($Product + ': ' + $Path + ' cannot be read: ' + $why + '; is it installed?') -ErrorAction Stop
    }
}

function Find-One($Collection, [string]$Attribute, [string]$Value) {
    foreach ($one in $Collection) {
        if ([string]$one.GetAttributeValue($Attribute) -eq $Value) { return $one }
    }
}

function Get-Digest([string]$Text) {
    $sha = [Security.Cryptography.SHA256]::Create()
    [BitConverter]::ToString($sha.ComputeHash([Text.Encoding]::UTF8.GetBytes($Text))).Replace('-', '').ToLowerInvariant()
}

# Whether the roads are ours can be told so, and nobody learns them.
function Get-RoadsDigest([string[]]$Lines) {
    [Array]::Sort($Lines, [StringComparer]::Ordinal)
    Get-Digest ($Lines -join "`n")
}

function Get-RewriteMap($Configuration, [string]$Name) {
    $section = Get-Section $Configuration 'system.webServer/rewrite/rewriteMaps' $Site 'URL Rewrite'
    Find-One $section.GetCollection() 'name' $Name
}

function Read-Map($Configuration, [string]$Name) {
    $found = @{}
    $there = Get-RewriteMap $Configuration $Name
    if ($null -ne $there) {
        foreach ($one in $there.GetCollection()) {
            $found[[string]$one.GetAttributeValue('key')] = [string]$one.GetAttributeValue('value')
        }
    }
    $found
}

function Set-Map($Configuration, [string]$Name, $Wanted, [bool]$Alone) {
    $there = Get-RewriteMap $Configuration $Name
    if ($null -eq $there) { throw ('There is no rewrite map ' + $Name + ' there; run what `reconcile gateway` prints.') }
    $entries = $there.GetCollection()
    if ($Alone) { $entries.Clear() }
    foreach ($key in $Wanted.Keys) {
        $one = Find-One $entries 'key' $key
        if ($null -eq $one) {
            $one = $entries.CreateElement('add')
            $one.SetAttributeValue('key', $key)
            [void]$entries.Add($one)
        }
        $one.SetAttributeValue('value', $Wanted[$key])
    }
}

# A counter that this version of ARR has; $null where it has none, or nobody counts just now.
function Read-Counter($Counters, [string]$Name) {
    try {
        foreach ($one in $Counters.Attributes) {
            if ($one.Name -eq $Name) { return $one.Value }
        }
    } catch { return }
}

# The worker process that serves: its counters, and who drains, end with it. Here and below accessors are called as methods:
# a property that throws, as all that ask WAS do while it restarts, is silently $null in PowerShell.
function Get-Worker($Manager) {
    $found = $null
    foreach ($one in $Manager.get_WorkerProcesses()) {
        if ($one.AppPoolName -eq $Pool -and [string]$one.get_State() -eq 'Running') {
            $process = Get-Process -Id $one.ProcessId -ErrorAction SilentlyContinue
            if ($null -ne $process -and ($null -eq $found -or $process.StartTime -gt $found.StartTime)) { $found = $process }
        }
    }
    if ($null -eq $found) { return '' }
    '' + $found.Id + '@' + $found.StartTime.ToUniversalTime().ToString('o', [Globalization.CultureInfo]::InvariantCulture)
}

# As SetState counts: whatever is neither available nor draining gets nobody.
function Get-State($Value) {
    if ($Value -isnot [string]) { return [int]$Value }
    if ($Value -eq 'Available') { return 0 }
    if ($Value -like 'Drain*') { return 1 }
    2
}

function Get-Server($Server, [bool]$Counted) {
    $arr = $Server.GetChildElement('applicationRequestRouting')
    $state = $null; $healthy = $null; $total = $null; $failed = $null; $current = $null
    if ($Counted) {
        $counters = $arr.GetChildElement('counters')
        $state = Read-Counter $counters 'state'
        $healthy = Read-Counter $counters 'isHealthy'
        $total = Read-Counter $counters 'totalRequests'
        $failed = Read-Counter $counters 'failedRequests'
        $current = Read-Counter $counters 'currentRequests'
        $sockets = Read-Counter $counters 'currentWebSocketRequests'
        if ($null -ne $current -and $null -ne $sockets) { $current = [long]$current + [long]$sockets }
    }
    if ($null -ne $state) { $state = Get-State $state }
    if ($null -ne $healthy) { $healthy = [bool]$healthy }
    [pscustomobject]@{
        address = [string]$Server.GetAttributeValue('address'); port = [int]$arr.GetAttributeValue('httpPort')
        enabled = [bool]$Server.GetAttributeValue('enabled'); weight = [int]$arr.GetAttributeValue('weight')
        state = $state; healthy = $healthy; total = $total; failed = $failed; current = $current
    }
}

function Get-Farm($Section, [string]$Name, [bool]$Counted) {
    $farm = Find-One $Section.GetCollection() 'name' $Name
    if ($null -eq $farm) {
        return [pscustomobject]@{ name = $Name; there = $false; enabled = $false; algorithm = ''; cookie = ''; servers = @() }
    }
    $arr = $farm.GetChildElement('applicationRequestRouting')
    $balancing = $arr.GetChildElement('loadBalancing')
    $algorithm = $balancing.GetAttribute('algorithm')
    $named = $algorithm.Value
    if ($named -isnot [string]) { $named = $algorithm.Schema.GetEnumValues().GetName([long]$named) }
    $affinity = $arr.GetChildElement('affinity')
    $cookie = ''
    if ([bool]$affinity.GetAttributeValue('useCookie')) { $cookie = [string]$affinity.GetAttributeValue('cookieName') }
    $each = @(foreach ($one in $farm.GetCollection()) { Get-Server $one $Counted })
    [pscustomobject]@{
        name = $Name; there = $true; enabled = [bool]$farm.GetAttributeValue('enabled'); algorithm = [string]$named
        cookie = $cookie; servers = $each
    }
}

function Get-Stand {
    $manager = Open-Manager
    $configuration = $manager.GetApplicationHostConfiguration()
    $section = Get-Section $configuration 'webFarms' '' 'ARR'
    $state = @{ site = 'missing'; pool = 'missing' }
    foreach ($one in $manager.get_Sites()) { if ($one.Name -eq $Site) { $state.site = [string]$one.get_State() } }
    foreach ($one in $manager.get_ApplicationPools()) {
        if ($one.Name -eq $Pool) { $state.pool = [string]$one.get_State() }
    }
    $worker = Get-Worker $manager
    $found = @(foreach ($name in $Farms) { Get-Farm $section $name ($worker -ne '') })
    $said = Read-Map $configuration $Map
    $forced = Read-Map $configuration ($Map + '.roads')
    $lines = @(foreach ($farm in $found) {
        '' + $farm.name + '|' + $farm.enabled + '|' + $farm.algorithm
        foreach ($one in $farm.servers) { '' + $farm.name + '|' + $one.address + '|' + $one.port + '|' + $one.enabled + '|' + $one.weight }
    })
    $values = @(foreach ($key in $forced.Keys) { $key + '|' + $forced[$key] })
    [pscustomobject]@{
        entry = [string]$said['routing']; setup = [string]$said['setup']
        roads = (Get-RoadsDigest $values); print = (Get-Digest ($lines -join "`n"))
        site = $state.site; pool = $state.pool; worker = $worker; farms = $found; conflict = $false; ended = @()
    }
}

# What IIS runs here, and what that has started, such as Node: a change of the configuration may restart it.
function Get-Processes {
    try {
        $every = @(Get-CimInstance -ClassName Win32_Process -ErrorAction Stop)
    } catch { return @() }
    $workers = @($every | Where-Object { $_.Name -eq 'w3wp.exe' } | ForEach-Object { $_.ProcessId })
    @($every | Where-Object { $workers -contains $_.ProcessId -or $workers -contains $_.ParentProcessId } |
        ForEach-Object { '' + $_.Name + ' ' + $_.ProcessId })
}

function Test-Wanted($Stand) {
    if ($Roads.Count -gt 0 -and $Stand.roads -ne (Get-RoadsDigest $Roads.Clone())) { return $false }
    foreach ($line in $Servers) {
        $farm, $address, $enabled, $weight, $state = $line.Split('|')
        $there = $Stand.farms | Where-Object { $_.name -eq $farm }
        $one = $there.servers | Where-Object { $_.address -eq $address }
        if ($null -eq $one -or $one.enabled -ne ($enabled -eq 'true') -or $one.weight -ne [int]$weight) { return $false }
    }
    $true
}

# One file, one write of it: weights, `enabled`, entry and roads come into force together, or none of them.
function Set-Configuration([string]$File) {
    $opened = [IO.File]::GetLastWriteTimeUtc($File)
    $manager = Open-Manager
    $configuration = $manager.GetApplicationHostConfiguration()
    $section = Get-Section $configuration 'webFarms' '' 'ARR'
    foreach ($line in $Servers) {
        $farm, $address, $enabled, $weight, $state = $line.Split('|')
        $found = Find-One $section.GetCollection() 'name' $farm
        if ($null -eq $found) { throw ('There is no server farm ' + $farm + ' there; run what `reconcile gateway` prints.') }
        $one = Find-One $found.GetCollection() 'address' $address
        if ($null -eq $one) { throw ('The server farm ' + $farm + ' has no server ' + $address + '; run what `reconcile gateway` prints.') }
        $one.SetAttributeValue('enabled', ($enabled -eq 'true'))
        $one.GetChildElement('applicationRequestRouting').SetAttributeValue('weight', [int]$weight)
    }
    Set-Map $configuration $Map @{ routing = $Entry } $false
    $values = @{}
    foreach ($line in $Roads) { $value, $name = $line.Split('|'); $values[$value] = $name }
    if ($values.Count -gt 0) { Set-Map $configuration ($Map + '.roads') $values $true }
    if ([IO.File]::GetLastWriteTimeUtc($File) -ne $opened) { return $false }
    try {
        $manager.CommitChanges()
    } catch {
        # ServerManager itself refuses where somebody has written the file since it read it.
        if ([IO.File]::GetLastWriteTimeUtc($File) -ne $opened) { return $false }
        Stop-Denied $_
        Write-Error -ErrorRecord $_ -ErrorAction Stop
    }
    $true
}

# Told to the worker process, and lost with it: 0 available, 1 keeps its own clients and gets nobody new.
function Set-States {
    $manager = Open-Manager
    $configuration = $manager.GetApplicationHostConfiguration()
    $every = (Get-Section $configuration 'webFarms' '' 'ARR').GetCollection()
    foreach ($line in $Servers) {
        $farm, $address, $enabled, $weight, $state = $line.Split('|')
        if ($enabled -ne 'true') { continue }
        $there = (Find-One $every 'name' $farm).GetCollection()
        $arr = (Find-One $there 'address' $address).GetChildElement('applicationRequestRouting')
        $counters = $arr.GetChildElement('counters')
        $told = Read-Counter $counters 'state'
        if ($null -ne $told -and (Get-State $told) -eq [int]$state) { continue }
        $call = $arr.Methods['SetState'].CreateInstance()
        $call.Input.Attributes[0].Value = [int]$state
        $call.Execute()
    }
}

if ($Entry -eq '') { return Get-Stand }

$mutex = New-Object Threading.Mutex($false, ('Global\reconciler-' + (Get-Digest ($Site + '|' + $Map)).Substring(0, 16)))
$held = $false
try {
    try { $held = $mutex.WaitOne(3000) } catch [Threading.AbandonedMutexException] { $held = $true }
    if (-not $held) { # the other may be ourselves: a call that was repeated when its connection broke
        $busy = 'Another change of this gateway is under way there; try again.'
        Write-Error -Message $busy -Category ResourceBusy -ErrorAction Stop
    }
    $before = Get-Stand
    $done = ($before.entry -ceq $Entry) -and (Test-Wanted $before)
    if (-not $done -and ($before.entry -cne $Expected -or $before.print -cne $Seen)) {
        $before.conflict = $true
        return $before
    }
    $running = @()
    if (-not $done) {
        $running = @(Get-Processes)
        $file = [IO.Path]::Combine($env:windir, 'System32', 'inetsrv', 'config', 'applicationHost.config')
        if (-not (Set-Configuration $file)) {
            $now = Get-Stand
            $now.conflict = $true
            return $now
        }
    }
    if ($before.worker -ne '') { Set-States }
    $after = Get-Stand
    $after.conflict = -not (($after.entry -ceq $Entry) -and (Test-Wanted $after))
    if ($running.Count -gt 0) {
        $still = @(Get-Processes)
        $after.ended = @($running | Where-Object { $still -notcontains $_ })
    }
    return $after
} finally {
    if ($held) { $mutex.ReleaseMutex() }
    $mutex.Dispose()
}
