# Looks at Windows services, at their processes and what those have started, and at small files of ours. Changes nothing.
# A record is a file of ours beside a service: it names the command line that it was given, and processes that may be
# left of it. By hand: .\service_look.ps1 -Names production-worker-blue | ConvertTo-Json -Depth 5
# safe to repeat: yes
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string[]]$Names,
    [string[]]$Records = @(), # as many files as names
    [string[]]$Files = @(),   # whose text is told
    [string[]]$Paths = @(),   # files or folders that should be there
    [int[]]$Ports = @()       # is anybody listening?
)

function Get-Moment($Time) {
    if ($null -eq $Time) { return '' }
    $Time.ToUniversalTime().ToString('o', [Globalization.CultureInfo]::InvariantCulture)
}

# Empty where there is no such file; whatever else keeps it from being read is an error.
function Read-Small([string]$File) {
    if ($File -eq '') { return '' }
    try {
        $text = [IO.File]::ReadAllText($File)
    } catch [IO.FileNotFoundException], [IO.DirectoryNotFoundException] {
        return ''
    }
    if ($text.Length -gt 65536) { throw ($File + ' is not ours: it is too long.') }
    $text
}

# The service's own process, whoever has its command line, whoever is known to be left of it, and all that they started.
function Find-Family($Service, [string]$Record, $All) {
    $lines = @()
    $known = @()
    $root = [long]0
    if ($null -ne $Service) {
        $lines += [string]$Service.PathName
        $root = [long]$Service.ProcessId
    }
    try {
        $kept = ConvertFrom-Json -InputObject $Record
        $lines += [string]$kept.line
        $known += @($kept.family | ForEach-Object { [string]$_ })
    } catch {
        $kept = $null
    }
    $family = [ordered]@{}
    foreach ($one in $All) {
        $own = $root -ne 0 -and [long]$one.ProcessId -eq $root
        $same = [string]$one.CommandLine -ne '' -and $lines -ccontains [string]$one.CommandLine
        $left = $known -ccontains ('' + $one.ProcessId + '@' + (Get-Moment $one.CreationDate))
        if ($own -or $same -or $left) { $family['' + $one.ProcessId] = $one }
    }
    do {
        $before = $family.Count
        foreach ($one in $All) {
            $parent = $family['' + $one.ParentProcessId]
            if ($null -eq $parent -or $family.Contains('' + $one.ProcessId)) { continue }
            if ($one.CreationDate -ge $parent.CreationDate) { $family['' + $one.ProcessId] = $one }
        }
    } while ($family.Count -gt $before)
    foreach ($one in $family.Values) {
        [pscustomobject]@{
            pid = [long]$one.ProcessId; started = [string](Get-Moment $one.CreationDate)
            path = [string]$one.ExecutablePath; line = [string]$one.CommandLine
        }
    }
}

# First the services and then the processes: what has started in between is seen, and only what has ended is not.
$looked = @()
for ($number = 0; $number -lt $Names.Count; $number += 1) {
    $name = $Names[$number]
    if ($name -notmatch '^[A-Za-z0-9._-]{1,200}$') { throw 'A service has letters, digits, dots, dashes and _ only.' }
    $record = ''
    if ($Records.Count -gt $number) { $record = Read-Small $Records[$number] }
    $service = Get-CimInstance -ClassName Win32_Service -Filter ("Name='" + $name + "'")
    $looked += @{ name = $name; record = [string]$record; service = $service }
}
$needed = 'ProcessId', 'ParentProcessId', 'CreationDate', 'ExecutablePath', 'CommandLine'
$all = @(Get-CimInstance -ClassName Win32_Process -Property $needed)
$services = @()
foreach ($one in $looked) {
    $service = $one.service
    $found = [ordered]@{
        name = [string]$one.name; there = [bool]($null -ne $service); record = $one.record
        state = ''; mode = ''; line = ''; account = ''; code = [long]0; pid = [long]0
        processes = @(Find-Family $service $one.record $all)
    }
    if ($null -ne $service) {
        $found.state = [string]$service.State
        $found.mode = [string]$service.StartMode
        $found.line = [string]$service.PathName
        $found.account = [string]$service.StartName
        $found.code = [long]$service.ExitCode
        if ($found.code -eq 1066) { $found.code = [long]$service.ServiceSpecificExitCode } # a number of its own
        $found.pid = [long]$service.ProcessId
    }
    $services += [pscustomobject]$found
}

$listening = @()
if ($Ports.Count -gt 0) {
    $properties = [Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties()
    $listening = @($properties.GetActiveTcpListeners() | ForEach-Object { $_.Port })
}
$who = [Security.Principal.WindowsPrincipal]::new([Security.Principal.WindowsIdentity]::GetCurrent())
[pscustomobject]@{
    services = $services
    texts    = @($Files | ForEach-Object { [string](Read-Small $_) })
    there    = @($Paths | ForEach-Object { [bool](Test-Path -LiteralPath $_) })
    taken    = @($Ports | ForEach-Object { [bool]($listening -contains $_) })
    uptime   = [double]([Diagnostics.Stopwatch]::GetTimestamp() / [Diagnostics.Stopwatch]::Frequency)
    may      = [bool]$who.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
}
