# Makes or changes the site and the application pool of one slot for a release, and starts both. What runs already is left
# as it is; what differs is written in one change of applicationHost.config, and nothing is where nothing differs.
# It does not wait until the member is ready. Other sites are looked at before and after, and nothing else; but from those
# beside which this one may not run (`Alone`) a change before it takes that they start with the machine.
# safe to repeat: yes
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)][string]$Site,
    [Parameter(Mandatory = $true)][string]$Release, # the pin's label: told to what runs as SLOT_RELEASE
    [Parameter(Mandatory = $true)][string]$Path,    # the release's folder
    [Parameter(Mandatory = $true)][int]$Port,
    [Parameter(Mandatory = $true)][string]$ConfigFile,
    [Parameter(Mandatory = $true)][string]$Config,  # what is put there: told to what runs as SLOT_CONFIG
    [Parameter(Mandatory = $true)][int]$StopSeconds,
    [string[]]$Others = @(),
    [bool]$Alone = $false                           # while one of the others runs it is not started
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

# Not now: another world was found than the one that we were asked for, and it is left so.
function Stop-Busy([string]$Text) { Write-Error -Message $Text -Category ResourceBusy -ErrorAction Stop }

function Confirm-Own($Stand) {
    $called = $Stand.release
    if ($called -eq '') { $called = 'what the reconciler has not started' }
    if (@('Started', 'Starting') -contains $Stand.pool) {
        if ($Stand.release -ceq $Release) { return }
        Stop-Busy ($Site + ' runs ' + $called + '; it must be stopped before ' + $Release + ' can start.')
    }
    if ($Stand.pool -eq 'Stopping' -or $Stand.site -eq 'Stopping' -or $Stand.processes.Count -gt 0) {
        Stop-Busy ($Site + ' still runs ' + $called + ', which was asked to stop; wait until it has.')
    }
}

# Which of the others keeps this one from running, in words; empty where none does.
function Get-Rival($Stands) {
    foreach ($one in $Stands) {
        $how = ''
        if (@('Absent', 'Stopped') -notcontains $one.pool) { $how = ' is ' + $one.pool }
        if ($one.processes.Count -gt 0) { $how = ' runs, or has processes left' }
        if ($how -ne '') { return $one.name + $how + '; of these two only one may run.' }
    }
    ''
}

