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

# Accessors are called as methods, here and below: a property that throws, as those that ask WAS do while it restarts, is
# silently $null in PowerShell.
function Get-State($Thing) {
    if ($null -eq $Thing) { return 'Absent' }
    [string]$Thing.get_State()
}

# How a site and its pool stand. Of the pool's variables only ours are told: others may hold secrets.
function Get-Stand($Manager, [string]$Name) {
    $pool = $Manager.get_ApplicationPools()[$Name]
    $site = $Manager.get_Sites()[$Name]
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

function Get-Stands([string[]]$Names) {
    $manager = [Microsoft.Web.Administration.ServerManager]::new()
    try {
        foreach ($name in $Names) { Get-Stand $manager $name }
    } finally { $manager.Dispose() }
}

# ---- until here ---------------------------------------------------------------------------------------------------

# ---- the same in start.ps1 and stop.ps1 ---------------------------------------------------------------------------

$script:changed = $false # applicationHost.config was written by us
$script:differs = $false # something is to be written

# `Said`: where an attribute is written by another value than it is read by.
function Set-Value($Element, [string]$Name, $Value, $Said = $Value) {
    if ($Element.GetAttributeValue($Name) -ceq $Value) { return }
    $Element.SetAttributeValue($Name, $Said)
    $script:differs = $true
}

# So that it stays stopped after a reboot.
function Set-Resting($Manager, [string]$Name) {
    $pool = $Manager.get_ApplicationPools()[$Name]
    if ($null -ne $pool) {
        Set-Value $pool 'autoStart' $false
        Set-Value $pool 'startMode' 0 'OnDemand'
    }
    $at = $Manager.get_Sites()[$Name]
    if ($null -ne $at) { Set-Value $at 'serverAutoStart' $false }
}

# One change of applicationHost.config, made by a block in the manager that it is given. While somebody else writes that
# file it cannot be read; if he has meanwhile, nothing of ours is written. Then it is looked at, and made, anew.
function Save-Change([scriptblock]$Block) {
    foreach ($round in 1..5) {
        $script:differs = $false
        $manager = [Microsoft.Web.Administration.ServerManager]::new()
        try {
            & $Block $manager
            if ($script:differs) { $manager.CommitChanges(); $script:changed = $true }
            return
        } catch [IO.FileLoadException] {
            if ($round -eq 5) { Write-Error -ErrorRecord $_ -ErrorAction Stop }
        } finally { $manager.Dispose() }
        Start-Sleep -Milliseconds 200
    }
}

# First nothing new comes in, then what is in hand is finished. What Windows has against it is put out.
function Stop-Both {
    $fresh = [Microsoft.Web.Administration.ServerManager]::new()
    try {
        foreach ($one in @($fresh.get_Sites()[$Site], $fresh.get_ApplicationPools()[$Site])) {
            try {
                if (@('Started', 'Starting') -contains (Get-State $one)) { [void]$one.Stop() }
            } catch { $_ }
        }
    } finally { $fresh.Dispose() }
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

$before = @(Get-Stands $Others)
$family = @(Get-Family $Site)
Save-Change { param($Manager) Set-Resting $Manager $Site }
$problems = @(Stop-Both)

if ($family.Count -gt 0) {
    $age = Get-Age $family
    if ($age -lt 0 -or $age -ge $Seconds) {
        foreach ($one in @(Get-Family $Site)) { Stop-Process -Id $one.pid -Force -ErrorAction SilentlyContinue }
    }
}

$stands = @(Get-Stands (@($Site) + $Others))
$mark = Get-Mark $Site
if ($stands[0].processes.Count -eq 0 -and [IO.File]::Exists($mark)) { [IO.File]::Delete($mark) }
# A pool that hangs takes no word; what it runs has been given its time all the same.
if ($problems.Count -gt 0) { Write-Error -ErrorRecord $problems[0] -ErrorAction Stop }
[pscustomobject]@{ changed = [bool]$script:changed; before = @($before); stands = @($stands) }
