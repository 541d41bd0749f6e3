# Stops the site and the application pool of one slot, so that they stay stopped after a reboot, and does not wait. Called
# again, it ends by force what is left after so many seconds. Other sites are named only to be looked at.
# safe to repeat: yes
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string]$Site,
    [Parameter(Mandatory = $true)][int]$Seconds, # between asking to end and ending by force
    [string[]]$Others = @()
)

# ---- the same in look.ps1, start.ps1 and stop.ps1 -----------------------------------------------------------------

$library = [IO.Path]::Combine($env:windir, 'System32', 'inetsrv', 'Microsoft.Web.Administration.dll')
if (-not [IO.File]::Exists($library)) {
    throw 'IIS is not installed there; run: Install-WindowsFeature Web-Server, Web-Scripting-Tools, Web-AppInit'
}
[void][Reflection.Assembly]::LoadFrom($library)

# Where it is written down which processes were asked to end, and when.
function Get-Mark([string]$Name) {
    [IO.Path]::Combine($env:ProgramData, 'reconciler', 'sites', $Name + '.stopping')
}

# The worker processes of a pool, whether or not IIS still knows of them, all that these have started, and what is left
# of those that were asked to end. A number counts with its start only: numbers are given again.
function Get-Family([string]$Name) {
    $columns = @('ProcessId', 'ParentProcessId', 'CreationDate', 'Name', 'CommandLine')
    $all = @(Get-CimInstance -ClassName Win32_Process -Property $columns |
        Where-Object { $null -ne $_.CreationDate } | ForEach-Object {
            [pscustomobject]@{
                pid = [long]$_.ProcessId; parent = [long]$_.ParentProcessId; name = [string]$_.Name
                at = $_.CreationDate; line = [string]$_.CommandLine
                started = $_.CreationDate.ToUniversalTime().ToString('o', [Globalization.CultureInfo]::InvariantCulture)
            }
        })
    $known = @()
    $mark = Get-Mark $Name
    if ([IO.File]::Exists($mark)) { $known = @([IO.File]::ReadAllLines($mark) | Select-Object -Skip 1) }
    $sign = '-ap "' + $Name + '"'
    $found = @($all | Where-Object {
        ($_.name -eq 'w3wp.exe' -and $_.line.IndexOf($sign, [StringComparison]::OrdinalIgnoreCase) -ge 0) -or
        $known -contains ('' + $_.pid + ' ' + $_.started)
    })
    for ($at = 0; $at -lt $found.Count; $at += 1) {
        $one = $found[$at]
        $found += @($all | Where-Object { $_.parent -eq $one.pid -and $_.at -ge $one.at -and $found -notcontains $_ })
    }
    $found | Select-Object -Property @('pid', 'started', 'name')
}

function Get-State($Thing) {
    if ($null -eq $Thing) { return 'Absent' }
    [string]$Thing.State
}

# How a site and its pool stand. Of the pool's variables only ours are told: others may hold secrets.
function Get-Stand($Manager, [string]$Name) {
    $pool = $Manager.ApplicationPools[$Name]
    $site = $Manager.Sites[$Name]
    $path = ''
    if ($null -ne $site -and $null -ne $site.Applications['/']) {
        $path = [string]$site.Applications['/'].VirtualDirectories['/'].PhysicalPath
    }
    $release = ''
    $auto = $false
    if ($null -ne $pool) {
        $auto = [bool]$pool.AutoStart
        foreach ($variable in $pool.GetCollection('environmentVariables')) {
            if ($variable['name'] -eq 'SLOT_RELEASE') { $release = [string]$variable['value'] }
        }
    }
    [pscustomobject]@{
        name = [string]$Name; pool = [string](Get-State $pool); site = [string](Get-State $site); path = $path
        release = $release; auto = $auto; processes = @(Get-Family $Name)
    }
}

# ---- until here ---------------------------------------------------------------------------------------------------

# Since when these processes are asked to end, in seconds by this machine's clock; written down when it is new.
function Get-Age($Processes) {
    $mark = Get-Mark $Site
    $lines = @($Processes | ForEach-Object { '' + $_.pid + ' ' + $_.started })
    if ([IO.File]::Exists($mark)) {
        $known = @([IO.File]::ReadAllLines($mark))
        $asked = [long]0
        $same = @($lines | Where-Object { $known -contains $_ }).Count -gt 0
        if ($same -and [long]::TryParse($known[0], [ref]$asked)) {
            return ([DateTime]::UtcNow - [DateTime]::new($asked, [DateTimeKind]::Utc)).TotalSeconds
        }
    }
    [void][IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($mark))
    [IO.File]::WriteAllLines($mark, [string[]](@([string][DateTime]::UtcNow.Ticks) + $lines))
    [double]0
}

$changed = $false
$manager = [Microsoft.Web.Administration.ServerManager]::new()
try {
    $before = @($Others | ForEach-Object { Get-Stand $manager $_ })
    $family = @(Get-Family $Site)
    $pool = $manager.ApplicationPools[$Site]
    $at = $manager.Sites[$Site]
    if ($null -ne $pool) {
        if ($pool.AutoStart) { $pool.AutoStart = $false; $changed = $true }
        if ($pool.GetAttributeValue('startMode') -ne 0) {
            $pool.SetAttributeValue('startMode', 'OnDemand')
            $changed = $true
        }
    }
    if ($null -ne $at -and $at.ServerAutoStart) { $at.ServerAutoStart = $false; $changed = $true }
    if ($changed) { $manager.CommitChanges() }
} finally { $manager.Dispose() }

# First nothing new comes in, then what is in hand is finished.
$fresh = [Microsoft.Web.Administration.ServerManager]::new()
try {
    $at = $fresh.Sites[$Site]
    $pool = $fresh.ApplicationPools[$Site]
    if ((Get-State $at) -eq 'Started') { [void]$at.Stop() }
    if (@('Started', 'Starting') -contains (Get-State $pool)) { [void]$pool.Stop() }
} finally { $fresh.Dispose() }

if ($family.Count -gt 0) {
    $age = Get-Age $family
    if ($age -lt 0 -or $age -ge $Seconds) {
        foreach ($one in @(Get-Family $Site)) { Stop-Process -Id $one.pid -Force -ErrorAction SilentlyContinue }
    }
}

$after = [Microsoft.Web.Administration.ServerManager]::new()
try {
    $stands = @(@($Site) + $Others | ForEach-Object { Get-Stand $after $_ })
} finally { $after.Dispose() }
$mark = Get-Mark $Site
if ($stands[0].processes.Count -eq 0 -and [IO.File]::Exists($mark)) { [IO.File]::Delete($mark) }
[pscustomobject]@{ changed = [bool]$changed; before = @($before); stands = @($stands) }