# A port that is taken is a no: nothing but a person gives it back.
function Confirm-Port($Manager, $Stand) {
    foreach ($other in $Manager.get_Sites()) {
        $taken = @($other.Bindings | Where-Object { $null -ne $_.EndPoint -and $_.EndPoint.Port -eq $Port })
        if ($other.Name -ne $Site -and $taken.Count -gt 0) {
            throw ('Port ' + $Port + ' is taken by the site ' + $other.Name + '; give one of them another port.')
        }
    }
    if (@('Absent', 'Stopped') -notcontains $Stand.site) { return }
    $listeners = [Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties().GetActiveTcpListeners()
    if (@($listeners | Where-Object { $_.Port -eq $Port }).Count -gt 0) {
        throw ('Port ' + $Port + ' is taken by another program; see: Get-NetTCPConnection -LocalPort ' + $Port)
    }
}

# How this one stands, if it may start.
function Get-Checked($Manager) {
    $stand = Get-Stand $Manager $Site
    $now = @($Others | ForEach-Object { Get-Stand $Manager $_ })
    if ($null -eq $script:before) { $script:before = $now }
    Confirm-Own $stand
    $rival = ''
    if ($Alone) { $rival = Get-Rival $now }
    if ($rival -ne '') { Stop-Busy $rival }
    Confirm-Port $Manager $stand
    $stand
}

function Set-Told($Variables, [string]$Name, [string]$Value) {
    foreach ($one in $Variables) {
        if ($one['name'] -eq $Name) { Set-Value $one 'value' $Value; return }
    }
    $one = $Variables.CreateElement('add')
    $one['name'] = $Name
    $one['value'] = $Value
    [void]$Variables.Add($one)
    $script:differs = $true
}

function Set-Pool($Manager) {
    $pool = $Manager.get_ApplicationPools()[$Site]
    if ($null -eq $pool) { $pool = $Manager.get_ApplicationPools().Add($Site); $script:differs = $true }
    Set-Value $pool 'managedRuntimeVersion' ''
    Set-Value $pool 'autoStart' $true
    Set-Value $pool 'startMode' 1 'AlwaysRunning'
    $model = $pool.GetChildElement('processModel')
    Set-Value $model 'idleTimeout' ([TimeSpan]::Zero)
    Set-Value $model 'shutdownTimeLimit' ([TimeSpan]::FromSeconds($StopSeconds))
    $recycling = $pool.GetChildElement('recycling')
    Set-Value $recycling 'disallowRotationOnConfigChange' $true
    $restart = $recycling.GetChildElement('periodicRestart')
    Set-Value $restart 'time' ([TimeSpan]::Zero)
    $schedule = $restart.GetCollection('schedule')
    if ($schedule.Count -gt 0) { $schedule.Clear(); $script:differs = $true }
    Set-Value $pool.GetChildElement('failure') 'rapidFailProtection' $false
    $variables = $pool.GetCollection('environmentVariables')
    Set-Told $variables 'SLOT_RELEASE' $Release
    Set-Told $variables 'SLOT_CONFIG' $ConfigFile
}

function Set-Site($Manager) {
    $place = '*:' + $Port + ':'
    $at = $Manager.get_Sites()[$Site]
    if ($null -eq $at) { $at = $Manager.get_Sites().Add($Site, 'http', $place, $Path); $script:differs = $true }
    Set-Value $at 'serverAutoStart' $true
    $plain = @($at.Bindings | Where-Object { $_.Protocol -eq 'http' })
    if ($plain.Count -ne 1 -or $plain[0].BindingInformation -ne $place) {
        $plain | ForEach-Object { $at.Bindings.Remove($_) }
        [void]$at.Bindings.Add($place, 'http')
        $script:differs = $true
    }
    $application = $at.Applications['/']
    if ($null -eq $application) { $application = $at.Applications.Add('/', $Path); $script:differs = $true }
    Set-Value $application 'applicationPool' $Site
    Set-Value $application 'preloadEnabled' $true
    Set-Value $application.VirtualDirectories['/'] 'physicalPath' $Path
}

# Whole before it has its name. Readable for whom the folder is: the pool's own account must be.
function Write-Config {
    if ([IO.File]::Exists($ConfigFile) -and [IO.File]::ReadAllText($ConfigFile) -ceq $Config) { return }
    [void][IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($ConfigFile))
    $draft = $ConfigFile + '.' + [Guid]::NewGuid().ToString('N')
    [IO.File]::WriteAllText($draft, $Config)
    if ([IO.File]::Exists($ConfigFile)) { [IO.File]::Replace($draft, $ConfigFile, [NullString]::Value) }
    else { [IO.File]::Move($draft, $ConfigFile) }
}

function Set-Slot($Manager) {
    Write-Config
    $mark = Get-Mark $Site
    if ([IO.File]::Exists($mark)) { [IO.File]::Delete($mark) } # in a folder that is not there it would throw
    Set-Pool $Manager
    Set-Site $Manager
}

# From our change on Windows may start this one by itself; if another one came up meanwhile, this one rests again.
function Confirm-Alone {
    $rival = Get-Rival (Get-Stands $Others)
    if ($rival -eq '') { return }
    if ($script:starts) {
        Save-Change { param($Manager) Set-Resting $Manager $Site }
        $problems = @(Stop-Both)
        if ($problems.Count -gt 0) { Write-Error -ErrorRecord $problems[0] -ErrorAction Stop }
    }
    Stop-Busy $rival
}

# A pool that was only just made is not known to IIS at once.
function Start-Both {
    $limit = [DateTime]::UtcNow.AddSeconds(10)
    while ($true) {
        $fresh = [Microsoft.Web.Administration.ServerManager]::new()
        try {
            $pool = $fresh.get_ApplicationPools()[$Site]
            $at = $fresh.get_Sites()[$Site]
            if ((Get-State $pool) -eq 'Stopped') { [void]$pool.Start() }
            if ((Get-State $at) -eq 'Stopped') { [void]$at.Start() }
            return
        } catch [Runtime.InteropServices.COMException] {
            if ([DateTime]::UtcNow -gt $limit) { Write-Error -ErrorRecord $_ -ErrorAction Stop }
        } finally { $fresh.Dispose() }
        Start-Sleep -Milliseconds 200
    }
}

if (-not [IO.File]::Exists([IO.Path]::Combine($Path, 'web.config'))) {
    throw ('The release is not there: expected ' + $Path + '\web.config; put the files there.')
}
$script:before = $null
$script:starts = $false

# A change of its own, and seldom one: only behind it nothing starts the others, and then they are looked at again.
if ($Alone) {
    Save-Change {
        param($Manager)
        [void](Get-Checked $Manager)
        $Others | ForEach-Object { Set-Resting $Manager $_ }
    }
}
Save-Change {
    param($Manager)
    $stand = Get-Checked $Manager
    $script:starts = @('Started', 'Starting') -notcontains $stand.pool
    if ($script:starts -or $stand.site -eq 'Absent') { Set-Slot $Manager }
}
if ($Alone) { Confirm-Alone }
Start-Both

$stands = @(Get-Stands (@($Site) + $Others))
[pscustomobject]@{ changed = [bool]$script:changed; before = @($script:before); stands = @($stands) }
